//! What became of a cancel request to another workflow.

use model::Reject;
use proto::temporal::api::{
    enums::v1::CancelExternalWorkflowExecutionFailedCause,
    history::v1::{
        ExternalWorkflowExecutionCancelRequestedEventAttributes,
        RequestCancelExternalWorkflowExecutionFailedEventAttributes, history_event::Attributes as A,
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
    outcome: ExternalOutcome<CancelExternalWorkflowExecutionFailedCause>,
) -> Result<Step, Reject> {
    let Some(cancel) = draft.run().external_cancels.get(&initiated_event_id).cloned() else {
        return draft.finish(Reply::Done);
    };
    let namespace = draft.context.namespace.name.to_string();
    let namespace_id = cancel.namespace_id.clone();
    let workflow_execution = cancel.execution.clone();
    draft.record(match outcome {
        ExternalOutcome::Delivered => A::ExternalWorkflowExecutionCancelRequestedEventAttributes(
            ExternalWorkflowExecutionCancelRequestedEventAttributes {
                initiated_event_id,
                namespace,
                namespace_id,
                workflow_execution,
            },
        ),
        // The reference leaves out the completion's id and the control string.
        ExternalOutcome::Failed(cause) => A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(
            RequestCancelExternalWorkflowExecutionFailedEventAttributes {
                cause: cause.into(),
                namespace,
                namespace_id,
                workflow_execution,
                initiated_event_id,
                ..Default::default()
            },
        ),
    });
    draft.schedule_workflow_task();
    draft.finish(Reply::Done)
}
