//! What became of a signal to another workflow.

use model::Reject;
use proto::temporal::api::{
    enums::v1::SignalExternalWorkflowExecutionFailedCause,
    history::v1::{
        ExternalWorkflowExecutionSignaledEventAttributes, SignalExternalWorkflowExecutionFailedEventAttributes,
        history_event::Attributes as A,
    },
};

use crate::{Draft, ExternalOutcome, Reply, Step};

/// An outcome that is known already, or that the run waits for no more, is only acknowledged.
///
/// # Errors
/// None.
pub(super) fn handle(
    mut draft: Draft,
    initiated_event_id: i64,
    outcome: ExternalOutcome<SignalExternalWorkflowExecutionFailedCause>,
) -> Result<Step, Reject> {
    let Some(signal) = draft.run().external_signals.get(&initiated_event_id).cloned() else {
        return draft.finish(Reply::Done);
    };
    let namespace = draft.context.namespace.name.to_string();
    let namespace_id = signal.namespace_id.clone();
    let (workflow_execution, control) = (signal.execution.clone(), signal.control.clone());
    draft.record(match outcome {
        ExternalOutcome::Delivered => {
            A::ExternalWorkflowExecutionSignaledEventAttributes(ExternalWorkflowExecutionSignaledEventAttributes {
                initiated_event_id,
                namespace,
                namespace_id,
                workflow_execution,
                control,
            })
        }
        ExternalOutcome::Failed(cause) => A::SignalExternalWorkflowExecutionFailedEventAttributes(
            SignalExternalWorkflowExecutionFailedEventAttributes {
                cause: cause.into(),
                // The reference leaves it out.
                workflow_task_completed_event_id: 0,
                namespace,
                namespace_id,
                workflow_execution,
                initiated_event_id,
                control,
            },
        ),
    });
    draft.schedule_workflow_task();
    draft.finish(Reply::Done)
}
