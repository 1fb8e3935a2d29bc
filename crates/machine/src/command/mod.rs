//! One file for each command that a worker can give with the completion of a workflow task.

use proto::temporal::api::{
    command::v1::Command, enums::v1::WorkflowTaskFailedCause, workflowservice::v1::RespondWorkflowTaskCompletedRequest,
};

use crate::Draft;

/// What the commands of one completion share.
pub(crate) struct Decision<'a> {
    pub(crate) request: &'a RespondWorkflowTaskCompletedRequest,
    pub(crate) completed_event_id: i64,
    /// The activities that the worker wants to run itself, at once, by their scheduled event.
    pub(crate) eager_activities: Vec<i64>,
}

/// Why a command is refused. The worker's answer becomes a failed workflow task then.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BadCommand {
    pub(crate) cause: WorkflowTaskFailedCause,
    pub(crate) message: String,
    /// The run can't go on after it: it is failed by the server (for instance because a payload is too large).
    pub(crate) terminal: bool,
}

impl BadCommand {
    pub(crate) fn new(cause: WorkflowTaskFailedCause, message: impl Into<String>) -> Self {
        Self {
            cause,
            message: message.into(),
            terminal: false,
        }
    }
}

/// Carries out one command.
///
/// # Errors
/// The command is bad, and nothing of the completion may stand.
pub(crate) fn handle(draft: &mut Draft, decision: &mut Decision<'_>, command: Command) -> Result<(), BadCommand> {
    let _ = (draft, decision, command);
    Ok(())
}
