//! The worker that holds the run in its cache has gone: a task that waits for it may be taken by any.

use model::Reject;

use crate::{Draft, Reply, StateChange, Step, WorkflowTask};

/// The task's event stands, and so does the deadline that went with it.
pub(super) fn handle(mut draft: Draft, task_queue: &str) -> Result<Step, Reject> {
    let gone = draft.run().core.sticky.as_ref().is_some_and(|sticky| sticky.task_queue == task_queue);
    if let Some(task) = draft.run().core.workflow_task
        && gone
        && task.sticky
        && !draft.run().is_deciding()
    {
        let task = Some(WorkflowTask { sticky: false, ..task });
        draft.change(if draft.run().is_speculative() {
            StateChange::SpeculativeTaskSet(task)
        } else {
            StateChange::WorkflowTaskSet(task)
        });
    }
    draft.finish(Reply::Done)
}
