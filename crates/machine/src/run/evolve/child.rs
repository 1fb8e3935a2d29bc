//! What the events of child workflows change.

use proto::temporal::api::history::v1::{
    ChildWorkflowExecutionStartedEventAttributes, HistoryEvent, StartChildWorkflowExecutionFailedEventAttributes,
    StartChildWorkflowExecutionInitiatedEventAttributes,
};

use crate::Run;

pub(super) fn initiated(
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &StartChildWorkflowExecutionInitiatedEventAttributes,
) {
    let _ = (run, event, attributes);
}

pub(super) fn start_failed(
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &StartChildWorkflowExecutionFailedEventAttributes,
) {
    let _ = (run, event, attributes);
}

pub(super) fn started(run: &mut Run, event: &HistoryEvent, attributes: &ChildWorkflowExecutionStartedEventAttributes) {
    let _ = (run, event, attributes);
}

/// However it closed.
pub(super) fn closed(run: &mut Run, initiated_event_id: i64) {
    let _ = (run, initiated_event_id);
}
