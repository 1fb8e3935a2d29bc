//! What the events of activities change.

use std::sync::Arc;

use model::{Time, from_proto_duration};
use proto::temporal::api::{
    common::v1::{Payloads, WorkerVersionStamp},
    failure::v1::Failure,
    history::v1::{
        ActivityTaskCancelRequestedEventAttributes, ActivityTaskCanceledEventAttributes,
        ActivityTaskCompletedEventAttributes, ActivityTaskFailedEventAttributes, ActivityTaskScheduledEventAttributes,
        ActivityTaskStartedEventAttributes, ActivityTaskTimedOutEventAttributes, HistoryEvent,
    },
};

use crate::{
    Activity, Run,
    run::{event_time, nanos},
};

/// The activity is pending, in its first attempt, and waits for a worker.
pub(super) fn scheduled(run: &mut Run, event: &HistoryEvent, attributes: &ActivityTaskScheduledEventAttributes) {
    let time = event_time(event);
    let whole = from_proto_duration(attributes.schedule_to_close_timeout.as_ref());
    let span = |timeout: &Option<prost_types::Duration>| nanos(from_proto_duration(timeout.as_ref()));
    let activity = Activity {
        scheduled_event_id: event.event_id,
        activity_id: attributes.activity_id.clone(),
        activity_type: attributes.activity_type.as_ref().map_or_else(String::new, |kind| kind.name.clone()),
        task_queue: attributes.task_queue.as_ref().map_or_else(String::new, |queue| queue.name.clone()),
        header: attributes.header.clone(),
        input: attributes.input.clone(),
        schedule_to_close_timeout: nanos(whole),
        schedule_to_start_timeout: span(&attributes.schedule_to_start_timeout),
        start_to_close_timeout: span(&attributes.start_to_close_timeout),
        heartbeat_timeout: span(&attributes.heartbeat_timeout),
        retry_policy: attributes.retry_policy.clone(),
        priority: attributes.priority.clone(),
        first_scheduled_time: time.0,
        scheduled_time: time.0,
        attempt: 1,
        schedule_to_close_deadline: if whole.is_zero() { 0 } else { (time + whole).0 },
        user_metadata: event.user_metadata.clone(),
        workflow_task_completed_event_id: attributes.workflow_task_completed_event_id,
        ..Default::default()
    };
    run.activities.insert(event.event_id, Arc::new(activity));
}

/// A start is written together with the end of the activity: that it runs is known from `StateChange::ActivityStarted`.
pub(super) fn started(_run: &mut Run, _event: &HistoryEvent, _attributes: &ActivityTaskStartedEventAttributes) {}

/// The activity is over, as with the three other ends.
pub(super) fn completed(run: &mut Run, _event: &HistoryEvent, attributes: &ActivityTaskCompletedEventAttributes) {
    run.activities.remove(&attributes.scheduled_event_id);
}

/// Only of the last attempt: one that is retried leaves no event, see `StateChange::ActivityRetried`.
pub(super) fn failed(run: &mut Run, _event: &HistoryEvent, attributes: &ActivityTaskFailedEventAttributes) {
    run.activities.remove(&attributes.scheduled_event_id);
}

/// As with `failed`, only of the last attempt.
pub(super) fn timed_out(run: &mut Run, _event: &HistoryEvent, attributes: &ActivityTaskTimedOutEventAttributes) {
    run.activities.remove(&attributes.scheduled_event_id);
}

/// The activity goes on until its worker heeds the request; one that is over already is left alone.
pub(super) fn cancel_requested(
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &ActivityTaskCancelRequestedEventAttributes,
) {
    change(run, attributes.scheduled_event_id, |activity| {
        activity.cancel_requested = true;
        activity.cancel_requested_event_id = event.event_id;
    });
}

/// The activity is over: its worker has heeded the request, or it never ran.
pub(super) fn canceled(run: &mut Run, _event: &HistoryEvent, attributes: &ActivityTaskCanceledEventAttributes) {
    run.activities.remove(&attributes.scheduled_event_id);
}

/// A worker has the attempt.
pub(super) fn taken(
    run: &mut Run,
    scheduled_event_id: i64,
    time: Time,
    identity: &str,
    request_id: &str,
    worker_version: Option<&WorkerVersionStamp>,
) {
    change(run, scheduled_event_id, |activity| {
        activity.started_time = time.0;
        identity.clone_into(&mut activity.started_identity);
        request_id.clone_into(&mut activity.started_request_id);
        activity.worker_version = worker_version.cloned();
    });
}

/// The attempt didn't reach its worker: it waits again, as if it had not been started.
pub(super) fn returned(run: &mut Run, scheduled_event_id: i64) {
    change(run, scheduled_event_id, |activity| {
        activity.started_time = 0;
        activity.started_identity.clear();
        activity.started_request_id.clear();
        activity.worker_version = None;
    });
}

/// The attempt lives; its details replace those of before.
pub(super) fn heartbeat(run: &mut Run, scheduled_event_id: i64, time: Time, details: Option<&Payloads>) {
    change(run, scheduled_event_id, |activity| {
        activity.last_heartbeat_time = time.0;
        activity.heartbeat_details = details.cloned();
    });
}

/// The attempt ended at `time`, and another one follows at `visible_time`.
pub(super) fn retried(
    run: &mut Run,
    scheduled_event_id: i64,
    time: Time,
    visible_time: Time,
    failure: Option<&Failure>,
) {
    change(run, scheduled_event_id, |activity| {
        activity.attempt += 1;
        activity.started_time = 0;
        activity.started_request_id.clear();
        activity.last_worker_identity = std::mem::take(&mut activity.started_identity);
        activity.last_attempt_complete_time = time.0;
        activity.last_failure = failure.cloned();
        activity.scheduled_time = visible_time.0;
        // Without a wait it is ready in the same step.
        activity.visible_time = if visible_time > time { visible_time.0 } else { 0 };
    });
}

/// The wait of a retry is over.
pub(super) fn ready(run: &mut Run, scheduled_event_id: i64) {
    change(run, scheduled_event_id, |activity| activity.visible_time = 0);
}

/// Changes a pending activity; one that has ended is left alone.
fn change(run: &mut Run, scheduled_event_id: i64, apply: impl FnOnce(&mut Activity)) {
    if let Some(activity) = run.activities.get_mut(&scheduled_event_id) {
        apply(Arc::make_mut(activity));
    }
}
