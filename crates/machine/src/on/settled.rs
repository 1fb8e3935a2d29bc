//! What a closed run still had to tell others has arrived.

use model::Reject;

use crate::{Draft, Quiet, Reply, Step};

/// The close policy was carried out on a child. Told twice it changes nothing.
pub(super) fn close_policy_applied(mut draft: Draft, initiated_event_id: i64) -> Result<Step, Reject> {
    if draft
        .run()
        .children
        .get(&initiated_event_id)
        .is_some_and(|child| child.close_policy_pending)
    {
        draft.quiet(Quiet::ClosePolicyApplied { initiated_event_id });
    }
    draft.finish(Reply::Done)
}

/// The parent knows how the run ended. Told twice it changes nothing.
pub(super) fn parent_notified(mut draft: Draft) -> Result<Step, Reject> {
    if draft.run().core.parent_notice_pending {
        draft.quiet(Quiet::ParentNotified);
    }
    draft.finish(Reply::Done)
}
