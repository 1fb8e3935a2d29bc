//! What workers say of an activity with its task token: completed, failed, cancelled, still at it.

use engine::{ActivityAnswer, ActivityRef, Answer, Call, Execution};
use model::{Reject, RunId, Token};
use proto::cause::chain;
use proto::temporal::api::{
    common::v1::{Payloads, WorkerVersionStamp},
    failure::v1::{Failure, failure::FailureInfo},
    workflowservice::v1::{
        RecordActivityTaskHeartbeatRequest, RecordActivityTaskHeartbeatResponse, RespondActivityTaskCanceledRequest,
        RespondActivityTaskCanceledResponse, RespondActivityTaskCompletedRequest, RespondActivityTaskCompletedResponse,
        RespondActivityTaskFailedRequest, RespondActivityTaskFailedResponse,
    },
};

use super::failure::{CANCEL_DETAILS_TOO_LARGE, HEARTBEAT_TOO_LARGE, RESULT_TOO_LARGE, server_failure, within};
use crate::{
    check,
    context::{Scope, unexpected},
};

/// The activity that is meant, and who speaks.
pub(super) struct Subject {
    pub(super) execution: Execution,
    pub(super) activity: ActivityRef,
    /// The epoch in the task token; `None` by id.
    pub(super) epoch: Option<u64>,
    pub(super) identity: String,
    /// What the worker says of its build; `None` by id.
    pub(super) worker_version: Option<WorkerVersionStamp>,
}

impl Subject {
    fn of(token: Token, identity: String, worker_version: Option<WorkerVersionStamp>) -> Self {
        let run_id = RunId::from_slice(&token.run_id).map(|id| id.to_string()).unwrap_or_default();
        let activity = ActivityRef::of(&token);
        Self {
            execution: Execution { workflow_id: token.workflow_id, run_id },
            activity,
            epoch: Some(token.epoch),
            identity,
            worker_version,
        }
    }

    async fn say(self, scope: &Scope, answer: ActivityAnswer) -> Result<Answer, Reject> {
        let Self { execution, activity, epoch, identity, worker_version } = self;
        let call = Call::AnswerActivity { execution, activity, epoch, identity, worker_version, answer };
        scope.call(call).await
    }
}

/// An answer that is too large to keep fails the activity, and is not retried.
fn failed(reason: &str) -> ActivityAnswer {
    ActivityAnswer::Failed { failure: Some(Box::new(server_failure(reason))), last_heartbeat_details: None }
}

pub(super) async fn completed(scope: &Scope, subject: Subject, result: Option<Payloads>) -> Result<(), Reject> {
    let answer = if check::is_too_large(result.as_ref(), scope.limits()) {
        failed(RESULT_TOO_LARGE)
    } else {
        ActivityAnswer::Completed { result }
    };
    subject.say(scope, answer).await.map(|_| ())
}

pub(super) async fn canceled(scope: &Scope, subject: Subject, details: Option<Payloads>) -> Result<(), Reject> {
    let answer = if check::is_too_large(details.as_ref(), scope.limits()) {
        failed(CANCEL_DETAILS_TOO_LARGE)
    } else {
        ActivityAnswer::Canceled { details }
    };
    subject.say(scope, answer).await.map(|_| ())
}

/// What of the report was too large is answered as failures.
pub(super) async fn failed_with(
    scope: &Scope,
    subject: Subject,
    failure: Option<Failure>,
    mut last_heartbeat_details: Option<Payloads>,
) -> Result<Vec<Failure>, Reject> {
    let mut failures = Vec::new();
    if check::is_too_large(last_heartbeat_details.as_ref(), scope.limits()) {
        failures.push(server_failure(HEARTBEAT_TOO_LARGE));
        last_heartbeat_details = None;
    }
    let failure = failure.map(|failure| {
        let (failure, too_large) = within(failure, scope.limits());
        if too_large {
            failures.push(failure.clone());
        }
        Box::new(failure)
    });
    subject.say(scope, ActivityAnswer::Failed { failure, last_heartbeat_details }).await?;
    Ok(failures)
}

/// Whether the activity shall cancel itself.
pub(super) async fn heartbeat(scope: &Scope, subject: Subject, details: Option<Payloads>) -> Result<bool, Reject> {
    if check::is_too_large(details.as_ref(), scope.limits()) {
        subject.say(scope, failed(HEARTBEAT_TOO_LARGE)).await?;
        return Ok(true);
    }
    match subject.say(scope, ActivityAnswer::Heartbeat { details }).await? {
        Answer::Heartbeat { cancel_requested } => Ok(cancel_requested),
        other => Err(unexpected(&other)),
    }
}

/// The next retry's delay, here and in all causes, must be a duration of the protocol.
pub(super) fn retry_delays(failure: Option<&Failure>) -> Result<(), Reject> {
    for failure in failure.into_iter().flat_map(chain) {
        if let Some(FailureInfo::ApplicationFailureInfo(info)) = &failure.failure_info
            && let Some(delay) = &info.next_retry_delay
            && let Some(reason) = invalid_duration(delay)
        {
            return Err(Reject::invalid(format!("NextRetryDelay is not a valid duration: {reason}")));
        }
    }
    Ok(())
}

fn invalid_duration(span: &prost_types::Duration) -> Option<String> {
    const LONGEST: i64 = 315_576_000_000;
    let text = format!("duration (seconds:{} nanos:{})", span.seconds, span.nanos);
    if span.seconds.abs() > LONGEST {
        return Some(format!("{text} exceeds {}10000 years", if span.seconds < 0 { "-" } else { "+" }));
    }
    if span.nanos.unsigned_abs() > 999_999_999 {
        return Some(format!("{text} has out-of-range nanos"));
    }
    if (span.seconds > 0 && span.nanos < 0) || (span.seconds < 0 && span.nanos > 0) {
        return Some(format!("{text} has seconds and nanos with different signs"));
    }
    None
}

pub(crate) async fn respond_activity_task_completed(
    scope: Scope,
    token: Token,
    request: RespondActivityTaskCompletedRequest,
) -> Result<RespondActivityTaskCompletedResponse, Reject> {
    check::identity(&request.identity, scope.limits())?;
    completed(&scope, Subject::of(token, request.identity, request.worker_version), request.result).await?;
    Ok(RespondActivityTaskCompletedResponse {})
}

pub(crate) async fn respond_activity_task_canceled(
    scope: Scope,
    token: Token,
    request: RespondActivityTaskCanceledRequest,
) -> Result<RespondActivityTaskCanceledResponse, Reject> {
    check::identity(&request.identity, scope.limits())?;
    canceled(&scope, Subject::of(token, request.identity, request.worker_version), request.details).await?;
    Ok(RespondActivityTaskCanceledResponse {})
}

pub(crate) async fn respond_activity_task_failed(
    scope: Scope,
    token: Token,
    request: RespondActivityTaskFailedRequest,
) -> Result<RespondActivityTaskFailedResponse, Reject> {
    let is_application =
        |failure: &Failure| matches!(failure.failure_info, Some(FailureInfo::ApplicationFailureInfo(_)));
    if request.failure.as_ref().is_some_and(|failure| !is_application(failure)) {
        return Err(Reject::invalid("Failure must have ApplicationFailureInfo."));
    }
    retry_delays(request.failure.as_ref())?;
    check::identity(&request.identity, scope.limits())?;
    let subject = Subject::of(token, request.identity, request.worker_version);
    let failures = failed_with(&scope, subject, request.failure, request.last_heartbeat_details).await?;
    Ok(RespondActivityTaskFailedResponse { failures })
}

pub(crate) async fn record_activity_task_heartbeat(
    scope: Scope,
    token: Token,
    request: RecordActivityTaskHeartbeatRequest,
) -> Result<RecordActivityTaskHeartbeatResponse, Reject> {
    let cancel_requested = heartbeat(&scope, Subject::of(token, request.identity, None), request.details).await?;
    Ok(RecordActivityTaskHeartbeatResponse { cancel_requested, ..Default::default() })
}
