//! Event types by the names and colours of text output.

use proto::temporal::api::{enums::v1::EventType, history::v1::HistoryEvent};

use crate::output::{Printer, colour::Colour, names};

/// `WorkflowExecutionStarted`, for example; the number, where the type is not known to this version.
pub(crate) fn name(event: &HistoryEvent) -> String {
    match EventType::try_from(event.event_type) {
        Ok(known) => names::short(known.as_str_name(), "EVENT_TYPE_"),
        Err(_) => event.event_type.to_string(),
    }
}

/// The name in the colour of its meaning.
pub(crate) fn painted_name(printer: &Printer, event: &HistoryEvent) -> String {
    let name = name(event);
    match colour(event.event_type()) {
        Some(colour) => printer.paint(colour, &name),
        None => name,
    }
}

fn colour(event_type: EventType) -> Option<Colour> {
    match event_type {
        EventType::WorkflowExecutionFailed
        | EventType::WorkflowTaskFailed
        | EventType::ActivityTaskFailed
        | EventType::RequestCancelExternalWorkflowExecutionFailed
        | EventType::StartChildWorkflowExecutionFailed
        | EventType::ChildWorkflowExecutionFailed
        | EventType::SignalExternalWorkflowExecutionFailed => Some(Colour::Red),
        EventType::WorkflowExecutionTimedOut
        | EventType::WorkflowTaskTimedOut
        | EventType::ActivityTaskTimedOut
        | EventType::ChildWorkflowExecutionTimedOut => Some(Colour::Yellow),
        EventType::TimerCanceled | EventType::WorkflowExecutionCanceled | EventType::ChildWorkflowExecutionCanceled => {
            Some(Colour::Magenta)
        }
        EventType::WorkflowExecutionCompleted | EventType::ChildWorkflowExecutionCompleted => Some(Colour::Green),
        EventType::WorkflowExecutionStarted | EventType::ChildWorkflowExecutionStarted => Some(Colour::Blue),
        _ => None,
    }
}
