//! The four timeouts of an activity: when each is up, and what then follows.

use model::Time;
use proto::temporal::api::{
    enums::v1::{RetryState, TimeoutType},
    failure::v1::{Failure, TimeoutFailureInfo, failure::FailureInfo},
    history::v1::{ActivityTaskTimedOutEventAttributes, history_event::Attributes as A},
};

use super::retry::retry;
use crate::{Activity, Draft, run::span};

/// The timeouts that are running, each with its end.
pub(crate) fn running(activity: &Activity) -> impl Iterator<Item = (Time, TimeoutType)> {
    let after = |applies: bool, from: i64, timeout: i64, kind| {
        (applies && timeout > 0).then(|| (Time(from) + span(timeout), kind))
    };
    let started = activity.is_running();
    let seen = activity.started_time.max(activity.last_heartbeat_time);
    let (close, start) = (activity.schedule_to_close_timeout, activity.schedule_to_start_timeout);
    [
        after(
            started,
            activity.started_time,
            activity.start_to_close_timeout,
            TimeoutType::StartToClose,
        ),
        after(!started, activity.scheduled_time, start, TimeoutType::ScheduleToStart),
        after(true, activity.first_scheduled_time, close, TimeoutType::ScheduleToClose),
        after(started, seen, activity.heartbeat_timeout, TimeoutType::Heartbeat),
    ]
    .into_iter()
    .flatten()
}

/// Ends the current attempt because a timeout is up, and the activity with it unless it is retried. Whether it ended.
pub(crate) fn expire(draft: &mut Draft, activity: &Activity, kind: TimeoutType) -> bool {
    let name = crate::names::pascal(kind.as_str_name(), "TIMEOUT_TYPE_");
    let failure = timeout_failure(format!("activity {name} timeout"), kind);
    let Err(state) = retry(draft, activity, Some(&failure)) else {
        return false;
    };
    let mut failure = failure;
    if state == RetryState::Timeout && kind != TimeoutType::ScheduleToStart {
        // What stands in the way of another attempt is the end of the whole.
        failure = timeout_failure(
            "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying".into(),
            TimeoutType::ScheduleToClose,
        );
    }
    failure.cause = activity.last_failure.clone().map(Box::new);
    if let Some(FailureInfo::TimeoutFailureInfo(info)) = &mut failure.failure_info {
        info.last_heartbeat_details.clone_from(&activity.heartbeat_details);
    }
    super::end(draft, activity, |started_event_id| {
        A::ActivityTaskTimedOutEventAttributes(ActivityTaskTimedOutEventAttributes {
            failure: Some(failure),
            scheduled_event_id: activity.scheduled_event_id,
            started_event_id,
            retry_state: state.into(),
        })
    });
    true
}

fn timeout_failure(message: String, kind: TimeoutType) -> Failure {
    Failure {
        message,
        source: "Server".into(),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
            timeout_type: kind.into(),
            last_heartbeat_details: None,
        })),
        ..Default::default()
    }
}
