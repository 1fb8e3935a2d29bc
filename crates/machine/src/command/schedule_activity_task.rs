//! ScheduleActivityTask: work for an activity worker, or for the worker that asks.

use std::time::Duration;

use model::to_proto_duration;
use proto::temporal::api::{
    command::v1::ScheduleActivityTaskCommandAttributes,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{ActivityTaskScheduledEventAttributes, HistoryEvent, history_event},
};

use super::{CommandContext, CommandFailure, append, limit, valid};
use crate::{ActivityTask, Draft, StateChange};

/// Becomes `ActivityTaskScheduled`. An activity that the worker asks for itself is handed to it with the answer, see
/// `start_eager`.
///
/// # Errors
/// The workflow task fails with `BadScheduleActivityAttributes`, with `ScheduleActivityDuplicateId` while an activity
/// of the same id is pending, or with `PendingActivitiesLimitExceeded` above `Limits::pending_activities`. An input
/// above the size limit terminates the run.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<ScheduleActivityTaskCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    let bad = |text: String| CommandFailure::task(Cause::BadScheduleActivityAttributes, text);
    let Some(mut command) = attributes else {
        return Err(bad("ScheduleActivityTaskCommandAttributes is not set on ScheduleActivityTaskCommand.".into()));
    };
    check(draft, &mut command).map_err(bad)?;
    limit::blob(
        draft,
        limit::size(command.input.as_ref()),
        Cause::BadScheduleActivityAttributes,
        "ScheduleActivityTaskCommandAttributes.Input exceeds size limit.",
    )?;
    limit::pending(
        draft.run().activities.len(),
        draft.context.limits.pending_activities,
        Cause::PendingActivitiesLimitExceeded,
        "pending activities",
    )?;
    let id = &command.activity_id;
    if draft.run().activity_by_id(id).is_some() {
        let text =
            format!("invalid history builder state for action: add-activitytask-scheduled-event, ActivityID: {id}");
        return Err(CommandFailure::task(Cause::ScheduleActivityDuplicateId, text));
    }
    let eager = command.request_eager_execution;
    let attributes = ActivityTaskScheduledEventAttributes {
        activity_id: command.activity_id,
        activity_type: command.activity_type,
        task_queue: command.task_queue,
        header: command.header,
        input: command.input,
        schedule_to_close_timeout: command.schedule_to_close_timeout,
        schedule_to_start_timeout: command.schedule_to_start_timeout,
        start_to_close_timeout: command.start_to_close_timeout,
        heartbeat_timeout: command.heartbeat_timeout,
        workflow_task_completed_event_id: context.workflow_task_completed_event_id,
        retry_policy: command.retry_policy,
        priority: command.priority,
        use_workflow_build_id: command.use_workflow_build_id,
    };
    let event_id = append(draft, event, history_event::Attributes::ActivityTaskScheduledEventAttributes(attributes));
    if eager {
        context.eager.push(event_id);
    }
    Ok(())
}

/// Hands the activities that the worker asked for to it: those that no later command canceled.
///
/// The caller has made sure that the run is still open.
pub(crate) fn start_eager(draft: &mut Draft, context: &CommandContext) -> Vec<ActivityTask> {
    let mut tasks = Vec::new();
    for scheduled_event_id in context.eager.iter().copied() {
        if !draft.run().activities.contains_key(&scheduled_event_id) {
            continue;
        }
        let time = draft.context.now;
        let request_id = draft.context.entropy.uuid().to_string();
        let identity = context.identity.clone();
        draft.change(StateChange::ActivityStarted {
            scheduled_event_id,
            time,
            identity,
            request_id,
            worker_version: None,
        });
        if let Some(activity) = draft.run().activities.get(&scheduled_event_id) {
            tasks.push(activity.task(activity.priority.clone()));
        }
    }
    tasks
}

/// Checks the attributes and fills in what they leave out.
fn check(draft: &Draft, command: &mut ScheduleActivityTaskCommandAttributes) -> Result<(), String> {
    let limit = draft.context.limits.id_length;
    let own = draft.run().core.task_queue.as_str();
    let Some(queue) = &mut command.task_queue else {
        return Err("taskQueue is not set".into());
    };
    model::check::user_task_queue(queue, "", own, limit)?;
    let kind = command.activity_type.as_ref().map_or("", |kind| kind.name.as_str());
    if command.activity_id.is_empty() {
        return Err("activityId is not set".into());
    }
    if kind.is_empty() {
        return Err("activityType is not set".into());
    }
    model::check::retry_policy(command.retry_policy.get_or_insert_default())?;
    for (field, value) in [("activityId", command.activity_id.as_str()), ("activityType", kind)] {
        if value.len() > limit {
            return Err(format!("{field} exceeds length limit. Length={} Limit={limit}", value.len()));
        }
    }
    model::check::priority(command.priority.as_ref()).map_err(|text| format!("invalid priorities: {text}"))?;
    fill_timeouts(command, valid::span(&draft.run().started().workflow_run_timeout))?;
    if command.use_workflow_build_id && command.task_queue.as_ref().is_some_and(|queue| queue.name != own) {
        return Err("Activity with UseCompatibleVersion cannot run on different task queue.".into());
    }
    Ok(())
}

/// Derives the timeouts that are missing from those that are given, and cuts all of them to the run's.
///
/// Schedule-to-close stands in for the two that it contains. Without it the run's timeout does, where there is one; then
/// start-to-close must be given.
fn fill_timeouts(command: &mut ScheduleActivityTaskCommandAttributes, run: Duration) -> Result<(), String> {
    for (name, given) in [
        ("ScheduleToCloseTimeout", &mut command.schedule_to_close_timeout),
        ("ScheduleToStartTimeout", &mut command.schedule_to_start_timeout),
        ("StartToCloseTimeout", &mut command.start_to_close_timeout),
        ("HeartbeatTimeout", &mut command.heartbeat_timeout),
    ] {
        model::check::duration(given).map_err(|text| format!("invalid {name}: {text}"))?;
    }
    let set = |given: &Option<prost_types::Duration>| Some(valid::span(given)).filter(|span| !span.is_zero());
    let whole = set(&command.schedule_to_close_timeout);
    let waiting = set(&command.schedule_to_start_timeout);
    let running = set(&command.start_to_close_timeout);
    let (whole, waiting, running) = match (whole, running) {
        (Some(whole), running) => (whole, waiting.unwrap_or(whole).min(whole), running.unwrap_or(whole).min(whole)),
        (None, Some(running)) => (run, waiting.unwrap_or(run), running),
        (None, None) => {
            return Err(format!(
                "a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity. ActivityId={} \
                 ActivityType={}",
                command.activity_id,
                command.activity_type.as_ref().map_or("", |kind| kind.name.as_str()),
            ));
        }
    };
    let cut = |span: Duration| if run.is_zero() { span } else { span.min(run) };
    let running = cut(running);
    let heartbeat = valid::span(&command.heartbeat_timeout);
    command.schedule_to_close_timeout = Some(to_proto_duration(cut(whole)));
    command.schedule_to_start_timeout = Some(to_proto_duration(cut(waiting)));
    command.start_to_close_timeout = Some(to_proto_duration(running));
    command.heartbeat_timeout = Some(to_proto_duration(cut(heartbeat).min(running)));
    Ok(())
}
