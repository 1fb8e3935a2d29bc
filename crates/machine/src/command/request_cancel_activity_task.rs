//! RequestCancelActivityTask: tell a running activity to stop, or drop one that does not run.

use proto::temporal::api::{
    command::v1::RequestCancelActivityTaskCommandAttributes,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{
        ActivityTaskCancelRequestedEventAttributes, ActivityTaskCanceledEventAttributes, HistoryEvent, history_event,
    },
};

use super::{CommandContext, CommandFailure, append};
use crate::{Draft, Run, payload};

/// Becomes `ActivityTaskCancelRequested`, which a running activity hears of with its next heartbeat. One that waits for
/// a worker, or for its next attempt, is over at once: `ActivityTaskCanceled` follows behind all other commands.
///
/// # Errors
/// The workflow task fails with `BadRequestCancelActivityAttributes`: no event id, no such pending activity, or one
/// that was asked before.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<RequestCancelActivityTaskCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    let bad = |text: String| CommandFailure::task(Cause::BadRequestCancelActivityAttributes, text);
    let Some(command) = attributes else {
        let text = "RequestCancelActivityTaskCommandAttributes is not set on RequestCancelActivityTaskCommand.";
        return Err(bad(text.into()));
    };
    let id = command.scheduled_event_id;
    if id <= 0 {
        return Err(bad("ScheduledEventId is not set on RequestCancelActivityTaskCommand.".into()));
    }
    let pending = draft.run().activities.get(&id).cloned();
    let refused = match &pending {
        Some(activity) => activity.cancel_requested,
        // It ended while the worker was deciding: the request is noted and changes nothing.
        None => !ended_unseen(draft.run(), id),
    };
    if refused {
        return Err(bad(format!(
            "invalid history builder state for action: add-activitytask-cancel-requested-event, ScheduledEventID: {id}"
        )));
    }
    let attributes = ActivityTaskCancelRequestedEventAttributes {
        scheduled_event_id: id,
        workflow_task_completed_event_id: context.workflow_task_completed_event_id,
    };
    let requested_event_id =
        append(draft, event, history_event::Attributes::ActivityTaskCancelRequestedEventAttributes(attributes));
    if pending.is_some_and(|activity| activity.started_time == 0) {
        let attributes = ActivityTaskCanceledEventAttributes {
            details: Some(payload::text("ACTIVITY_ID_NOT_STARTED")),
            latest_cancel_requested_event_id: requested_event_id,
            scheduled_event_id: id,
            started_event_id: 0,
            identity: context.identity.clone(),
            ..Default::default()
        };
        draft.buffer_event(HistoryEvent {
            attributes: Some(history_event::Attributes::ActivityTaskCanceledEventAttributes(attributes)),
            ..Default::default()
        });
        context.activity_canceled = true;
    }
    Ok(())
}

/// Whether the activity's end is still among the buffered events.
fn ended_unseen(run: &Run, scheduled_event_id: i64) -> bool {
    run.buffered.iter().any(|event| crate::run::ended_activity(event) == Some(scheduled_event_id))
}
