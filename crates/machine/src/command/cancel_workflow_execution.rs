//! CancelWorkflowExecution: the workflow ended because it was asked to.

use proto::temporal::api::{
    command::v1::CancelWorkflowExecutionCommandAttributes, enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::HistoryEvent,
};

use super::{CommandContext, CommandFailure};
use crate::Draft;

/// Becomes `WorkflowExecutionCanceled`, whether or not anybody asked for it; no other run follows.
///
/// # Errors
/// The workflow task fails with `UnhandledCommand` while events wait that the worker has not seen, else with
/// `BadCancelWorkflowExecutionAttributes`.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<CancelWorkflowExecutionCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    if context.unhandled {
        return Err(CommandFailure::unhandled());
    }
    let Some(command) = attributes else {
        return Err(CommandFailure::task(
            Cause::BadCancelWorkflowExecutionAttributes,
            "CancelWorkflowExecutionCommandAttributes is not set on CancelWorkflowExecutionCommand.",
        ));
    };
    draft.cancel_run(context.closing(event), command.details);
    Ok(())
}
