//! A worker couldn't decide: it has failed on the history, or met something that doesn't fit its code.

use model::Reject;
use proto::temporal::api::{
    enums::v1::WorkflowTaskFailedCause, workflowservice::v1::RespondWorkflowTaskFailedRequest as Request,
};

use super::completed;
use crate::{
    Draft, Reply, Step, TaskRef,
    names::pascal,
    task::{Failed, SERVER},
};

/// Schedules the next attempt. A task that no worker could ever answer terminates the run instead.
///
/// # Errors
/// `NotFound` when the task is not the running one (any more).
pub(super) fn handle(mut draft: Draft, task: &TaskRef, request: Request) -> Result<Step, Reject> {
    if !draft.run().is_open() {
        return Err(completed());
    }
    draft.run().answered_task(task)?;
    let cause = request.cause();
    if cause == WorkflowTaskFailedCause::GrpcMessageTooLarge {
        // No worker could ever answer.
        let reason = pascal(cause.as_str_name(), "WORKFLOW_TASK_FAILED_CAUSE_");
        draft.terminate_run(reason, None, SERVER.to_owned(), Vec::new());
        return draft.finish(Reply::Done);
    }
    let attempt = draft.fail_workflow_task(Failed {
        cause,
        failure: request.failure,
        identity: request.identity,
        binary_checksum: request.binary_checksum,
        worker_version: request.worker_version,
    });
    draft.schedule_attempt(attempt, None);
    draft.finish(Reply::Done)
}
