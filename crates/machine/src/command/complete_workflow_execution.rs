//! CompleteWorkflowExecution: the workflow returned.

use proto::temporal::api::{
    command::v1::CompleteWorkflowExecutionCommandAttributes, enums::v1::WorkflowTaskFailedCause as Cause,
};

use super::{Close, CommandContext, CommandFailure, Extras, Outcome, limit};
use crate::Draft;

pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<CompleteWorkflowExecutionCommandAttributes>,
    extras: Extras,
    context: &mut CommandContext,
) -> Result<Outcome, CommandFailure> {
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
    extras.close(Close::Complete { result: command.result })
}
