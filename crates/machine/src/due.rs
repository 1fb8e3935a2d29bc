//! What must exist because of a run's state: its waiting tasks, its next wake-up, its messages to other entities.
//!
//! All of it is derived from the state alone, so none of it can be lost: what a step adds or ends is the difference of
//! two `Due`s, and what a restart has to restore is one.

use model::Time;
use proto::temporal::api::{
    common::v1::{Payloads, Priority},
    history::v1::{HistoryEvent, StartChildWorkflowExecutionInitiatedEventAttributes},
    sdk::v1::UserMetadata,
};

use crate::input::External;

/// Everything that must exist because of a state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// The earliest deadline that outlives a crash.
    pub wake: Option<Time>,
    /// The earliest deadline of all, those of memory included.
    pub alarm: Option<Time>,
    pub tasks: Vec<Task>,
    pub messages: Vec<MessageKey>,
}

/// A task that waits for a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    Workflow {
        task_queue: String,
        /// The queue is a worker's own.
        sticky: bool,
        scheduled_event_id: i64,
        attempt: i32,
        /// Since when it waits: the order within a priority.
        since: Time,
        priority: Option<Priority>,
    },
    Activity {
        task_queue: String,
        scheduled_event_id: i64,
        attempt: i32,
        since: Time,
        priority: Option<Priority>,
    },
}

/// Names one message of a run; with `Run::message` the state yields its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKey {
    /// By the child's initiated event.
    StartChild(i64),
    Signal(i64),
    Cancel(i64),
    /// The close policy of a closed parent, by the child's initiated event.
    ClosePolicy(i64),
    /// A closed child's notice to its parent.
    ParentNotice,
}

/// A message to another entity. Delivered at least once; the receiver knows it by its request id.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    StartChild {
        request_id: String,
        namespace_id: String,
        attributes: Box<StartChildWorkflowExecutionInitiatedEventAttributes>,
        user_metadata: Option<UserMetadata>,
        initiated_event_id: i64,
        /// The run that the child's chain of ancestors began with.
        root_workflow_id: String,
        root_run_id: String,
    },
    Signal {
        target: Target,
        request_id: String,
        from: External,
        name: String,
        input: Option<Payloads>,
        header: Option<proto::temporal::api::common::v1::Header>,
    },
    Cancel {
        target: Target,
        request_id: String,
        from: External,
        reason: String,
    },
    /// Terminate or cancel a child because its parent closed.
    ClosePolicy {
        target: Target,
        request_id: String,
        terminate: bool,
        from: External,
    },
    /// Tell the parent how this run ended.
    ParentNotice {
        target: Target,
        initiated_event_id: i64,
        first_run_id: String,
        /// The closing event, as it stands in the history.
        event: Box<HistoryEvent>,
    },
}

/// The run that a message is for; an empty run id means the current one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Target {
    pub namespace_id: String,
    pub workflow_id: String,
    pub run_id: String,
}

impl crate::Run {
    /// Everything that must exist because of this state.
    pub fn due(&self) -> Due {
        Due::default()
    }

    /// The task of one pending activity, if it waits for a worker: `due` lists exactly these and the workflow task's.
    pub fn activity_task(&self, activity: &crate::Activity) -> Option<Task> {
        let _ = activity;
        None
    }

    /// The workflow task, if it waits for a worker.
    pub fn workflow_task(&self) -> Option<Task> {
        None
    }

    /// The content of a message that is due.
    pub fn message(&self, key: MessageKey) -> Option<Message> {
        let _ = key;
        None
    }
}
