//! The close policy of this closed run was carried out on a child.

use model::Reject;

use crate::{Draft, Reply, StateChange, Step};

/// A second time it changes nothing.
pub(super) fn handle(mut draft: Draft, initiated_event_id: i64) -> Result<Step, Reject> {
    if draft.run().children.get(&initiated_event_id).is_some_and(|child| child.close_policy_pending) {
        draft.change(StateChange::ClosePolicyApplied { initiated_event_id });
    }
    draft.finish(Reply::Done)
}
