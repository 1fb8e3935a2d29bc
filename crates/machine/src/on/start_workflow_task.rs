//! A poll met the scheduled workflow task.

use model::Reject;
use proto::temporal::api::common::v1::WorkerVersionStamp;

use super::completed;
use crate::{Draft, Reply, Step};

/// Replies `WorkflowTask`. The same poll (by a request id that is not empty) gets the same answer again.
///
/// # Errors
/// `NotFound` when the run is over or has no task that waits.
pub(super) fn handle(
    mut draft: Draft,
    identity: String,
    request_id: String,
    worker_version: Option<WorkerVersionStamp>,
) -> Result<Step, Reject> {
    if !draft.run().is_open() {
        return Err(completed());
    }
    // The same poll asks again: it has not heard the answer.
    let repeated = draft
        .run()
        .started_task
        .as_ref()
        .is_some_and(|started| !request_id.is_empty() && started.request_id == request_id);
    let answer = match draft.run().task_answer() {
        Some(answer) if repeated => answer,
        Some(_) | None => draft.start_workflow_task(identity, request_id, worker_version)?,
    };
    draft.finish(Reply::WorkflowTask(Box::new(answer)))
}
