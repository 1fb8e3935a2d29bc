//! What the events of signals and cancel requests to other workflows change.

use std::sync::Arc;

use model::Entropy;
use proto::temporal::api::history::v1::{
    HistoryEvent, RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
};

use crate::{ExternalCancel, ExternalSignal, Run};

/// The signal is on its way until one of the two events of its outcome.
pub(super) fn signal_initiated(
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &SignalExternalWorkflowExecutionInitiatedEventAttributes,
) {
    let signal = ExternalSignal {
        initiated_event_id: event.event_id,
        namespace: attributes.namespace.clone(),
        namespace_id: attributes.namespace_id.clone(),
        execution: attributes.workflow_execution.clone(),
        child_workflow_only: attributes.child_workflow_only,
        request_id: request_id(run, event),
        signal_name: attributes.signal_name.clone(),
        input: attributes.input.clone(),
        header: attributes.header.clone(),
        control: attributes.control.clone(),
    };
    run.external_signals.insert(event.event_id, Arc::new(signal));
}

/// Delivered or not: it is no longer pending.
pub(super) fn signal_settled(run: &mut Run, initiated_event_id: i64) {
    run.external_signals.remove(&initiated_event_id);
}

/// The request is on its way until one of the two events of its outcome.
pub(super) fn cancel_initiated(
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
) {
    let cancel = ExternalCancel {
        initiated_event_id: event.event_id,
        namespace: attributes.namespace.clone(),
        namespace_id: attributes.namespace_id.clone(),
        execution: attributes.workflow_execution.clone(),
        child_workflow_only: attributes.child_workflow_only,
        request_id: request_id(run, event),
        reason: attributes.reason.clone(),
        control: attributes.control.clone(),
    };
    run.external_cancels.insert(event.event_id, Arc::new(cancel));
}

/// Delivered or not: it is no longer pending.
pub(super) fn cancel_settled(run: &mut Run, initiated_event_id: i64) {
    run.external_cancels.remove(&initiated_event_id);
}

/// What the receiver knows the message by. It follows from the run and the event, so a replay yields the same.
fn request_id(run: &Run, event: &HistoryEvent) -> String {
    let seed = run.key.run_id.0.as_u128() ^ u128::from(event.event_id.unsigned_abs());
    Entropy::new(seed).uuid().to_string()
}
