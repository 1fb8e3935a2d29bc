//! What the events of signals and cancel requests to other workflows change.

use proto::temporal::api::history::v1::{
    HistoryEvent, RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
};

use crate::Run;

pub(super) fn signal_initiated(
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &SignalExternalWorkflowExecutionInitiatedEventAttributes,
) {
    let _ = (run, event, attributes);
}

/// Delivered or not: it is no longer pending.
pub(super) fn signal_settled(run: &mut Run, initiated_event_id: i64) {
    let _ = (run, initiated_event_id);
}

pub(super) fn cancel_initiated(
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
) {
    let _ = (run, event, attributes);
}

/// Delivered or not: it is no longer pending.
pub(super) fn cancel_settled(run: &mut Run, initiated_event_id: i64) {
    let _ = (run, initiated_event_id);
}
