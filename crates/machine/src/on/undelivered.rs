//! A task was started for a worker and could not be written to its connection, because the worker had given up its poll
//! or its connection had broken. The worker has never seen it, so it is as if it had not been started.

use model::Reject;

use crate::{Draft, Quiet, Reply, Step, TaskRef, activity};

/// The workflow task waits again, and what was held back for its worker's sake joins the history before it starts.
///
/// # Errors
/// `NotFound` when the task is not the running one (any more).
pub(super) fn workflow_task(mut draft: Draft, task: &TaskRef) -> Result<Step, Reject> {
    draft.run().answered_task(task)?;
    draft.quiet(Quiet::WorkflowTaskReturned);
    draft.flush_buffered();
    draft.finish(Reply::Done)
}

/// The activity waits again, in the same attempt.
///
/// # Errors
/// `NotFound` when this start is not the current one (any more).
pub(super) fn activity(
    mut draft: Draft,
    scheduled_event_id: i64,
    attempt: i32,
    started_time: i64,
) -> Result<Step, Reject> {
    let is_current = draft.run().activities.get(&scheduled_event_id).is_some_and(|running| {
        running.is_running() && running.attempt == attempt && running.started_time == started_time
    });
    if !draft.run().is_open() || !is_current {
        return Err(activity::not_found());
    }
    draft.quiet(Quiet::ActivityReturned { scheduled_event_id });
    draft.finish(Reply::Done)
}
