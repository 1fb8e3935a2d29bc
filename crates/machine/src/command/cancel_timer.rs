//! CancelTimer: stop waiting.
//!
//! A timer that fired while the worker was deciding counts as canceled: the worker has not seen it fire and never will.

use proto::temporal::api::{
    command::v1::CancelTimerCommandAttributes,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{TimerCanceledEventAttributes, history_event},
};

use super::{CommandContext, CommandFailure, Extras, Outcome};
use crate::{Draft, Quiet, Run};

pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<CancelTimerCommandAttributes>,
    extras: Extras,
    context: &mut CommandContext,
) -> Result<Outcome, CommandFailure> {
    let bad = |text: String| CommandFailure::task(Cause::BadCancelTimerAttributes, text);
    let Some(command) = attributes else {
        return Err(bad("CancelTimerCommandAttributes is not set on CancelTimerCommand.".into()));
    };
    let limit = draft.facts.limits.id_length;
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
    let started_event_id = match pending.or_else(|| fired(draft.run(), &id)) {
        Some(event_id) => event_id,
        None => {
            let text = format!("invalid history builder state for action: add-timer-canceled-event, TimerID: {id}");
            return Err(bad(text));
        }
    };
    if pending.is_none() {
        draft.quiet(Quiet::TimerFireTaken { started_event_id });
        context.unhandled &= !draft.run().buffered.is_empty();
    }
    let event = TimerCanceledEventAttributes {
        timer_id: id,
        started_event_id,
        workflow_task_completed_event_id: context.workflow_task_completed_event_id,
        identity: context.identity.clone(),
    };
    extras.append(draft, history_event::Attributes::TimerCanceledEventAttributes(event));
    Ok(Outcome::Applied)
}

/// The started event of a timer whose firing is still buffered.
fn fired(run: &Run, id: &str) -> Option<i64> {
    run.buffered.iter().find_map(|event| {
        if let Some(history_event::Attributes::TimerFiredEventAttributes(fired)) = &event.attributes {
            (fired.timer_id == id).then_some(fired.started_event_id)
        } else {
            None
        }
    })
}
