//! What a client's start request means, with every default filled in.

use std::time::Duration;

use model::{fill_retry_policy, from_proto_duration, to_proto_duration};
use proto::temporal::api::{
    common::v1::RetryPolicy,
    enums::v1::{ContinueAsNewInitiator, TaskQueueKind},
    history::v1::WorkflowExecutionStartedEventAttributes,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::StartWorkflowExecutionRequest,
};

use crate::{EagerStart, Earlier, StartSpec, StepContext, cron};

impl StartSpec {
    /// What a client's request starts a run with, defaults and limits filled in.
    pub fn from_request(request: &StartWorkflowExecutionRequest, context: &StepContext) -> Self {
        let execution_timeout = from_proto_duration(request.workflow_execution_timeout.as_ref());
        let run_timeout = run_timeout(from_proto_duration(request.workflow_run_timeout.as_ref()), execution_timeout);
        let task_timeout =
            task_timeout(from_proto_duration(request.workflow_task_timeout.as_ref()), run_timeout, context);
        let delay = from_proto_duration(request.workflow_start_delay.as_ref());
        let wait = if delay.is_zero() {
            cron::wait(&request.cron_schedule, context.now, context.now).unwrap_or_default()
        } else {
            delay
        };
        let expiration = (!execution_timeout.is_zero()).then(|| rounded_to_millis(context.now + execution_timeout));
        let initiator = if request.cron_schedule.is_empty() {
            ContinueAsNewInitiator::Unspecified
        } else {
            ContinueAsNewInitiator::CronSchedule
        };
        let attributes = WorkflowExecutionStartedEventAttributes {
            workflow_type: request.workflow_type.clone(),
            task_queue: request.task_queue.clone().map(with_kind),
            input: request.input.clone(),
            workflow_execution_timeout: request.workflow_execution_timeout,
            workflow_run_timeout: overridden(request.workflow_run_timeout, run_timeout),
            workflow_task_timeout: overridden(request.workflow_task_timeout, task_timeout),
            continued_failure: request.continued_failure.clone(),
            last_completion_result: request.last_completion_result.clone(),
            initiator: initiator.into(),
            identity: request.identity.clone(),
            retry_policy: request.retry_policy.clone().map(filled),
            attempt: 1,
            workflow_execution_expiration_time: expiration.map(|time| time.to_proto()),
            cron_schedule: request.cron_schedule.clone(),
            first_workflow_task_backoff: Some(to_proto_duration(wait)),
            memo: request.memo.clone(),
            search_attributes: request.search_attributes.clone(),
            header: request.header.clone(),
            workflow_id: request.workflow_id.clone(),
            completion_callbacks: request.completion_callbacks.clone(),
            priority: request.priority.clone(),
            ..WorkflowExecutionStartedEventAttributes::default()
        };
        Self {
            attributes: Box::new(attributes),
            request_id: request.request_id.clone(),
            user_metadata: request.user_metadata.clone(),
            links: request.links.clone(),
            search_attributes: None,
            signal: None,
            earlier: Earlier::default(),
            eager: (request.request_eager_execution && wait.is_zero()).then(|| EagerStart {
                identity: request.identity.clone(),
                request_id: request.request_id.clone(),
                worker_version: None,
            }),
        }
    }
}

fn filled(mut policy: RetryPolicy) -> RetryPolicy {
    fill_retry_policy(&mut policy);
    policy
}

/// A queue that a client names is a normal one.
fn with_kind(mut queue: TaskQueue) -> TaskQueue {
    if queue.kind() == TaskQueueKind::Unspecified {
        queue.set_kind(TaskQueueKind::Normal);
    }
    queue
}

/// A run can't take longer than its chain; without a limit of its own it has the chain's.
fn run_timeout(run: Duration, execution: Duration) -> Duration {
    if run.is_zero() {
        execution
    } else if execution.is_zero() {
        run
    } else {
        run.min(execution)
    }
}

fn task_timeout(task: Duration, run: Duration, context: &StepContext) -> Duration {
    let task = if task.is_zero() { context.limits.workflow_task_timeout } else { task };
    let task = task.min(context.limits.workflow_task_timeout_max);
    if run.is_zero() { task } else { task.min(run) }
}

/// What the client said, unless something else is in force.
fn overridden(said: Option<prost_types::Duration>, in_force: Duration) -> Option<prost_types::Duration> {
    if from_proto_duration(said.as_ref()) == in_force { said } else { Some(to_proto_duration(in_force)) }
}

fn rounded_to_millis(time: model::Time) -> model::Time {
    model::Time::from_millis((time + Duration::from_micros(500)).as_millis())
}
