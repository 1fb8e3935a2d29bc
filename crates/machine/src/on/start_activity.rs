//! A poll met a waiting activity: the worker gets its current attempt.

use model::Reject;
use proto::temporal::api::common::v1::WorkerVersionStamp;

use crate::{ActivityTask, Draft, Reply, Run, StateChange, Step, activity};

/// # Errors
/// `NotFound` when the activity has ended, and `AlreadyExists` when another poll was given it: the task is stale.
pub(super) fn handle(
    mut draft: Draft,
    scheduled_event_id: i64,
    identity: String,
    request_id: String,
    worker_version: Option<WorkerVersionStamp>,
) -> Result<Step, Reject> {
    if !draft.run().is_open() {
        return Err(Reject::not_found("workflow execution already completed"));
    }
    let Some(waiting) = draft.run().activities.get(&scheduled_event_id).cloned() else {
        return Err(activity::not_found());
    };
    if waiting.visible_time != 0 {
        // Its retry is not due yet, so the task is of an earlier attempt.
        return Err(activity::not_found());
    }
    if waiting.is_running() {
        // The same poll asks again when it has not heard the answer.
        if waiting.started_request_id != request_id {
            return Err(Reject::new(model::Kind::AlreadyExists, "Activity task already started."));
        }
    } else {
        let time = draft.context.now;
        draft.change(StateChange::ActivityStarted { scheduled_event_id, time, identity, request_id, worker_version });
    }
    match task(draft.run(), scheduled_event_id) {
        Some(task) => draft.finish(Reply::Activity(Box::new(task))),
        None => Err(activity::not_found()),
    }
}

/// The activity as its worker gets it; what its priority leaves open the workflow's decides.
fn task(run: &Run, scheduled_event_id: i64) -> Option<ActivityTask> {
    let started = run.activities.get(&scheduled_event_id)?;
    Some(started.task(run.priority_of(started.priority.as_ref())))
}
