//! CompleteWorkflowExecution: the workflow returned.

use proto::temporal::api::{
    command::v1::CompleteWorkflowExecutionCommandAttributes, enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::HistoryEvent,
};

use super::{CommandContext, CommandFailure, limit};
use crate::Draft;

/// Becomes `WorkflowExecutionCompleted`; a cron schedule starts the next run in the same step.
///
/// # Errors
/// The workflow task fails with `UnhandledCommand` while events wait that the worker has not seen. A result above the size limit terminates the
/// run.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<CompleteWorkflowExecutionCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    if context.unhandled {
        return Err(CommandFailure::unhandled());
    }
    let Some(command) = attributes else {
        return Err(CommandFailure::task(
            Cause::BadCompleteWorkflowExecutionAttributes,
            "CompleteWorkflowExecutionCommandAttributes is not set on CompleteWorkflowExecutionCommand.",
        ));
    };
    // The cause is the reference's own choice.
    limit::blob(
        draft,
        limit::size(command.result.as_ref()),
        Cause::BadScheduleActivityAttributes,
        "CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit.",
    )?;
    Ok(draft.complete_run(context.closing(event), command.result)?)
}
