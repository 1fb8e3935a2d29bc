//! The durable parts of a run's state. Each struct is one stored row, so a step writes only the rows that it changed.
//!
//! Field numbers are the file format: never reuse or renumber one. Times are nanoseconds since the Unix epoch, zero for
//! "not set"; spans are nanoseconds.

use std::time::Duration;

use proto::temporal::api::{
    common::v1::{Header, Memo, Payloads, Priority, RetryPolicy, SearchAttributes, WorkflowExecution, WorkflowType},
    enums::v1::{ParentClosePolicy, WorkflowExecutionStatus},
    failure::v1::Failure,
    history::v1::{HistoryEvent, StartChildWorkflowExecutionInitiatedEventAttributes},
    sdk::v1::UserMetadata,
    workflow::v1::ResetPoints,
};

use super::span;

/// The row that nearly every step touches: counters, status, deadlines and the workflow task.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Core {
    /// A `WorkflowExecutionStatus`.
    #[prost(enumeration = "WorkflowExecutionStatus", tag = "1")]
    pub status: i32,
    /// The id that the next history event gets, counted from 1.
    #[prost(int64, tag = "2")]
    pub next_event_id: i64,
    /// When the run was started, before any wait.
    #[prost(int64, tag = "3")]
    pub start_time: i64,
    /// When the first workflow task may run: the start plus any back-off or delay.
    #[prost(int64, tag = "4")]
    pub execution_time: i64,
    /// When the run was closed; zero while it is open.
    #[prost(int64, tag = "5")]
    pub close_time: i64,
    /// When the run times out; zero for never. Never after `execution_expiration`.
    #[prost(int64, tag = "6")]
    pub run_expiration: i64,
    /// When the chain of runs times out; zero for never.
    #[prost(int64, tag = "7")]
    pub execution_expiration: i64,
    /// The started event of the last completed workflow task; zero before the first.
    #[prost(int64, tag = "8")]
    pub previous_started_event_id: i64,
    /// Scheduled and perhaps started in memory; `None` when there is nothing for a worker to decide.
    #[prost(message, optional, tag = "9")]
    pub workflow_task: Option<WorkflowTask>,
    /// `None` when no worker is known to hold the run in its cache.
    #[prost(message, optional, tag = "10")]
    pub sticky: Option<Sticky>,
    /// The workflow was asked to cancel itself; it decides what comes of it.
    #[prost(bool, tag = "11")]
    pub cancel_requested: bool,
    /// The request id of the cancellation, so that the same request is acknowledged twice.
    #[prost(string, tag = "12")]
    pub cancel_request_id: String,
    /// Encoded bytes of all history events.
    #[prost(int64, tag = "13")]
    pub history_size: i64,
    /// Steps that changed something durable.
    #[prost(int64, tag = "14")]
    pub state_transitions: i64,
    /// Signals in the history; those that are buffered count when they are appended.
    #[prost(int64, tag = "15")]
    pub signal_count: i64,
    /// When a first workflow task that was delayed becomes due; zero when none is.
    #[prost(int64, tag = "16")]
    pub first_task_due: i64,
    /// Of a closed run: when retention deletes it.
    #[prost(int64, tag = "17")]
    pub delete_time: i64,
    /// The id of the event that closed the run.
    #[prost(int64, tag = "18")]
    pub close_event_id: i64,
    /// The run that followed this one, by continue-as-new, retry or cron.
    #[prost(string, tag = "19")]
    pub new_execution_run_id: String,
    /// The parent still has to hear how this run ended.
    #[prost(bool, tag = "20")]
    pub parent_notice_pending: bool,
    /// The name and version of the SDK that completed the last workflow task.
    #[prost(string, tag = "21")]
    pub sdk_name: String,
    #[prost(string, tag = "22")]
    pub sdk_version: String,
    /// The first event id of the history batch that closed the run, or zero while it is open.
    #[prost(int64, tag = "23")]
    pub close_batch_event_id: i64,
    /// The task queue named by the last completed or scheduled workflow task; differs from the start's only after a
    /// change of options.
    #[prost(string, tag = "24")]
    pub task_queue: String,
    /// Activities that were ever scheduled, pending or not.
    #[prost(int64, tag = "25")]
    pub activity_count: i64,
    /// Timers that were ever started.
    #[prost(int64, tag = "26")]
    pub timer_count: i64,
    /// Children that were ever initiated.
    #[prost(int64, tag = "27")]
    pub child_count: i64,
    /// The worker's build id or deployment as it reported it with its last completion, encoded; empty when never.
    #[prost(message, optional, tag = "28")]
    pub worker_version: Option<proto::temporal::api::common::v1::WorkerVersionStamp>,
    /// What visibility says of workflow tasks that keep failing: the values of `TemporalReportedProblems`, one a line;
    /// empty when healthy.
    #[prost(string, tag = "29")]
    pub reported_problem: String,
    /// The closing event, kept until the parent has heard of it.
    #[prost(message, optional, boxed, tag = "30")]
    pub closing_event: Option<Box<HistoryEvent>>,
    /// The request that started the run, and those that were answered with it since.
    #[prost(string, repeated, tag = "31")]
    pub start_request_ids: Vec<String>,
    /// Workflow tasks that failed or timed out since the last that completed.
    #[prost(int32, tag = "32")]
    pub failed_workflow_tasks: i32,
    /// The worker tried to close the run, but events had arrived that it has not seen: until its next answer no more are
    /// taken in.
    #[prost(bool, tag = "33")]
    pub close_attempted: bool,
    /// The last failure or timeout of a workflow task, in the form of `reported_problem`.
    #[prost(string, tag = "34")]
    pub last_problem: String,
    /// Where a reset could go back to: the first completion by each build of the worker.
    #[prost(message, optional, tag = "35")]
    pub reset_points: Option<ResetPoints>,
    /// The event that each of `start_request_ids` stands with in the history; zero while it is buffered.
    #[prost(int64, repeated, tag = "36")]
    pub start_request_events: Vec<i64>,
    /// Updates that have an outcome.
    #[prost(int64, tag = "37")]
    pub completed_updates: i64,
    /// The requests that started earlier runs of the chain, so that each is known again when its run has been followed by
    /// others. The newest last, at most [`EARLIER_STARTS`].
    #[prost(message, repeated, tag = "38")]
    pub earlier_starts: Vec<EarlierRequest>,
}

/// How many requests that started earlier runs a run knows.
pub const EARLIER_STARTS: usize = 8;

/// A request that an earlier run of the chain has taken.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EarlierRequest {
    #[prost(string, tag = "1")]
    pub request_id: String,
    /// The run that it started, or that has taken it.
    #[prost(string, tag = "2")]
    pub run_id: String,
}

/// A workflow task that is scheduled. That it was started is never stored.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct WorkflowTask {
    /// Its scheduled event; of a transient attempt (no events yet) the id that event would get.
    #[prost(int64, tag = "1")]
    pub scheduled_event_id: i64,
    /// When this attempt was scheduled; the order of dispatch within a priority.
    #[prost(int64, tag = "2")]
    pub scheduled_time: i64,
    /// When the first of this chain of attempts was scheduled.
    #[prost(int64, tag = "3")]
    pub original_scheduled_time: i64,
    /// From one. Attempts after the first are transient: their events are written with the completion.
    #[prost(int32, tag = "4")]
    pub attempt: i32,
    /// It waits on the sticky queue; otherwise on the run's own.
    #[prost(bool, tag = "5")]
    pub sticky: bool,
    /// How long a worker may take, as a span.
    #[prost(int64, tag = "6")]
    pub start_to_close_timeout: i64,
    /// When a sticky task gives up on its worker; zero on a normal queue.
    #[prost(int64, tag = "7")]
    pub schedule_to_start_deadline: i64,
    /// It waits until then; a wake-up sets this to zero, which puts it on its queue.
    #[prost(int64, tag = "8")]
    pub visible_time: i64,
    /// It only brings updates, and is in memory alone: on disk this is never set.
    #[prost(bool, tag = "9")]
    pub speculative: bool,
}

/// The sticky queue of the worker that holds the run in its cache.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Sticky {
    /// The queue's name; made up by the worker.
    #[prost(string, tag = "1")]
    pub task_queue: String,
    /// How long a task waits there before any worker may have it, as a span.
    #[prost(int64, tag = "2")]
    pub schedule_to_start_timeout: i64,
    /// When that worker last completed a workflow task.
    #[prost(int64, tag = "3")]
    pub updated_time: i64,
}

impl Sticky {
    /// How long a task waits for the worker; `None` where the worker has set no time, or none that is more than nothing.
    pub fn patience(&self) -> Option<Duration> {
        Some(span(self.schedule_to_start_timeout)).filter(|patience| !patience.is_zero())
    }
}

/// What can change during the run and may be large: kept out of `Core`, so that it is written only when it changed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Attributes {
    #[prost(message, optional, tag = "1")]
    pub memo: Option<Memo>,
    #[prost(message, optional, tag = "2")]
    pub search_attributes: Option<SearchAttributes>,
}

/// A pending activity, by its scheduled event.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Activity {
    /// Names the activity in all that follows.
    #[prost(int64, tag = "1")]
    pub scheduled_event_id: i64,
    /// The worker's name for it, unique among the pending ones.
    #[prost(string, tag = "2")]
    pub activity_id: String,
    #[prost(string, tag = "3")]
    pub activity_type: String,
    #[prost(string, tag = "4")]
    pub task_queue: String,
    #[prost(message, optional, tag = "5")]
    pub header: Option<Header>,
    #[prost(message, optional, tag = "6")]
    pub input: Option<Payloads>,
    /// Spans in nanoseconds; zero where the timeout does not apply.
    #[prost(int64, tag = "7")]
    pub schedule_to_close_timeout: i64,
    #[prost(int64, tag = "8")]
    pub schedule_to_start_timeout: i64,
    #[prost(int64, tag = "9")]
    pub start_to_close_timeout: i64,
    #[prost(int64, tag = "10")]
    pub heartbeat_timeout: i64,
    /// With every default filled in.
    #[prost(message, optional, tag = "11")]
    pub retry_policy: Option<RetryPolicy>,
    /// As its command gave it; what it leaves open the workflow's decides.
    #[prost(message, optional, tag = "12")]
    pub priority: Option<Priority>,
    /// When the first attempt was scheduled.
    #[prost(int64, tag = "13")]
    pub first_scheduled_time: i64,
    /// When the current attempt became or becomes dispatchable.
    #[prost(int64, tag = "14")]
    pub scheduled_time: i64,
    /// From one.
    #[prost(int32, tag = "15")]
    pub attempt: i32,
    /// When the current attempt was handed to a worker; zero while it waits.
    #[prost(int64, tag = "16")]
    pub started_time: i64,
    /// The identity of the worker that runs the current attempt; empty while it waits.
    #[prost(string, tag = "17")]
    pub started_identity: String,
    /// The poll that got the current attempt, so that the same poll gets it again.
    #[prost(string, tag = "18")]
    pub started_request_id: String,
    /// Zero before the first heartbeat. It stands over attempts.
    #[prost(int64, tag = "19")]
    pub last_heartbeat_time: i64,
    /// What the last heartbeat carried, for the next attempt to go on from.
    #[prost(message, optional, tag = "20")]
    pub heartbeat_details: Option<Payloads>,
    /// The workflow wants it to stop; its worker hears of it with the answer to a heartbeat.
    #[prost(bool, tag = "21")]
    pub cancel_requested: bool,
    /// The event of that request; zero where there is none.
    #[prost(int64, tag = "22")]
    pub cancel_requested_event_id: i64,
    /// Why the attempt before failed, cut to a size that is worth keeping.
    #[prost(message, optional, tag = "23")]
    pub last_failure: Option<Failure>,
    /// The identity of the worker that ran the attempt before.
    #[prost(string, tag = "24")]
    pub last_worker_identity: String,
    /// When the attempt before ended; zero in the first.
    #[prost(int64, tag = "25")]
    pub last_attempt_complete_time: i64,
    /// When the whole of all attempts times out; zero for never.
    #[prost(int64, tag = "27")]
    pub schedule_to_close_deadline: i64,
    #[prost(message, optional, tag = "28")]
    pub user_metadata: Option<UserMetadata>,
    /// What the worker of the current attempt says of its build.
    #[prost(message, optional, tag = "29")]
    pub worker_version: Option<proto::temporal::api::common::v1::WorkerVersionStamp>,
    /// The event id of the workflow task completion that scheduled it.
    #[prost(int64, tag = "30")]
    pub workflow_task_completed_event_id: i64,
    /// It was handed to the worker with the completion that scheduled it and never had a dispatch row.
    #[prost(bool, tag = "31")]
    pub eager: bool,
    /// The retry waits until then; a wake-up sets this to zero, which puts the activity on its queue.
    #[prost(int64, tag = "32")]
    pub visible_time: i64,
}

/// A pending timer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Timer {
    /// The worker's name for it, unique among the pending ones.
    #[prost(string, tag = "1")]
    pub timer_id: String,
    /// Tells it from a later timer of the same id.
    #[prost(int64, tag = "2")]
    pub started_event_id: i64,
    /// When it fires; at once where that is past.
    #[prost(int64, tag = "3")]
    pub fire_time: i64,
}

/// A pending child workflow, by its initiated event.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Child {
    #[prost(int64, tag = "1")]
    pub initiated_event_id: i64,
    /// Zero until the child is known to have started.
    #[prost(int64, tag = "2")]
    pub started_event_id: i64,
    #[prost(string, tag = "3")]
    pub namespace: String,
    #[prost(string, tag = "4")]
    pub namespace_id: String,
    #[prost(string, tag = "5")]
    pub workflow_id: String,
    /// Empty until started.
    #[prost(string, tag = "6")]
    pub run_id: String,
    #[prost(message, optional, tag = "7")]
    pub workflow_type: Option<WorkflowType>,
    /// A `ParentClosePolicy`; never unspecified.
    #[prost(enumeration = "ParentClosePolicy", tag = "8")]
    pub parent_close_policy: i32,
    /// Makes the start idempotent.
    #[prost(string, tag = "9")]
    pub create_request_id: String,
    /// The parent has closed and its policy is still to be carried out on the child.
    #[prost(bool, tag = "10")]
    pub close_policy_pending: bool,
    /// The first event id of the history batch that holds the initiated event.
    #[prost(int64, tag = "11")]
    pub initiated_batch_event_id: i64,
    /// What to start the child with; dropped once it has started.
    #[prost(message, optional, tag = "12")]
    pub initiated: Option<StartChildWorkflowExecutionInitiatedEventAttributes>,
    #[prost(message, optional, tag = "13")]
    pub user_metadata: Option<UserMetadata>,
    /// The parent has closed, and nothing is left to be done about the child.
    #[prost(bool, tag = "14")]
    pub settled: bool,
}

/// An update that a worker has accepted, by its id. Its outcome is in the history.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Update {
    #[prost(int64, tag = "1")]
    pub accepted_event_id: i64,
    /// The event with its outcome; zero while there is none.
    #[prost(int64, tag = "2")]
    pub completed_event_id: i64,
}

/// A signal on its way to another workflow, by its initiated event.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExternalSignal {
    #[prost(int64, tag = "1")]
    pub initiated_event_id: i64,
    #[prost(string, tag = "2")]
    pub namespace: String,
    #[prost(string, tag = "3")]
    pub namespace_id: String,
    /// The receiver; without a run id its current run.
    #[prost(message, optional, tag = "4")]
    pub execution: Option<WorkflowExecution>,
    /// The receiver refuses it unless this run is its parent.
    #[prost(bool, tag = "5")]
    pub child_workflow_only: bool,
    /// What the receiver knows the message by, however often it arrives.
    #[prost(string, tag = "6")]
    pub request_id: String,
    #[prost(string, tag = "7")]
    pub signal_name: String,
    #[prost(message, optional, tag = "8")]
    pub input: Option<Payloads>,
    #[prost(message, optional, tag = "9")]
    pub header: Option<Header>,
    /// A deprecated field of the command that the events repeat.
    #[prost(string, tag = "10")]
    pub control: String,
}

/// A cancel request on its way to another workflow, by its initiated event.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExternalCancel {
    #[prost(int64, tag = "1")]
    pub initiated_event_id: i64,
    #[prost(string, tag = "2")]
    pub namespace: String,
    #[prost(string, tag = "3")]
    pub namespace_id: String,
    /// The receiver; without a run id its current run.
    #[prost(message, optional, tag = "4")]
    pub execution: Option<WorkflowExecution>,
    /// The receiver refuses it unless this run is its parent.
    #[prost(bool, tag = "5")]
    pub child_workflow_only: bool,
    /// What the receiver knows the message by, however often it arrives.
    #[prost(string, tag = "6")]
    pub request_id: String,
    #[prost(string, tag = "7")]
    pub reason: String,
    /// A deprecated field of the command that the events repeat.
    #[prost(string, tag = "8")]
    pub control: String,
}
