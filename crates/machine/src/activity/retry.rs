//! What follows on an attempt that failed: another one, or the end.
//!
//! Source of the rules: the reference server's activity retry.

use std::time::Duration;

use model::{RetryPolicy, RetryVerdict, Time, requested_delay};
use prost::Message;
use proto::temporal::api::{
    enums::v1::{RetryState, TimeoutType},
    failure::v1::{ApplicationFailureInfo, Failure, ServerFailureInfo, failure::FailureInfo},
};

use crate::{Activity, Draft, StateChange};

/// The largest failure that is kept with a pending activity, in bytes; of a larger one the beginning is.
const KEPT_FAILURE: usize = 4 * 1024;
/// How deep the causes of a failure are kept when it is cut.
const KEPT_CAUSES: usize = 20;

/// Retries the activity, if its policy allows for it after `failure`. Otherwise nothing changes, and the answer says why.
pub(crate) fn retry(draft: &mut Draft, activity: &Activity, failure: Option<&Failure>) -> Result<(), RetryState> {
    let now = draft.context.now;
    let wait = wait(activity, failure, now)?;
    draft.change(StateChange::ActivityRetried {
        scheduled_event_id: activity.scheduled_event_id,
        time: now,
        visible_time: now + wait,
        failure: failure.map(|failure| Box::new(kept(failure))),
    });
    Ok(())
}

/// How long the next attempt waits.
fn wait(activity: &Activity, failure: Option<&Failure>, now: Time) -> Result<Duration, RetryState> {
    let Some(policy) = &activity.retry_policy else {
        return Err(RetryState::RetryPolicyNotSet);
    };
    if activity.cancel_requested {
        return Err(RetryState::CancelRequested);
    }
    let info = failure.and_then(|failure| failure.failure_info.as_ref());
    is_retryable(info, &policy.non_retryable_error_types)?;
    let requested = requested_delay(application(info).and_then(|info| info.next_retry_delay.as_ref()));
    let expiration = Time(activity.schedule_to_close_deadline).non_zero();
    match RetryPolicy::with_defaults(policy).next(activity.attempt, now, expiration, None, requested) {
        RetryVerdict::After(wait) => Ok(wait),
        RetryVerdict::MaximumAttemptsReached => Err(RetryState::MaximumAttemptsReached),
        RetryVerdict::Timeout => Err(RetryState::Timeout),
        RetryVerdict::NonRetryable => Err(RetryState::NonRetryableFailure),
    }
}

/// Whether a failure of this kind is retried at all. A worker that gives no failure gives no reason against it.
pub(crate) fn is_retryable(info: Option<&FailureInfo>, listed: &[String]) -> Result<(), RetryState> {
    let unless = |refused: bool| {
        if refused { Err(RetryState::NonRetryableFailure) } else { Ok(()) }
    };
    match info {
        Some(FailureInfo::TimeoutFailureInfo(info)) => match info.timeout_type() {
            // The server's own deadlines, over all attempts: no further one can help.
            TimeoutType::ScheduleToStart | TimeoutType::ScheduleToClose => Err(RetryState::Timeout),
            kind @ (TimeoutType::StartToClose | TimeoutType::Heartbeat) => {
                let name = crate::names::pascal(kind.as_str_name(), "TIMEOUT_TYPE_");
                unless(listed.iter().any(|entry| entry.strip_prefix("TemporalTimeout:") == Some(&name)))
            }
            TimeoutType::Unspecified => unless(true),
        },
        Some(FailureInfo::CanceledFailureInfo(_) | FailureInfo::TerminatedFailureInfo(_)) => unless(true),
        Some(FailureInfo::ServerFailureInfo(info)) => unless(info.non_retryable),
        Some(FailureInfo::ApplicationFailureInfo(info)) => unless(info.non_retryable || listed.contains(&info.r#type)),
        Some(
            FailureInfo::ResetWorkflowFailureInfo(_)
            | FailureInfo::ActivityFailureInfo(_)
            | FailureInfo::ChildWorkflowExecutionFailureInfo(_)
            | FailureInfo::NexusOperationExecutionFailureInfo(_)
            | FailureInfo::NexusHandlerFailureInfo(_),
        )
        | None => Ok(()),
    }
}

/// What an application says of its failure; `None` for a failure of another kind.
pub(crate) fn application(info: Option<&FailureInfo>) -> Option<&ApplicationFailureInfo> {
    match info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => Some(info),
        Some(
            FailureInfo::TimeoutFailureInfo(_)
            | FailureInfo::CanceledFailureInfo(_)
            | FailureInfo::TerminatedFailureInfo(_)
            | FailureInfo::ServerFailureInfo(_)
            | FailureInfo::ResetWorkflowFailureInfo(_)
            | FailureInfo::ActivityFailureInfo(_)
            | FailureInfo::ChildWorkflowExecutionFailureInfo(_)
            | FailureInfo::NexusOperationExecutionFailureInfo(_)
            | FailureInfo::NexusHandlerFailureInfo(_),
        )
        | None => None,
    }
}

/// The failure as it is kept while the next attempt is pending.
fn kept(failure: &Failure) -> Failure {
    if failure.encoded_len() <= KEPT_FAILURE {
        return failure.clone();
    }
    Failure {
        message: "Failure exceeds size limit.".into(),
        cause: Some(cut(failure, KEPT_FAILURE, KEPT_CAUSES).into()),
        failure_info: Some(FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable: false })),
        ..Default::default()
    }
}

/// The most important parts of a failure that fit into `room` bytes, details not among them.
fn cut(failure: &Failure, mut room: usize, depth: usize) -> Failure {
    let mut take = |text: &str| {
        let mut end = text.len().min(room);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        // Four bytes are what the encoding adds.
        room = room.saturating_sub(end + if end == 0 { 0 } else { 4 });
        text[..end].to_owned()
    };
    let failure_info = match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => {
            Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                r#type: take(&info.r#type),
                non_retryable: info.non_retryable,
                ..Default::default()
            }))
        }
        Some(FailureInfo::ServerFailureInfo(info)) => {
            Some(FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable: info.non_retryable }))
        }
        Some(
            FailureInfo::TimeoutFailureInfo(_)
            | FailureInfo::CanceledFailureInfo(_)
            | FailureInfo::TerminatedFailureInfo(_)
            | FailureInfo::ResetWorkflowFailureInfo(_)
            | FailureInfo::ActivityFailureInfo(_)
            | FailureInfo::ChildWorkflowExecutionFailureInfo(_)
            | FailureInfo::NexusOperationExecutionFailureInfo(_)
            | FailureInfo::NexusHandlerFailureInfo(_),
        )
        | None => None,
    };
    let mut next = Failure {
        source: take(&failure.source),
        message: take(&failure.message),
        stack_trace: take(&failure.stack_trace),
        failure_info,
        ..Default::default()
    };
    if depth > 0 && room > 4 {
        next.cause = failure.cause.as_ref().map(|cause| cut(&cause.failure(), room - 4, depth - 1).into());
    }
    next
}
