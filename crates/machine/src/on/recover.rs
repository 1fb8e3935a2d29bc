//! The run was just loaded. The start of a workflow task was only in memory, so the task waits again; the events that
//! were held back for its worker's sake are taken in now.

use model::Reject;

use crate::{Draft, Reply, Step};

/// What was buffered joins the history, and a workflow task tells of it.
///
/// # Errors
/// None: the engine asks for it, no caller.
pub(super) fn handle(mut draft: Draft) -> Result<Step, Reject> {
    if draft.run().is_open() && draft.flush_buffered() {
        draft.schedule_workflow_task();
    }
    draft.finish(Reply::Done)
}
