//! CancelTimer: stop waiting.
//!
//! A timer that fired while the worker was deciding counts as canceled: the worker has not seen it fire and never will.

use proto::temporal::api::{
    command::v1::CancelTimerCommandAttributes,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{HistoryEvent, TimerCanceledEventAttributes, history_event},
};

use super::{CommandContext, CommandFailure, append};
use crate::{Draft, Run, StateChange, run::timer_fired};

/// Becomes `TimerCanceled`. The firing of the timer is taken out of the buffer, if it is there.
///
/// # Errors
/// The workflow task fails with `BadCancelTimerAttributes`: no id, one above the length limit, or no timer of that id.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<CancelTimerCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    let bad = |text: String| CommandFailure::task(Cause::BadCancelTimerAttributes, text);
    let Some(command) = attributes else {
        return Err(bad("CancelTimerCommandAttributes is not set on CancelTimerCommand.".into()));
    };
    let limit = draft.context.limits.id_length;
    let id = command.timer_id;
    if id.is_empty() {
        return Err(bad("TimerId is not set on CancelTimerCommand.".into()));
    }
    if id.len() > limit {
        let length = id.len();
        return Err(bad(format!(
            "TimerId on CancelTimerCommand exceeds length limit. TimerId={id} Length={length} Limit={limit}"
        )));
    }
    let pending = draft.run().timers.get(id.as_str()).map(|timer| timer.started_event_id);
    let started_event_id = match (pending, fired(draft.run(), &id)) {
        (Some(started_event_id), _) => started_event_id,
        (None, Some((index, started_event_id))) => {
            draft.change(StateChange::BufferedTimerFiredDropped { index });
            context.unhandled &= !draft.run().buffered.is_empty();
            started_event_id
        }
        (None, None) => {
            let text = format!("invalid history builder state for action: add-timer-canceled-event, TimerID: {id}");
            return Err(bad(text));
        }
    };
    let attributes = TimerCanceledEventAttributes {
        timer_id: id,
        started_event_id,
        workflow_task_completed_event_id: context.workflow_task_completed_event_id,
        identity: context.identity.clone(),
    };
    append(draft, event, history_event::Attributes::TimerCanceledEventAttributes(attributes));
    Ok(())
}

/// Where the firing of a timer stands among the buffered events, and the event that started the timer.
fn fired(run: &Run, id: &str) -> Option<(usize, i64)> {
    let fired = run.buffered.iter().enumerate().filter_map(|(index, event)| Some((index, timer_fired(event)?)));
    let mut of_timer = fired.filter(|(_, fired)| fired.timer_id == id);
    of_timer.next().map(|(index, fired)| (index, fired.started_event_id))
}
