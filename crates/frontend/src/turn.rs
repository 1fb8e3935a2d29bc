//! When a call has its turn: while there is more to do than can be done, what goes on with what has begun goes first, and what
//! begins something is refused first.

use std::sync::Arc;

use engine::{Class, Pass, Stands};
use transport::{Admission, Delivery, Priority};

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

    /// When a call begins among those that came with it on its connection.
    pub(crate) fn priority(self) -> Priority {
        match self.class {
            Class::Report => Priority::Report,
            Class::Poll => Priority::Poll,
            Class::Existing => Priority::Existing,
            Class::New => Priority::New,
        }
    }

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

/// A call's pass, in the hands of the connection that the call came on.
pub(crate) struct Admitted(pub(crate) Arc<Pass>);

impl Admission for Admitted {
    fn step_aside(&self) {
        self.0.step_aside();
    }

    fn take_delivery(&self) -> Option<Box<dyn Delivery>> {
        self.0.take_delivery().map(|tasks| Box::new(Tasks(tasks)) as Box<dyn Delivery>)
    }
}

/// The tasks of an answer, on their way to the worker.
struct Tasks(engine::Delivery);

impl Delivery for Tasks {
    fn written(self: Box<Self>) {
        self.0.done();
    }
}
