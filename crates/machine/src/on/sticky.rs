//! The worker that holds the run in its cache is to be forgotten, or has gone.

use model::Reject;

use super::completed;
use crate::{Draft, Quiet, Reply, Step, WorkflowTask};

/// The next workflow task goes to any worker.
pub(super) fn reset(mut draft: Draft) -> Result<Step, Reject> {
    if !draft.run().is_open() {
        return Err(completed());
    }
    if draft.run().core.sticky.is_some() {
        draft.quiet(Quiet::StickySet(None));
    }
    draft.finish(Reply::Done)
}

/// A task that waits for that worker may be taken by any. Its event stands, and so does the deadline that went with it.
pub(super) fn worker_gone(mut draft: Draft, task_queue: &str) -> Result<Step, Reject> {
    let gone = draft
        .run()
        .core
        .sticky
        .as_ref()
        .is_some_and(|sticky| sticky.task_queue == task_queue);
    if let Some(task) = draft.run().core.workflow_task
        && gone
        && task.sticky
        && !draft.run().is_deciding()
    {
        draft.quiet(Quiet::WorkflowTaskSet(Some(WorkflowTask { sticky: false, ..task })));
    }
    draft.finish(Reply::Done)
}
