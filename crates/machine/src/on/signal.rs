//! A client, or another workflow, signals.

use model::Reject;
use prost::Message;
use proto::temporal::api::{
    common::v1::WorkflowExecution,
    history::v1::{HistoryEvent, WorkflowExecutionSignaledEventAttributes, history_event::Attributes as A},
};

use super::{check_sender, closing, completed};
use crate::{Draft, Reply, Run, Signal, StateChange, Step, run::is_signal};

/// Records the signal and schedules a workflow task, unless the first one is delayed: that wait is ended by a signal that
/// comes with a start, as the API says of `workflow_start_delay`, whatever the run waits for. A request id that was applied
/// before is only acknowledged, also by a run that is over.
///
/// # Errors
/// `NotFound` when the run is over or the sender may not address it; `InvalidArgument` for an input above the size
/// limit or one signal more than `Limits::signals_per_execution`; `ResourceExhausted` while the worker is about to
/// close the run.
pub(super) fn handle(mut draft: Draft, signal: Signal) -> Result<Step, Reject> {
    if !signal.request_id.is_empty() && draft.run().requests.contains(signal.request_id.as_str()) {
        return draft.finish(Reply::Done);
    }
    if !draft.run().is_open() {
        return Err(completed());
    }
    check(&draft, &signal)?;
    let dispatch = signal.comes_with_start || !draft.run().awaits_first_task();
    if !signal.request_id.is_empty() {
        draft.change(StateChange::RequestSeen(signal.request_id.as_str().into()));
    }
    draft.record_event(event(signal));
    if dispatch {
        draft.schedule_workflow_task();
    }
    draft.finish(Reply::Done)
}

fn check(draft: &Draft, signal: &Signal) -> Result<(), Reject> {
    let (run, limits) = (draft.run(), &draft.context.limits);
    if signal.input.as_ref().is_some_and(|input| input.encoded_len() > limits.blob_size_error) {
        return Err(Reject::invalid("Blob data size exceeds limit."));
    }
    if limits.signals_per_execution > 0 && run.core.signal_count + buffered_signals(run) >= limits.signals_per_execution
    {
        return Err(Reject::invalid("exceeded workflow execution limit for signal events"));
    }
    if run.core.close_attempted && run.is_deciding() {
        return Err(closing());
    }
    signal.external.as_ref().map_or(Ok(()), |sender| check_sender(run, sender))
}

/// Signals count when they are appended; those on their way count here.
fn buffered_signals(run: &Run) -> i64 {
    let signals = run.buffered.iter().filter(|event| is_signal(event));
    i64::try_from(signals.count()).unwrap_or(i64::MAX)
}

/// The signal as the history has it.
pub(super) fn event(signal: Signal) -> HistoryEvent {
    HistoryEvent {
        links: signal.links,
        attributes: Some(A::WorkflowExecutionSignaledEventAttributes(WorkflowExecutionSignaledEventAttributes {
            signal_name: signal.name,
            input: signal.input,
            identity: signal.identity,
            header: signal.header,
            external_workflow_execution: signal
                .external
                .map(|sender| WorkflowExecution { workflow_id: sender.workflow_id, run_id: sender.run_id }),
            request_id: signal.request_id,
            ..WorkflowExecutionSignaledEventAttributes::default()
        })),
        ..HistoryEvent::default()
    }
}
