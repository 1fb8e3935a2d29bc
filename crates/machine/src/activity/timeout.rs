//! The four timeouts of an activity: when each is up, and what then follows.

use std::{collections::BTreeSet, sync::Arc};

use model::Time;
use proto::temporal::api::{
    common::v1::Payloads,
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
        after(started, activity.started_time, activity.start_to_close_timeout, TimeoutType::StartToClose),
        after(!started, activity.scheduled_time, start, TimeoutType::ScheduleToStart),
        after(true, activity.first_scheduled_time, close, TimeoutType::ScheduleToClose),
        after(started, seen, activity.heartbeat_timeout, TimeoutType::Heartbeat),
    ]
    .into_iter()
    .flatten()
}

/// Which of two timeouts that are up at the same moment ends the attempt: the one that began to run first. Elsewhere a worker
/// takes a task some time after it was scheduled, so what runs from the scheduling is up before what runs from the start;
/// here both can be the same moment. What begins together goes by its number in the API.
const fn rank(kind: TimeoutType) -> u8 {
    match kind {
        TimeoutType::Unspecified => 0,
        TimeoutType::ScheduleToStart => 1,
        TimeoutType::ScheduleToClose => 2,
        TimeoutType::StartToClose => 3,
        TimeoutType::Heartbeat => 4,
    }
}

/// Does what is due at `draft.context.now`: ends attempts, and activities that are not retried. Whether any ended.
///
/// The order is that of the deadlines, then of the activities, then of what a timeout runs from (`rank`); of what ends in one
/// step all starts stand before all ends.
pub(crate) fn expire(draft: &mut Draft) -> bool {
    let now = draft.context.now;
    let mut due: Vec<_> = (draft.run().activities.values())
        .flat_map(|activity| {
            let up = running(activity).filter(|(time, _)| *time <= now);
            up.map(|(time, kind)| (time, activity.scheduled_event_id, kind)).collect::<Vec<_>>()
        })
        .collect();
    due.sort_by_key(|(time, scheduled_event_id, kind)| (*time, *scheduled_event_id, rank(*kind)));
    let mut ended: Vec<(Arc<Activity>, Failure, RetryState)> = Vec::new();
    let mut seen = BTreeSet::new();
    for (_, scheduled_event_id, kind) in due {
        // An earlier timeout of this very step has ended the attempt.
        if !seen.insert(scheduled_event_id) {
            continue;
        }
        let Some(activity) = draft.run().activities.get(&scheduled_event_id).cloned() else {
            continue;
        };
        if let Some((failure, state)) = expire_attempt(draft, &activity, kind) {
            ended.push((activity, failure, state));
        }
    }
    let starts: Vec<_> = ended.iter().map(|(activity, ..)| super::record_start(draft, activity, None)).collect();
    let any = !ended.is_empty();
    for ((activity, failure, state), started_event_id) in ended.into_iter().zip(starts) {
        draft.record(A::ActivityTaskTimedOutEventAttributes(ActivityTaskTimedOutEventAttributes {
            failure: Some(failure),
            scheduled_event_id: activity.scheduled_event_id,
            started_event_id,
            retry_state: state.into(),
        }));
    }
    any
}

/// Ends the current attempt because a timeout is up. Returns what the activity's end says unless it is retried.
fn expire_attempt(draft: &mut Draft, activity: &Activity, kind: TimeoutType) -> Option<(Failure, RetryState)> {
    let name = crate::names::pascal(kind.as_str_name(), "TIMEOUT_TYPE_");
    let message = format!("activity {name} timeout");
    let state = retry(draft, activity, Some(&timeout_failure(message.clone(), kind, None))).err()?;
    let (message, kind) = if state == RetryState::Timeout && kind != TimeoutType::ScheduleToStart {
        // What stands in the way of another attempt is the end of the whole.
        let text = "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying";
        (text.to_owned(), TimeoutType::ScheduleToClose)
    } else {
        (message, kind)
    };
    let cause = activity.last_failure.clone().map(Into::into);
    Some((Failure { cause, ..timeout_failure(message, kind, activity.heartbeat_details.clone()) }, state))
}

fn timeout_failure(message: String, kind: TimeoutType, last_heartbeat_details: Option<Payloads>) -> Failure {
    Failure {
        message,
        source: "Server".into(),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
            timeout_type: kind.into(),
            last_heartbeat_details,
        })),
        ..Default::default()
    }
}
