//! What a step yields.

use proto::temporal::api::{
    common::v1::{Header, Payloads, Priority, RetryPolicy, WorkerVersionStamp},
    history::v1::HistoryEvent,
    protocol::v1::Message,
};

use crate::{Change, Run};

/// The outcome of one accepted input. Rows, tasks, wake-ups and messages are the difference between the state before
/// and `next`; nothing else has to be remembered.
#[derive(Clone, Debug)]
pub struct Step {
    /// The state after the step.
    pub next: Run,
    /// In order; `next` is the state before with these applied.
    pub changes: Vec<Change>,
    /// The run that follows on this one (continue-as-new, retry, cron), committed together with it.
    pub successor: Option<Box<Step>>,
    /// What the caller gets, once the step is durable.
    pub reply: Reply,
}

impl Step {
    /// The events that this step appends to the history, in order and with their ids.
    pub fn events(&self) -> impl Iterator<Item = &HistoryEvent> {
        self.changes.iter().filter_map(|change| match change {
            Change::Event(event) => Some(&**event),
            Change::State(_) => None,
        })
    }
}

/// What the caller gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Accepted; there is nothing else to answer.
    Done,
    /// A workflow task was started for a worker.
    WorkflowTask(Box<WorkflowTaskAnswer>),
    /// A workflow task was completed. `next_task` was started at once because the worker asked for it; `activities` are
    /// the eager ones. `failed` is set where a command was bad, so that the worker's answer became a failed task.
    WorkflowTaskCompleted {
        next_task: Option<Box<WorkflowTaskAnswer>>,
        activities: Vec<ActivityTask>,
        failed: Option<model::Reject>,
        /// Where nothing came of a speculative task: the start of the last task that stands in the history, to which its
        /// worker goes back. Otherwise zero.
        reset_history_event_id: i64,
    },
    /// An activity was started for a worker.
    Activity(Box<ActivityTask>),
    /// A heartbeat was noted; the worker hears whether it shall stop.
    Heartbeat { cancel_requested: bool },
    /// The step stands, but the caller is refused: the run was terminated because its history has grown too large.
    Refused(model::Reject),
}

/// A workflow task as a worker gets it, but for the history up to it.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowTaskAnswer {
    pub scheduled_event_id: i64,
    pub started_event_id: i64,
    /// From one.
    pub attempt: i32,
    /// The start of the last task that completed: what a worker with a cache has seen. Zero for none.
    pub previous_started_event_id: i64,
    /// Nanoseconds since the Unix epoch, as `started_time`.
    pub scheduled_time: i64,
    pub started_time: i64,
    /// The events before this id are in the store; the worker needs them from 1, or from after
    /// `previous_started_event_id` where it polls its sticky queue.
    pub stored_before_event_id: i64,
    /// The events that follow them and are not stored (yet): scheduled of a transient attempt, started.
    pub tail: Vec<HistoryEvent>,
    /// The updates that the worker shall accept or reject.
    pub messages: Vec<Message>,
    /// It was scheduled on the worker's own queue.
    pub sticky: bool,
}

/// An activity task as a worker gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityTask {
    pub scheduled_event_id: i64,
    pub activity_id: String,
    pub activity_type: String,
    pub header: Option<Header>,
    pub input: Option<Payloads>,
    /// Of the attempt before, to go on from.
    pub heartbeat_details: Option<Payloads>,
    /// Nanoseconds since the Unix epoch, as the two times that follow: of the first attempt, then of this one.
    pub first_scheduled_time: i64,
    pub scheduled_time: i64,
    pub started_time: i64,
    /// From one.
    pub attempt: i32,
    /// Nanoseconds.
    pub schedule_to_close_timeout: i64,
    pub start_to_close_timeout: i64,
    pub heartbeat_timeout: i64,
    pub retry_policy: Option<RetryPolicy>,
    pub priority: Option<Priority>,
    pub worker_version: Option<WorkerVersionStamp>,
}
