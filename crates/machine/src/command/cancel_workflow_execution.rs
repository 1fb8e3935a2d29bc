//! CancelWorkflowExecution: the workflow ended because it was asked to.

use proto::temporal::api::{
    command::v1::CancelWorkflowExecutionCommandAttributes, enums::v1::WorkflowTaskFailedCause as Cause,
};

use super::{Close, CommandContext, CommandFailure, Extras, Outcome};
use crate::Draft;

pub(super) fn apply(
    _draft: &mut Draft,
    attributes: Option<CancelWorkflowExecutionCommandAttributes>,
    extras: Extras,
    context: &mut CommandContext,
) -> Result<Outcome, CommandFailure> {
    if context.unhandled {
        return Err(CommandFailure::unhandled());
    }
    let Some(command) = attributes else {
        return Err(CommandFailure::task(
            Cause::BadCancelWorkflowExecutionAttributes,
            "CancelWorkflowExecutionCommandAttributes is not set on CancelWorkflowExecutionCommand.",
        ));
    };
    extras.close(Close::Cancel { details: command.details })
}
