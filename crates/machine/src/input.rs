//! Everything that can be asked of a run. `Run::handle` has one line for each.

use proto::temporal::api::{
    common::v1::{Header, Link, Payloads, SearchAttributes, WorkerVersionStamp},
    enums::v1::{
        CancelExternalWorkflowExecutionFailedCause, SignalExternalWorkflowExecutionFailedCause,
        StartChildWorkflowExecutionFailedCause,
    },
    failure::v1::Failure,
    history::v1::{HistoryEvent, WorkflowExecutionStartedEventAttributes},
    sdk::v1::UserMetadata,
    workflowservice::v1::{RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskFailedRequest},
};

/// Something that is asked of a run, or that it has to be told.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A client, or another workflow, signals.
    Signal(Signal),
    /// A client, another workflow or a parent's close policy asks it to cancel itself.
    RequestCancel {
        reason: String,
        identity: String,
        request_id: String,
        external: Option<External>,
        links: Vec<Link>,
    },
    /// Ends the run at once.
    Terminate {
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
        identity: String,
        request_id: String,
        worker_version: Option<WorkerVersionStamp>,
    },
    /// A worker has decided.
    CompleteWorkflowTask {
        task: TaskRef,
        request: Box<RespondWorkflowTaskCompletedRequest>,
    },
    FailWorkflowTask {
        task: TaskRef,
        request: Box<RespondWorkflowTaskFailedRequest>,
    },
    /// A poll met a waiting activity.
    StartActivity {
        scheduled_event_id: i64,
        identity: String,
        request_id: String,
        worker_version: Option<WorkerVersionStamp>,
    },
    /// A worker, or somebody who knows the activity's id, reports on an activity.
    AnswerActivity {
        activity: ActivityRef,
        identity: String,
        answer: ActivityAnswer,
    },
    /// What became of starting a child.
    ChildStarted {
        initiated_event_id: i64,
        outcome: ChildOutcome,
    },
    /// A child has closed; `event` is its last event.
    ChildClosed {
        initiated_event_id: i64,
        child: Box<ChildClosed>,
    },
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
    ClosePolicyApplied {
        initiated_event_id: i64,
    },
    /// The parent has heard how this run ended, or is gone.
    ParentNotified,
    /// Forget which worker holds the run in its cache.
    ResetSticky,
    /// The worker on this sticky queue has shut down: move a task that waits for it to the normal queue.
    StickyWorkerGone {
        task_queue: String,
    },
    /// Time has passed: do what is ripe.
    Wake,
    /// The run was just loaded: what was only in memory is gone.
    Recover,
}

/// A signal, from wherever it comes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signal {
    pub name: String,
    pub input: Option<Payloads>,
    pub identity: String,
    pub header: Option<Header>,
    /// Empty when the sender gives none; then it is never a repetition.
    pub request_id: String,
    pub links: Vec<Link>,
    pub external: Option<External>,
}

/// The workflow that sent a signal or a cancel request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct External {
    pub namespace: String,
    pub namespace_id: String,
    pub workflow_id: String,
    pub run_id: String,
    pub initiated_event_id: i64,
    /// Refuse unless the sender is the receiver's parent.
    pub child_workflow_only: bool,
}

/// Which workflow task a worker answers, as its token says.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRef {
    pub scheduled_event_id: i64,
    pub started_event_id: i64,
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

/// What is reported of an activity.
#[derive(Clone, Debug, PartialEq)]
pub enum ActivityAnswer {
    Completed { result: Option<Payloads> },
    Failed { failure: Option<Box<Failure>>, last_heartbeat_details: Option<Payloads> },
    Canceled { details: Option<Payloads> },
    Heartbeat { details: Option<Payloads> },
}

/// What became of a message to another workflow.
#[derive(Clone, Debug, PartialEq)]
pub enum ExternalOutcome<Cause> {
    Delivered,
    Failed(Cause),
}

/// What became of starting a child.
#[derive(Clone, Debug, PartialEq)]
pub enum ChildOutcome {
    Started { run_id: String },
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
    pub attributes: Box<WorkflowExecutionStartedEventAttributes>,
    pub request_id: String,
    pub user_metadata: Option<UserMetadata>,
    pub links: Vec<Link>,
    pub search_attributes: Option<SearchAttributes>,
    /// A signal that is recorded right after the start.
    pub signal: Option<Signal>,
    /// The caller will run the first workflow task itself, if it needs no wait.
    pub eager: Option<EagerStart>,
}

/// The worker in the process of the client that starts a workflow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EagerStart {
    pub identity: String,
    pub request_id: String,
    pub worker_version: Option<WorkerVersionStamp>,
}
