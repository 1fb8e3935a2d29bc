//! One activity of a workflow, from its scheduling to its end.
//!
//! | state                        | input                         | becomes                                          |
//! |------------------------------|-------------------------------|--------------------------------------------------|
//! | waiting for a worker         | start                         | running                                          |
//! | waiting for a worker         | completed, by id              | completed                                        |
//! | waiting for a worker         | schedule-to-start or -close   | timed out                                        |
//! | waiting for a worker         | cancel command                | canceled                                         |
//! | running                      | heartbeat                     | running                                          |
//! | running                      | completed                     | completed                                        |
//! | running                      | failed, timed out             | waiting for its retry, or failed, or timed out   |
//! | running                      | cancel command                | running, cancel requested                        |
//! | running, cancel requested    | canceled                      | canceled                                         |
//! | running, cancel requested    | failed, timed out             | failed, timed out                                |
//! | waiting for its retry        | its time has come             | waiting for a worker                             |
//! | waiting for its retry        | cancel command                | canceled                                         |
//!
//! Only the scheduling and the end are events of their own. That it started is written just before the end, because
//! until then the attempt may be one of many; all else is known to the state alone.

pub(crate) mod retry;
pub(crate) mod timeout;
pub(crate) mod wake;

use model::{Reject, Time};
use proto::temporal::api::{
    common::v1::{Priority, WorkerVersionStamp},
    history::v1::{ActivityTaskStartedEventAttributes, HistoryEvent, history_event::Attributes as A},
};

use crate::{Activity, ActivityTask, Draft};

impl Activity {
    /// Whether a worker has it.
    pub(crate) fn is_running(&self) -> bool {
        self.started_time != 0
    }

    /// The current attempt as a worker gets it.
    pub(crate) fn task(&self, priority: Option<Priority>) -> ActivityTask {
        ActivityTask {
            scheduled_event_id: self.scheduled_event_id,
            activity_id: self.activity_id.clone(),
            activity_type: self.activity_type.clone(),
            header: self.header.clone(),
            input: self.input.clone(),
            heartbeat_details: self.heartbeat_details.clone(),
            first_scheduled_time: self.first_scheduled_time,
            scheduled_time: self.scheduled_time,
            started_time: self.started_time,
            attempt: self.attempt,
            schedule_to_close_timeout: self.schedule_to_close_timeout,
            start_to_close_timeout: self.start_to_close_timeout,
            heartbeat_timeout: self.heartbeat_timeout,
            retry_policy: self.retry_policy.clone(),
            priority,
            worker_version: self.worker_version.clone(),
        }
    }
}

/// The answer to a caller whose activity has ended, or is in another attempt.
pub(crate) fn not_found() -> Reject {
    Reject::not_found("invalid activityID or activity already timed out or invoking workflow is completed")
}

/// Ends the activity: writes its start, if it had one, then its end.
///
/// `worker_version` is what the worker that reports the end says of its build; as on the reference it stands with the start.
/// `ending` makes the closing event's attributes of the started event's id, which is zero where there is none or where
/// it is not known yet because the events are buffered.
pub(crate) fn end(
    draft: &mut Draft,
    activity: &Activity,
    worker_version: Option<WorkerVersionStamp>,
    ending: impl FnOnce(i64) -> A,
) {
    let started_event_id = record_start(draft, activity, worker_version);
    draft.record(ending(started_event_id));
}

/// Writes that the activity had started, if it had. Returns the event's id as `end` needs it.
fn record_start(draft: &mut Draft, activity: &Activity, worker_version: Option<WorkerVersionStamp>) -> i64 {
    if !activity.is_running() {
        return 0;
    }
    let event_id = if draft.run().is_deciding() { 0 } else { draft.run().core.next_event_id };
    draft.record_event(HistoryEvent {
        event_time: Some(Time(activity.started_time).to_proto()),
        attributes: Some(A::ActivityTaskStartedEventAttributes(ActivityTaskStartedEventAttributes {
            scheduled_event_id: activity.scheduled_event_id,
            identity: activity.started_identity.clone(),
            request_id: activity.started_request_id.clone(),
            attempt: activity.attempt,
            last_failure: activity.last_failure.clone(),
            worker_version,
            ..Default::default()
        })),
        ..Default::default()
    });
    event_id
}
