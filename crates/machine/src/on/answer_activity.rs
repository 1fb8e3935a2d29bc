//! A worker, or another caller that knows the activity's id, reports on an activity.

use std::sync::Arc;

use model::Reject;
use proto::temporal::api::{
    common::v1::Payloads,
    failure::v1::Failure,
    history::v1::{
        ActivityTaskCanceledEventAttributes, ActivityTaskCompletedEventAttributes, ActivityTaskFailedEventAttributes,
        history_event::Attributes as A,
    },
};

use crate::{
    Activity, ActivityAnswer, ActivityRef, Draft, Reply, Run, StateChange, Step,
    activity::{self, retry::retry},
    task::Reporter,
};

/// # Errors
/// `NotFound` when the run or the activity has ended or the attempt is not the running one; `InvalidArgument` for an
/// empty id, and for a cancellation that the workflow has not asked for.
pub(super) fn handle(
    mut draft: Draft,
    which: ActivityRef,
    reporter: Reporter,
    answer: ActivityAnswer,
) -> Result<Step, Reject> {
    let activity = find(draft.run(), &which)?;
    if !activity.is_running() && !ends_waiting(&which, &answer) {
        return Err(activity::not_found());
    }
    match answer {
        ActivityAnswer::Completed { result } => complete(&mut draft, &activity, reporter, result),
        ActivityAnswer::Failed { failure, last_heartbeat_details } => {
            fail(&mut draft, &activity, reporter, failure, last_heartbeat_details);
        }
        ActivityAnswer::Canceled { details } => cancel(&mut draft, &activity, reporter.identity, details)?,
        ActivityAnswer::Heartbeat { details } => {
            heartbeat(&mut draft, &activity, details);
            return draft.finish(Reply::Heartbeat { cancel_requested: activity.cancel_requested });
        }
    }
    draft.finish(Reply::Done)
}

/// Whether the answer counts for an activity that no worker has taken yet: a caller that knows the id may complete it.
fn ends_waiting(which: &ActivityRef, answer: &ActivityAnswer) -> bool {
    match (which, answer) {
        (ActivityRef::Id(_), ActivityAnswer::Completed { .. }) => true,
        (ActivityRef::Token { .. }, ActivityAnswer::Completed { .. })
        | (
            ActivityRef::Token { .. } | ActivityRef::Id(_),
            ActivityAnswer::Failed { .. } | ActivityAnswer::Canceled { .. } | ActivityAnswer::Heartbeat { .. },
        ) => false,
    }
}

fn find(run: &Run, which: &ActivityRef) -> Result<Arc<Activity>, Reject> {
    if !run.is_open() {
        return Err(Reject::not_found("workflow execution already completed"));
    }
    match which {
        ActivityRef::Token { scheduled_event_id, attempt, started_time } => {
            let is_meant = |activity: &&Arc<Activity>| {
                activity.attempt == *attempt && (*started_time == 0 || activity.started_time == *started_time)
            };
            run.activities.get(scheduled_event_id).filter(is_meant).cloned().ok_or_else(activity::not_found)
        }
        ActivityRef::Id(id) if id.is_empty() => Err(Reject::invalid("activityID cannot be empty")),
        ActivityRef::Id(id) => run.activity_by_id(id).cloned().ok_or_else(|| {
            Reject::not_found(format!(
                "cannot find pending activity with ActivityID {id}, check workflow execution history for more details"
            ))
        }),
    }
}

fn complete(draft: &mut Draft, activity: &Activity, reporter: Reporter, result: Option<Payloads>) {
    let Reporter { identity, worker_version } = reporter;
    let mut ended = activity.clone();
    if !activity.is_running() {
        // The history has to tell of a start all the same.
        ended.started_time = draft.context.now.0;
        ended.started_identity.clone_from(&identity);
        ended.started_request_id.clear();
    }
    activity::end(draft, &ended, worker_version, |started_event_id| {
        A::ActivityTaskCompletedEventAttributes(ActivityTaskCompletedEventAttributes {
            result,
            scheduled_event_id: activity.scheduled_event_id,
            started_event_id,
            identity,
            ..Default::default()
        })
    });
    draft.schedule_workflow_task();
}

fn fail(
    draft: &mut Draft,
    activity: &Activity,
    reporter: Reporter,
    failure: Option<Box<Failure>>,
    last_heartbeat_details: Option<Payloads>,
) {
    let Reporter { identity, worker_version } = reporter;
    if last_heartbeat_details.is_some() {
        heartbeat(draft, activity, last_heartbeat_details);
    }
    let Err(state) = retry(draft, activity, failure.as_deref()) else {
        return;
    };
    activity::end(draft, activity, worker_version, |started_event_id| {
        A::ActivityTaskFailedEventAttributes(ActivityTaskFailedEventAttributes {
            failure: failure.map(|failure| *failure),
            scheduled_event_id: activity.scheduled_event_id,
            started_event_id,
            identity,
            retry_state: state.into(),
            ..Default::default()
        })
    });
    draft.schedule_workflow_task();
}

fn cancel(draft: &mut Draft, activity: &Activity, identity: String, details: Option<Payloads>) -> Result<(), Reject> {
    if !activity.cancel_requested {
        return Err(Reject::invalid(
            "unable to mark activity as canceled without activity being request canceled first",
        ));
    }
    activity::end(draft, activity, None, |started_event_id| {
        A::ActivityTaskCanceledEventAttributes(ActivityTaskCanceledEventAttributes {
            details,
            latest_cancel_requested_event_id: activity.cancel_requested_event_id,
            scheduled_event_id: activity.scheduled_event_id,
            started_event_id,
            identity,
            ..Default::default()
        })
    });
    draft.schedule_workflow_task();
    Ok(())
}

fn heartbeat(draft: &mut Draft, activity: &Activity, details: Option<Payloads>) {
    let time = draft.context.now;
    draft.change(StateChange::ActivityHeartbeat { scheduled_event_id: activity.scheduled_event_id, time, details });
}
