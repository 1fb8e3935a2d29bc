//! StartTimer: something to wait for.

use proto::temporal::api::{
    command::v1::StartTimerCommandAttributes,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{HistoryEvent, TimerStartedEventAttributes, history_event},
};

use super::{CommandContext, CommandFailure, append};
use crate::Draft;

/// Becomes `TimerStarted`; the timer fires that long after the event's time. No wait fires it at once.
///
/// # Errors
/// The workflow task fails with `BadStartTimerAttributes`: no id, one above the length limit, or a negative wait. With
/// `StartTimerDuplicateId` while a timer of the same id is pending.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<StartTimerCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    let bad = |text: String| CommandFailure::task(Cause::BadStartTimerAttributes, text);
    let Some(mut command) = attributes else {
        return Err(bad("StartTimerCommandAttributes is not set on StartTimerCommand.".into()));
    };
    let limit = draft.context.limits.id_length;
    let id = &command.timer_id;
    if id.is_empty() {
        return Err(bad("TimerId is not set on StartTimerCommand.".into()));
    }
    if id.len() > limit {
        let length = id.len();
        return Err(bad(format!(
            "TimerId on StartTimerCommand exceeds length limit. TimerId={id} Length={length} Limit={limit}"
        )));
    }
    model::check::duration(&mut command.start_to_fire_timeout).map_err(|text| {
        bad(format!("An invalid StartToFireTimeout is set on StartTimerCommand: {text}. TimerId={id}"))
    })?;
    if draft.run().timers.contains_key(id.as_str()) {
        let text = format!("invalid history builder state for action: add-timer-started-event, TimerID: {id}");
        return Err(CommandFailure::task(Cause::StartTimerDuplicateId, text));
    }
    let attributes = TimerStartedEventAttributes {
        timer_id: command.timer_id,
        start_to_fire_timeout: command.start_to_fire_timeout,
        workflow_task_completed_event_id: context.workflow_task_completed_event_id,
    };
    append(draft, event, history_event::Attributes::TimerStartedEventAttributes(attributes));
    Ok(())
}
