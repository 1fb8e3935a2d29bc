//! The timers that have come due.

use crate::Draft;

/// Fires the timers whose time has come at `draft.facts.now`, earliest first, and schedules a workflow task.
pub(crate) fn fire(draft: &mut Draft) {
    let _ = draft;
}
