//! What a bad command leads to.

use model::Reject;
use proto::temporal::api::enums::v1::WorkflowTaskFailedCause;

/// What a bad command leads to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CommandFailure {
    /// The worker's answer becomes a failed workflow task.
    Task(TaskFailure),
    /// The worker's call is refused, and its task goes on.
    Reject(Reject),
}

/// Why a completion becomes a failed workflow task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TaskFailure {
    pub(crate) cause: WorkflowTaskFailedCause,
    detail: Option<String>,
    /// The run is terminated too, because a retry of the task could not end otherwise.
    pub(crate) terminate: bool,
}

impl TaskFailure {
    /// The text of the failed task, and the reason of the termination where there is one.
    pub(crate) fn message(&self) -> String {
        let cause = crate::names::pascal(self.cause.as_str_name(), "WORKFLOW_TASK_FAILED_CAUSE_");
        match &self.detail {
            Some(detail) => format!("{cause}: {detail}"),
            None => cause,
        }
    }
}

impl CommandFailure {
    /// The workflow task fails with `cause`.
    pub(super) fn task(cause: WorkflowTaskFailedCause, detail: impl Into<String>) -> Self {
        Self::Task(TaskFailure { cause, detail: Some(detail.into()), terminate: false })
    }

    /// The workflow task fails and the run is terminated.
    pub(super) fn terminate(cause: WorkflowTaskFailedCause, detail: impl Into<String>) -> Self {
        Self::Task(TaskFailure { cause, detail: Some(detail.into()), terminate: true })
    }

    /// The worker wants to close the run but has not seen all of its events.
    pub(super) fn unhandled() -> Self {
        Self::Task(TaskFailure { cause: WorkflowTaskFailedCause::UnhandledCommand, detail: None, terminate: false })
    }
}

impl From<Reject> for CommandFailure {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}
