//! FailWorkflowExecution: the workflow raised a failure.

use proto::temporal::api::{
    command::v1::FailWorkflowExecutionCommandAttributes, enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::HistoryEvent,
};

use super::{CommandContext, CommandFailure, limit};
use crate::Draft;

pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<FailWorkflowExecutionCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    if context.unhandled {
        return Err(CommandFailure::unhandled());
    }
    let bad = |text: &str| CommandFailure::task(Cause::BadFailWorkflowExecutionAttributes, text);
    let Some(command) = attributes else {
        return Err(bad("FailWorkflowExecutionCommandAttributes is not set on FailWorkflowExecutionCommand."));
    };
    let Some(failure) = command.failure else {
        return Err(bad("Failure is not set on FailWorkflowExecutionCommand."));
    };
    limit::blob(
        draft,
        limit::size(Some(&failure)),
        Cause::BadFailWorkflowExecutionAttributes,
        "FailWorkflowExecutionCommandAttributes.Failure exceeds size limit.",
    )?;
    Ok(draft.fail_run(context.closing(event), failure)?)
}
