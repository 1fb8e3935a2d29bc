//! FailWorkflowExecution: the workflow raised a failure.

use proto::temporal::api::{
    command::v1::FailWorkflowExecutionCommandAttributes, enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::HistoryEvent,
};

use super::{CommandContext, CommandFailure, limit};
use crate::Draft;

/// Becomes `WorkflowExecutionFailed`; the retry policy, and where it gives up a cron schedule, starts the next run in
/// the same step.
///
/// # Errors
/// The workflow task fails with `UnhandledCommand` while events wait that the worker has not seen, with `BadFailWorkflowExecutionAttributes`
/// without a failure. One above the size limit terminates the run.
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
