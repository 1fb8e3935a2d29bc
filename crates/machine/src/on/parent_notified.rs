//! The parent has heard how this closed run ended, or is gone.

use model::Reject;

use crate::{Draft, Reply, StateChange, Step};

/// A second time it changes nothing.
pub(super) fn handle(mut draft: Draft) -> Result<Step, Reject> {
    if draft.run().core.parent_notice_pending {
        draft.change(StateChange::ParentNotified);
    }
    draft.finish(Reply::Done)
}
