//! A workflow task was started for a worker and could not be written to its connection, because the worker had given up its
//! poll or the connection had broken. The worker has never seen it, so it is as if it had not been started.

use model::Reject;

use crate::{Draft, Reply, StateChange, Step, TaskRef};

/// The task waits again, and what was held back for its worker's sake joins the history before it starts.
///
/// # Errors
/// `NotFound` when the task is not the running one (any more).
pub(super) fn handle(mut draft: Draft, task: &TaskRef) -> Result<Step, Reject> {
    draft.run().answered_task(task)?;
    draft.change(StateChange::WorkflowTaskReturned);
    draft.flush_buffered();
    draft.finish(Reply::Done)
}
