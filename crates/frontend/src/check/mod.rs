//! Checks of a request's form: what must be there, how long it may be, and the defaults that follow. Whether a request
//! fits the state of a workflow is decided behind the engine.
//!
//! Source of the rules, their order and their texts: the reference server's frontend.

mod links;
mod start;
mod versioning;

use engine::Execution;
use model::{Limits, Reject};
use prost::Message;
use proto::temporal::api::{
    common::v1::{Priority, RetryPolicy, WorkflowExecution},
    taskqueue::v1::TaskQueue,
};

pub(crate) use links::links;
pub(crate) use model::check::duration;
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

/// The task queue that a request names, with its kind filled in.
pub(crate) fn task_queue(queue: Option<TaskQueue>, limits: &Limits) -> Result<TaskQueue, Reject> {
    named_queue(queue, |queue| model::check::task_queue(queue, limits.id_length))
}

/// The same where a partition may be named as well.
pub(crate) fn task_queue_partition(queue: Option<TaskQueue>, limits: &Limits) -> Result<TaskQueue, Reject> {
    named_queue(queue, |queue| model::check::task_queue_partition(queue, limits.id_length))
}

/// A task queue that a user made up: not one of the server's own.
fn user_task_queue(queue: Option<TaskQueue>, limits: &Limits) -> Result<TaskQueue, Reject> {
    named_queue(queue, |queue| model::check::user_task_queue(queue, "", "", limits.id_length))
}

fn named_queue(
    queue: Option<TaskQueue>,
    check: impl FnOnce(&mut TaskQueue) -> Result<(), String>,
) -> Result<TaskQueue, Reject> {
    let mut queue = queue.ok_or_else(|| Reject::invalid("taskQueue is not set"))?;
    check(&mut queue).map_err(Reject::invalid)?;
    Ok(queue)
}

/// Fills in what a retry policy leaves out, and refuses what could never be meant.
fn retry_policy(policy: &mut Option<RetryPolicy>) -> Result<(), Reject> {
    policy.as_mut().map_or(Ok(()), model::check::retry_policy).map_err(Reject::invalid)
}

fn priority(priority: Option<&Priority>) -> Result<(), Reject> {
    model::check::priority(priority).map_err(Reject::invalid)
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

    #[test]
    fn what_is_wrong_with_a_queue_a_policy_or_a_priority_is_the_callers_fault() {
        let limits = Limits::default();
        let own = Some(TaskQueue { name: "temporal-sys-per-ns-tq".into(), ..Default::default() });
        let policy = RetryPolicy { backoff_coefficient: 0.5, ..Default::default() };
        let low = Priority { priority_key: -1, ..Default::default() };
        let rows = [
            (task_queue(None, &limits).map(|_| ()), "taskQueue is not set"),
            (task_queue_partition(None, &limits).map(|_| ()), "taskQueue is not set"),
            (
                user_task_queue(own, &limits).map(|_| ()),
                "cannot use internal per-namespace task queue:temporal-sys-per-ns-tq",
            ),
            (retry_policy(&mut Some(policy)), "BackoffCoefficient cannot be less than 1 on retry policy."),
            (priority(Some(&low)), "priority key can't be negative"),
        ];
        for (checked, text) in rows {
            assert_eq!(checked, Err(Reject::invalid(text)));
        }
    }
}
