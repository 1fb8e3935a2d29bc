//! What the events of activities change.

use std::sync::Arc;

use model::from_proto_duration;
use proto::temporal::api::history::v1::{
    ActivityTaskCancelRequestedEventAttributes, ActivityTaskCanceledEventAttributes,
    ActivityTaskCompletedEventAttributes, ActivityTaskFailedEventAttributes, ActivityTaskScheduledEventAttributes,
    ActivityTaskStartedEventAttributes, ActivityTaskTimedOutEventAttributes, HistoryEvent,
};

use crate::{
    Activity, Quiet, Run,
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

/// A start is written together with the end of the activity: that it runs is known from `Quiet::ActivityStarted`.
pub(super) fn started(_run: &mut Run, _event: &HistoryEvent, _attributes: &ActivityTaskStartedEventAttributes) {}

/// The activity is over, as with the three other ends.
pub(super) fn completed(run: &mut Run, _event: &HistoryEvent, attributes: &ActivityTaskCompletedEventAttributes) {
    run.activities.remove(&attributes.scheduled_event_id);
}

/// Only of the last attempt: one that is retried leaves no event, see `Quiet::ActivityRetried`.
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

/// `Quiet::ActivityStarted`, `ActivityReturned`, `ActivityHeartbeat`, `ActivityRetried`, `ActivityReady`; other changes are not its own.
pub(super) fn quiet(run: &mut Run, quiet: &Quiet) {
    if let Quiet::ActivityStarted { scheduled_event_id, time, identity, request_id, worker_version } = quiet {
        change(run, *scheduled_event_id, |activity| {
            activity.started_time = time.0;
            activity.started_identity.clone_from(identity);
            activity.started_request_id.clone_from(request_id);
            activity.worker_version.clone_from(worker_version);
        });
    } else if let Quiet::ActivityReturned { scheduled_event_id } = quiet {
        change(run, *scheduled_event_id, |activity| {
            activity.started_time = 0;
            activity.started_identity.clear();
            activity.started_request_id.clear();
            activity.worker_version = None;
        });
    } else if let Quiet::ActivityHeartbeat { scheduled_event_id, time, details } = quiet {
        change(run, *scheduled_event_id, |activity| {
            activity.last_heartbeat_time = time.0;
            activity.heartbeat_details.clone_from(details);
        });
    } else if let Quiet::ActivityRetried { scheduled_event_id, time, visible_time, failure } = quiet {
        change(run, *scheduled_event_id, |activity| {
            activity.attempt += 1;
            activity.started_time = 0;
            activity.started_request_id.clear();
            activity.last_worker_identity = std::mem::take(&mut activity.started_identity);
            activity.last_attempt_complete_time = time.0;
            activity.last_failure = failure.as_deref().cloned();
            activity.scheduled_time = visible_time.0;
            // Without a wait it is ready in the same step.
            activity.visible_time = if visible_time > time { visible_time.0 } else { 0 };
        });
    } else if let Quiet::ActivityReady { scheduled_event_id, .. } = quiet {
        change(run, *scheduled_event_id, |activity| activity.visible_time = 0);
    }
}

/// Changes a pending activity; one that has ended is left alone.
fn change(run: &mut Run, scheduled_event_id: i64, apply: impl FnOnce(&mut Activity)) {
    if let Some(activity) = run.activities.get_mut(&scheduled_event_id) {
        apply(Arc::make_mut(activity));
    }
}
