//! Activities in time: their timeouts, and the end of a retry's wait.

use model::Time;

use crate::{Activity, Draft};

/// When something of this activity is ripe next; `fire` does it then.
pub(crate) fn deadline(activity: &Activity) -> Option<Time> {
    let _ = activity;
    None
}

/// Does what is ripe at `draft.facts.now`, and schedules a workflow task if an event came of it.
pub(crate) fn fire(draft: &mut Draft) {
    let _ = draft;
}
