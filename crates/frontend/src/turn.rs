//! When a call has its turn: while there is more to do than can be done, what goes on with what has begun goes first, and what
//! begins something is refused first.

use engine::{Class, Stands};

/// What decides about a method's calls while the server is busy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) class: Class,
    pub(crate) leaves: Stands,
}

impl Turn {
    /// With the polls of workers: what they ask before.
    pub(crate) const EARLY: Self = Self { class: Class::Poll, leaves: Stands::Never };
    /// Between what goes on and what begins; done by other threads than the node's, or seldom.
    pub(crate) const MIDDLE: Self = Self { class: Class::Existing, leaves: Stands::Never };

    /// That of a method of the API.
    pub(crate) fn of(method: &str) -> Self {
        let turn = |class, leaves| Self { class, leaves };
        match method {
            "RespondWorkflowTaskCompleted"
            | "RespondWorkflowTaskFailed"
            | "RespondQueryTaskCompleted"
            | "RespondActivityTaskCompleted"
            | "RespondActivityTaskFailed"
            | "RespondActivityTaskCanceled"
            | "RespondActivityTaskCompletedById"
            | "RespondActivityTaskFailedById"
            | "RespondActivityTaskCanceledById"
            | "RecordActivityTaskHeartbeat"
            | "RecordActivityTaskHeartbeatById"
            | "ResetStickyTaskQueue"
            | "ShutdownWorker" => turn(Class::Report, Stands::UntilAnswered),
            "PollWorkflowTaskQueue" | "PollActivityTaskQueue" => turn(Class::Poll, Stands::UntilTaken),
            // A worker that connects asks these first.
            "GetSystemInfo" | "GetClusterInfo" | "DescribeNamespace" => Self::EARLY,
            "StartWorkflowExecution" | "SignalWithStartWorkflowExecution" => turn(Class::New, Stands::UntilAnswered),
            "ExecuteMultiOperation" => turn(Class::New, Stands::UntilTaken),
            "GetWorkflowExecutionHistory"
            | "QueryWorkflow"
            | "UpdateWorkflowExecution"
            | "PollWorkflowExecutionUpdate" => turn(Class::Existing, Stands::UntilTaken),
            "SignalWorkflowExecution"
            | "RequestCancelWorkflowExecution"
            | "TerminateWorkflowExecution"
            | "DeleteWorkflowExecution"
            | "DescribeWorkflowExecution" => turn(Class::Existing, Stands::UntilAnswered),
            _ => Self::MIDDLE,
        }
    }
}
