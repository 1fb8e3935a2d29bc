//! The inputs of a run. `Run::handle` has one line for each.

use model::Token;
use proto::temporal::api::{
    common::v1::{Header, Link, Payloads, SearchAttributes, WorkerVersionStamp},
    enums::v1::{
        CancelExternalWorkflowExecutionFailedCause, SignalExternalWorkflowExecutionFailedCause,
        StartChildWorkflowExecutionFailedCause,
    },
    failure::v1::Failure,
    history::v1::{HistoryEvent, WorkflowExecutionStartedEventAttributes},
    sdk::v1::UserMetadata,
    update::v1::Request as UpdateRequest,
    workflowservice::v1::{RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskFailedRequest},
};

use crate::EarlierRequest;

/// A request to a run, or the outcome of something that it waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A client, or another workflow, signals.
    Signal(Signal),
    /// A client, another workflow or a parent's close policy asks it to cancel itself.
    RequestCancel {
        /// Shown in the history as the cause.
        reason: String,
        identity: String,
        /// The same request, sent again, is only acknowledged.
        request_id: String,
        /// Set where it comes from a workflow.
        external: Option<External>,
        links: Vec<Link>,
    },
    /// A client wants an update done. What comes of it is seen in the state: see `Run::update_stage`.
    AdmitUpdate(Box<UpdateRequest>),
    /// Ends the run at once.
    Terminate {
        /// Shown in the history.
        reason: String,
        details: Option<Payloads>,
        identity: String,
        links: Vec<Link>,
    },
    /// A later start request was answered with this run: remember it and add its links.
    AttachStart {
        /// Empty when the request shall not be answered with this run again.
        request_id: String,
        links: Vec<Link>,
    },
    /// A poll met the scheduled workflow task.
    StartWorkflowTask {
        /// Who polls.
        identity: String,
        /// Names the poll: the same one gets the same task again.
        request_id: String,
        worker_version: Option<WorkerVersionStamp>,
    },
    /// A worker has decided.
    CompleteWorkflowTask { task: TaskRef, request: Box<RespondWorkflowTaskCompletedRequest> },
    /// A worker could not decide.
    FailWorkflowTask { task: TaskRef, request: Box<RespondWorkflowTaskFailedRequest> },
    /// A poll met a waiting activity.
    StartActivity {
        scheduled_event_id: i64,
        identity: String,
        request_id: String,
        worker_version: Option<WorkerVersionStamp>,
    },
    /// The started workflow task was not written to its worker's connection: it waits again.
    WorkflowTaskUndelivered { task: TaskRef },
    /// The started attempt was not written to its worker's connection: it waits again. `attempt` counts from one;
    /// `started_time` is in nanoseconds and tells this start from a later one of the same attempt.
    ActivityUndelivered { scheduled_event_id: i64, attempt: i32, started_time: i64 },
    /// A worker, or another caller that knows the activity's id, reports on an activity.
    AnswerActivity {
        activity: ActivityRef,
        identity: String,
        /// What the worker says of its build.
        worker_version: Option<WorkerVersionStamp>,
        answer: ActivityAnswer,
    },
    /// What became of starting a child.
    ChildStarted { initiated_event_id: i64, outcome: ChildOutcome },
    /// A child has closed; `event` is its last event.
    ChildClosed { initiated_event_id: i64, child: Box<ChildClosed> },
    /// What became of a signal to another workflow.
    ExternalSignalDelivered {
        initiated_event_id: i64,
        outcome: ExternalOutcome<SignalExternalWorkflowExecutionFailedCause>,
    },
    /// What became of a cancel request to another workflow.
    ExternalCancelDelivered {
        initiated_event_id: i64,
        outcome: ExternalOutcome<CancelExternalWorkflowExecutionFailedCause>,
    },
    /// The parent's close policy was carried out on this child.
    ClosePolicyApplied { initiated_event_id: i64 },
    /// The parent has heard how this run ended, or is gone.
    ParentNotified,
    /// Forget which worker holds the run in its cache.
    ResetSticky,
    /// The worker on this sticky queue has shut down: move a task that waits for it to the normal queue.
    StickyWorkerGone { task_queue: String },
    /// Time has passed: do what is due.
    Wake,
    /// The run was just loaded: what was only in memory is gone.
    Recover,
}

impl Input {
    /// What it is called where a step has to be named.
    pub fn name(&self) -> &'static str {
        match self {
            Input::Signal(_) => "Signal",
            Input::RequestCancel { .. } => "RequestCancel",
            Input::AdmitUpdate(_) => "AdmitUpdate",
            Input::Terminate { .. } => "Terminate",
            Input::AttachStart { .. } => "AttachStart",
            Input::StartWorkflowTask { .. } => "StartWorkflowTask",
            Input::CompleteWorkflowTask { .. } => "CompleteWorkflowTask",
            Input::FailWorkflowTask { .. } => "FailWorkflowTask",
            Input::StartActivity { .. } => "StartActivity",
            Input::WorkflowTaskUndelivered { .. } => "WorkflowTaskUndelivered",
            Input::ActivityUndelivered { .. } => "ActivityUndelivered",
            Input::AnswerActivity { .. } => "AnswerActivity",
            Input::ChildStarted { .. } => "ChildStarted",
            Input::ChildClosed { .. } => "ChildClosed",
            Input::ExternalSignalDelivered { .. } => "ExternalSignalDelivered",
            Input::ExternalCancelDelivered { .. } => "ExternalCancelDelivered",
            Input::ClosePolicyApplied { .. } => "ClosePolicyApplied",
            Input::ParentNotified => "ParentNotified",
            Input::ResetSticky => "ResetSticky",
            Input::StickyWorkerGone { .. } => "StickyWorkerGone",
            Input::Wake => "Wake",
            Input::Recover => "Recover",
        }
    }
}

/// A signal, from wherever it comes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signal {
    pub name: String,
    /// At most `Limits::blob_size_error` bytes as encoded.
    pub input: Option<Payloads>,
    pub identity: String,
    pub header: Option<Header>,
    /// Empty when the sender gives none; then it is never a repetition.
    pub request_id: String,
    pub links: Vec<Link>,
    /// Set where a workflow signals.
    pub external: Option<External>,
    /// It came with a start: a run that still waits for its first workflow task waits no longer.
    pub comes_with_start: bool,
}

/// The workflow that sent a signal or a cancel request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct External {
    /// Its name, where the engine that delivers knows it.
    pub namespace: String,
    /// Tells a signal to oneself from one to a workflow of the same id elsewhere.
    pub namespace_id: String,
    pub workflow_id: String,
    pub run_id: String,
    /// The sender's event of the command; zero where none is named.
    pub initiated_event_id: i64,
    /// Refuse unless the sender is the receiver's parent.
    pub child_workflow_only: bool,
}

/// Which workflow task a worker answers, as its token says.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRef {
    /// Of a transient attempt: the id that the event would have.
    pub scheduled_event_id: i64,
    pub started_event_id: i64,
    /// From one.
    pub attempt: i32,
    /// Nanoseconds; tells a task of before a crash from its repetition.
    pub started_time: i64,
}

/// Which activity is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum ActivityRef {
    /// By task token.
    Token { scheduled_event_id: i64, attempt: i32, started_time: i64 },
    /// By activity id.
    Id(String),
}

impl ActivityRef {
    /// The activity that a task token names.
    pub fn of(token: &Token) -> Self {
        let Token { scheduled_event_id, attempt, started_time, .. } = *token;
        Self::Token { scheduled_event_id, attempt, started_time }
    }
}

/// What is reported of an activity.
#[derive(Clone, Debug, PartialEq)]
pub enum ActivityAnswer {
    /// It has returned. By id also what no worker has taken yet.
    Completed { result: Option<Payloads> },
    /// The attempt has failed; whether another one follows is decided by the retry policy.
    Failed { failure: Option<Box<Failure>>, last_heartbeat_details: Option<Payloads> },
    /// It has heeded a request to cancel; without one it may not say so.
    Canceled { details: Option<Payloads> },
    /// It goes on. The answer tells whether it is asked to stop.
    Heartbeat { details: Option<Payloads> },
}

/// What became of a message to another workflow.
#[derive(Clone, Debug, PartialEq)]
pub enum ExternalOutcome<Cause> {
    /// It is in the history of the receiver, or what it wants was so already.
    Delivered,
    /// It will never be: the reason, as the history gives it.
    Failed(Cause),
}

/// What became of starting a child.
#[derive(Clone, Debug, PartialEq)]
pub enum ChildOutcome {
    /// It runs, as this run.
    Started { run_id: String },
    /// It was never started, for this reason.
    Failed(StartChildWorkflowExecutionFailedCause),
}

/// How a child closed.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildClosed {
    /// The run that the parent started; a later run of the chain reports under it.
    pub first_run_id: String,
    /// The run that closed.
    pub run_id: String,
    pub workflow_id: String,
    /// The child's closing event.
    pub event: HistoryEvent,
}

/// What a run is started with; made from a client's request, a parent's command or an earlier run of the chain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StartSpec {
    /// What the first event says. Memo and search attributes set to nothing are left out of it.
    pub attributes: Box<WorkflowExecutionStartedEventAttributes>,
    /// Known again by the next start with the same workflow id; empty for none.
    pub request_id: String,
    pub user_metadata: Option<UserMetadata>,
    pub links: Vec<Link>,
    /// Stands in where `attributes` has none.
    pub search_attributes: Option<SearchAttributes>,
    /// A signal that is recorded right after the start.
    pub signal: Option<Signal>,
    /// What earlier runs of the chain have taken, and what is only acknowledged when it is sent again.
    pub earlier: Earlier,
    /// The caller will run the first workflow task itself, if it needs no wait.
    pub eager: Option<EagerStart>,
}

/// The requests that a run knows from the runs before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Earlier {
    /// The requests that started them, the newest last.
    pub starts: Vec<EarlierRequest>,
    /// Signals and requests to cancel, the newest last.
    pub requests: Vec<EarlierRequest>,
}

/// The worker in the process of the client that starts a workflow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EagerStart {
    pub identity: String,
    pub request_id: String,
    pub worker_version: Option<WorkerVersionStamp>,
}
