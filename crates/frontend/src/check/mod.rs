//! Checks of a request's form: what must be there, how long it may be, and the defaults that follow. Whether a request
//! fits the state of a workflow is decided behind the engine.
//!
//! Source of the rules, their order and their texts: the reference server's frontend.

mod links;
mod priority;
mod queue;
mod retry;
mod start;
mod versioning;

use engine::Execution;
use model::{Limits, Reject};
use prost::Message;
use proto::temporal::api::common::v1::WorkflowExecution;

pub(crate) use links::links;
pub(crate) use model::check::duration;
pub(crate) use queue::{task_queue, task_queue_partition};
pub(crate) use start::{signal_with_start, start};
pub(crate) use versioning::{WorkerVersion, worker_version};

/// The run that a request names.
pub(crate) fn execution(execution: Option<WorkflowExecution>) -> Result<Execution, Reject> {
    let execution = execution.ok_or_else(|| Reject::invalid("Execution is not set on request."))?;
    if execution.workflow_id.is_empty() {
        return Err(Reject::invalid("WorkflowId is not set on request."));
    }
    if !execution.run_id.is_empty() && uuid::Uuid::parse_str(&execution.run_id).is_err() {
        return Err(Reject::invalid("Invalid RunId."));
    }
    Ok(Execution { workflow_id: execution.workflow_id, run_id: execution.run_id })
}

pub(crate) fn identity(identity: &str, limits: &Limits) -> Result<(), Reject> {
    if identity.len() > limits.id_length {
        return Err(Reject::invalid("Identity length exceeds limit."));
    }
    Ok(())
}

pub(crate) fn request_id(request_id: &str, limits: &Limits) -> Result<(), Reject> {
    if request_id.len() > limits.id_length {
        return Err(Reject::invalid("RequestId length exceeds limit."));
    }
    Ok(())
}

/// Whether a payload set is larger than may be kept; an absent one has no size.
pub(crate) fn is_too_large<M: Message>(blob: Option<&M>, limits: &Limits) -> bool {
    blob.is_some_and(|blob| blob.encoded_len() > limits.blob_size_error)
}

/// Refuses a payload set that is larger than may be kept.
pub(crate) fn blob<M: Message>(blob: Option<&M>, limits: &Limits) -> Result<(), Reject> {
    if is_too_large(blob, limits) {
        return Err(Reject::invalid("Blob data size exceeds limit."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_needs_an_id_and_a_run_id_that_is_one() {
        let named = |workflow_id: &str, run_id: &str| {
            execution(Some(WorkflowExecution { workflow_id: workflow_id.into(), run_id: run_id.into() }))
                .map(|execution| execution.run_id)
                .map_err(|reject| reject.message)
        };
        assert_eq!(execution(None).unwrap_err().message, "Execution is not set on request.");
        assert_eq!(named("", ""), Err("WorkflowId is not set on request.".into()));
        assert_eq!(named("w", "x"), Err("Invalid RunId.".into()));
        assert_eq!(named("w", ""), Ok(String::new()));
        let run = "01a20485-6c98-7b69-b75a-b25c51883b9d";
        assert_eq!(named("w", run), Ok(run.into()));
    }
}
