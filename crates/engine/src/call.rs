//! What can be asked of the engine, and its answers. Requests arrive checked in form; ids and policies are decided here.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use machine::{ActivityAnswer, ActivityRef, Job, JobInput, JobWork, Signal, UpdateRequest};
use model::{JobId, Namespace, QueueKey, Time, Token};
use proto::temporal::api::{
    common::v1::{Link, Payloads, Priority, WorkerVersionCapabilities, WorkerVersionStamp},
    deployment::v1::WorkerDeploymentOptions,
    enums::v1::{QueryRejectCondition, UpdateWorkflowExecutionLifecycleStage, WorkflowExecutionStatus},
    history::v1::HistoryEvent,
    query::v1::{QueryRejected, WorkflowQuery},
    taskqueue::v1::{PollerInfo, TaskQueueStats},
    update::v1::Outcome,
    workflowservice::v1::{
        DescribeWorkflowExecutionResponse, PollActivityTaskQueueResponse, PollWorkflowTaskQueueResponse,
        RespondQueryTaskCompletedRequest, RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskFailedRequest,
        SignalWithStartWorkflowExecutionRequest, StartWorkflowExecutionRequest,
    },
};

use crate::NamespaceRecord;

/// One call: what is asked, in which namespace.
#[derive(Clone, Debug)]
pub struct Request {
    /// The capability that the gate gave: no field of `call` can name another namespace.
    pub namespace: Arc<Namespace>,
    /// What is asked.
    pub call: Call,
}

/// A run as a client names it: an empty run id means the current run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Execution {
    pub workflow_id: String,
    /// A UUID, or empty.
    pub run_id: String,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Call {
    /// A client starts a workflow.
    Start(Box<StartWorkflowExecutionRequest>),
    /// A client signals a workflow, and starts it where it is not open.
    SignalWithStart(Box<SignalWithStartWorkflowExecutionRequest>),
    /// Signals a run; answered with `Signaled`.
    Signal { execution: Execution, signal: Box<Signal> },
    /// Asks a workflow to cancel itself.
    RequestCancel {
        execution: Execution,
        /// Not empty: the newest run is meant, if its chain began with this one.
        first_execution_run_id: String,
        reason: String,
        identity: String,
        request_id: String,
        links: Vec<Link>,
    },
    /// Ends a run at once.
    Terminate {
        execution: Execution,
        first_execution_run_id: String,
        reason: String,
        details: Option<Payloads>,
        identity: String,
        links: Vec<Link>,
    },
    /// Removes a run with all that is stored of it; an open one is terminated first.
    Delete { execution: Execution },
    /// What a run is like now, pending activities and children included.
    Describe { execution: Execution },
    /// Where the history of a run stands; see `HistoryState`. With `wait_from`, answers only when there are events from
    /// that id on, or the run is closed, or `deadline` has come.
    HistoryState { execution: Execution, wait_from: Option<i64>, deadline: Time },
    /// Asks the workflow code a question; answered by a worker before `deadline`, or refused.
    Query { execution: Execution, query: Box<WorkflowQuery>, reject_condition: QueryRejectCondition, deadline: Time },
    /// A client wants an update done; answered with `Update` when it has come as far as the client waits for.
    Update(Box<UpdateCall>),
    /// How far an update has come; answered as `Update`. `deadline` is when a wait ends in vain.
    PollUpdate { execution: Execution, update_id: String, wait: UpdateWait, deadline: Time },
    /// A client wants an update done, and the workflow started where it is not open; answered with `UpdateWithStart`.
    UpdateWithStart {
        start: Box<StartWorkflowExecutionRequest>,
        update: Box<UpdateCall>,
        /// The run that had the update has closed, and it is asked for once more.
        again: bool,
    },
    /// A worker answers a query that came to it without a workflow task.
    AnswerQuery { token: Token, request: Box<RespondQueryTaskCompletedRequest> },
    /// A worker waits for something to decide.
    PollWorkflowTask(Poll),
    /// A worker has decided.
    CompleteWorkflowTask { token: Token, request: Box<RespondWorkflowTaskCompletedRequest> },
    /// A worker could not decide.
    FailWorkflowTask { token: Token, request: Box<RespondWorkflowTaskFailedRequest> },
    /// A worker waits for an activity to run.
    PollActivityTask(Poll),
    /// A worker, or a caller who knows the id, reports on an activity.
    AnswerActivity {
        execution: Execution,
        activity: ActivityRef,
        /// The epoch in the task token; `None` by id.
        epoch: Option<u64>,
        identity: String,
        /// What the worker says of its build; `None` by id.
        worker_version: Option<WorkerVersionStamp>,
        answer: ActivityAnswer,
    },
    /// Forgets which worker holds the run in its cache.
    ResetSticky { execution: Execution },
    /// A worker goes away: its sticky queue is closed, its polls return.
    ShutdownWorker { sticky_task_queue: String, worker_instance_key: String },
    /// Who polls a queue, and what waits there.
    DescribeTaskQueue { queue: QueueKey },
    /// Who has polled which queues of the namespace lately: of at most `queues` queues, in the order of their names, from
    /// the first one behind the name `after`.
    ListWorkers { after: String, queues: usize },
    /// Writes a namespace if its stored version is `expected_version` (zero: it must be new).
    PutNamespace { record: Box<NamespaceRecord>, expected_version: i64 },
    /// Writes a namespace that is to be deleted, as `PutNamespace` does, and starts the job that deletes it: its runs, and
    /// `delay` after the last of them its record.
    DeleteNamespace { record: Box<NamespaceRecord>, expected_version: i64, delay: Duration },
    /// Removes the record of a namespace whose runs are gone.
    RemoveNamespace,
    /// A worker inside the server waits for a part of a job; answered with `JobPart`. The worker reports what came of it.
    NextJob,
    /// What came of a part.
    ReportJob { id: JobId, report: JobInput },
    /// The jobs that have not ended; answered with `Jobs`.
    ListJobs,
}

/// What decides where a call is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// The shard of this workflow id.
    Workflow(&'a str),
    /// Where the pollers of this queue wait.
    Queue(&'a QueueKey),
    /// The shard of what belongs to the whole cluster.
    Home,
    /// Wherever queues are.
    Everywhere,
}

impl Call {
    /// Where the call is carried out.
    pub(crate) fn route(&self) -> Route<'_> {
        match self {
            Call::Start(request) => Route::Workflow(&request.workflow_id),
            Call::SignalWithStart(request) => Route::Workflow(&request.workflow_id),
            Call::UpdateWithStart { start, .. } => Route::Workflow(&start.workflow_id),
            Call::Update(update) => Route::Workflow(&update.execution.workflow_id),
            Call::Signal { execution, .. }
            | Call::RequestCancel { execution, .. }
            | Call::Terminate { execution, .. }
            | Call::Delete { execution }
            | Call::Describe { execution }
            | Call::HistoryState { execution, .. }
            | Call::Query { execution, .. }
            | Call::AnswerActivity { execution, .. }
            | Call::PollUpdate { execution, .. }
            | Call::ResetSticky { execution } => Route::Workflow(&execution.workflow_id),
            Call::CompleteWorkflowTask { token, .. }
            | Call::FailWorkflowTask { token, .. }
            | Call::AnswerQuery { token, .. } => Route::Workflow(&token.workflow_id),
            Call::PollWorkflowTask(poll) | Call::PollActivityTask(poll) => Route::Queue(&poll.queue),
            Call::DescribeTaskQueue { queue } => Route::Queue(queue),
            Call::PutNamespace { .. }
            | Call::DeleteNamespace { .. }
            | Call::RemoveNamespace
            | Call::NextJob
            | Call::ReportJob { .. }
            | Call::ListJobs => Route::Home,
            Call::ListWorkers { .. } | Call::ShutdownWorker { .. } => Route::Everywhere,
        }
    }
}

/// An update as a client asks for it.
#[derive(Clone, Debug)]
pub struct UpdateCall {
    pub execution: Execution,
    /// Not empty: refuse a run whose chain did not begin with this one.
    pub first_execution_run_id: String,
    /// Named: its meta has an update id.
    pub request: UpdateRequest,
    pub wait: UpdateWait,
    /// When the wait ends in vain: the answer is then how far the update has come.
    pub deadline: Time,
}

impl UpdateCall {
    /// The name of the update, unique in its run.
    pub fn update_id(&self) -> &str {
        self.request.meta.as_ref().map_or("", |meta| meta.update_id.as_str())
    }
}

/// What a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateWait {
    Nothing,
    /// A worker has accepted or rejected the update.
    Accepted,
    /// The update has an outcome.
    Completed,
}

/// What a worker says of its build when it polls. It is shown with the poller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PollerVersion {
    pub capabilities: Option<WorkerVersionCapabilities>,
    pub deployment_options: Option<WorkerDeploymentOptions>,
}

impl PollerVersion {
    /// The stamp that the start of a task bears; a worker without a build id leaves none.
    pub(crate) fn stamp(&self) -> Option<WorkerVersionStamp> {
        let capabilities = self.capabilities.as_ref().filter(|given| !given.build_id.is_empty())?;
        let WorkerVersionCapabilities { build_id, use_versioning, .. } = capabilities.clone();
        Some(WorkerVersionStamp { build_id, use_versioning })
    }
}

/// A poll for a task.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The queue as the worker names it: a sticky queue's own name, or the normal one.
    pub queue: QueueKey,
    /// Of a sticky queue: the normal queue that it belongs to; otherwise empty.
    pub normal_name: String,
    /// What the worker calls itself; it is shown, and empty hides it.
    pub identity: String,
    /// What the worker says of its build.
    pub worker_version: Arc<PollerVersion>,
    /// Names the process of the worker, so that `ShutdownWorker` finds its polls; may be empty.
    pub worker_instance_key: String,
    /// When the poll gives up and answers empty.
    pub deadline: Time,
    /// The queue's own rate limit as the worker sets it, in tasks per second; `None` for no limit.
    pub max_tasks_per_second: Option<f64>,
}

/// The answers, one kind for each kind of call.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Accepted, and durable; there is nothing else to say.
    Done,
    /// A signal was recorded, in this run.
    Signaled { run_id: String },
    /// The policies on the workflow id have let a run stand for the request.
    Started(Box<Started>),
    /// What a run is like.
    Description(Box<DescribeWorkflowExecutionResponse>),
    /// Where the history stands; also when a wait has ended in vain.
    HistoryState(HistoryState),
    /// `None` when the poll's time was up. The history is filled in on the way out.
    WorkflowTask(Option<Box<WorkflowTask>>),
    /// A completion was accepted: what the worker gets without another poll.
    WorkflowTaskCompleted {
        next_task: Option<Box<WorkflowTask>>,
        activities: Vec<PollActivityTaskQueueResponse>,
        /// Not zero: nothing came of the task, and the worker goes back to this event.
        reset_history_event_id: i64,
    },
    /// `None` when the poll's time was up.
    ActivityTask(Option<Box<PollActivityTaskQueueResponse>>),
    /// A heartbeat was noted.
    Heartbeat { cancel_requested: bool },
    /// A query has come to its end.
    QueryAnswer { run_id: String, outcome: QueryOutcome },
    /// How far an update has come.
    Update(Box<UpdateState>),
    /// What became of a start, and how far the update that came with it is.
    UpdateWithStart { started: Box<Started>, update: Box<UpdateState> },
    /// What a queue looks like.
    TaskQueue(Box<TaskQueueDescription>),
    /// The workers of some queues.
    Workers(Workers),
    /// A part of a job that may be done now; `None` when the server stops.
    JobPart(Option<Box<JobPart>>),
    /// Jobs as they are now.
    Jobs(Vec<Job>),
}

impl Answer {
    /// The tokens of the tasks that it hands to a worker, sealed.
    pub fn task_tokens(&self) -> Vec<Bytes> {
        let workflow = |task: &Option<Box<WorkflowTask>>| task.as_ref().map(|task| task.response.task_token.clone());
        match self {
            Answer::WorkflowTask(task) => workflow(task).into_iter().collect(),
            Answer::ActivityTask(task) => task.iter().map(|task| task.task_token.clone()).collect(),
            Answer::WorkflowTaskCompleted { next_task, activities, .. } => {
                workflow(next_task).into_iter().chain(activities.iter().map(|task| task.task_token.clone())).collect()
            }
            Answer::Started(started) | Answer::UpdateWithStart { started, .. } => {
                workflow(&started.eager_task).into_iter().collect()
            }
            Answer::Done
            | Answer::Signaled { .. }
            | Answer::Description(_)
            | Answer::HistoryState(_)
            | Answer::Heartbeat { .. }
            | Answer::QueryAnswer { .. }
            | Answer::Update(_)
            | Answer::TaskQueue(_)
            | Answer::Workers(_)
            | Answer::JobPart(_)
            | Answer::Jobs(_) => Vec::new(),
        }
    }
}

/// A part of a job, for the worker that does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobPart {
    pub id: JobId,
    pub work: JobWork,
}

/// A start, or a signal with start, was accepted.
#[derive(Clone, Debug)]
pub struct Started {
    /// The run that stands for the request: a new one, or the one that the policies say.
    pub run_id: String,
    /// The first run of the chain that the run belongs to.
    pub first_execution_run_id: String,
    /// Whether this call created the run.
    pub started: bool,
    /// Of the run, as it is now: that of a repeated request may have closed.
    pub status: WorkflowExecutionStatus,
    /// The first workflow task, where the client asked for it and it waits for nothing.
    pub eager_task: Option<Box<WorkflowTask>>,
}

/// A workflow task on its way to a worker. `response` lacks the history, which is `events` joined to what the store
/// holds in `from..before`.
#[derive(Clone, Debug)]
pub struct WorkflowTask {
    /// What the worker is told, ready to be sent but for the history.
    pub response: PollWorkflowTaskQueueResponse,
    /// The stored events that the worker needs: all, or those since its last task.
    pub history: HistoryRange,
    /// What follows the stored events and is not stored.
    pub tail: Vec<HistoryEvent>,
}

/// A range of stored events of one run, and where they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRange {
    pub shard: model::ShardId,
    pub run_id: model::RunId,
    /// The first event wanted.
    pub from: i64,
    /// The event behind the last one wanted.
    pub before: i64,
    /// The encoded batches that hold the end of the range, when they are still in memory: `(first event id, History)`.
    pub recent: Vec<(i64, bytes::Bytes)>,
}

/// Where a history stands, durably.
#[derive(Clone, Debug)]
pub struct HistoryState {
    /// The run that was found where the caller named none.
    pub run_id: String,
    /// All stored events: `1..next_event_id`.
    pub range: HistoryRange,
    /// The started event of a running workflow task, and a transient attempt's scheduled one: seen, not stored.
    pub tail: Vec<HistoryEvent>,
    /// Whether events may follow on the stored ones.
    pub is_open: bool,
}

/// How far an update has come.
#[derive(Clone, Debug)]
pub struct UpdateState {
    /// The run that has it.
    pub run_id: String,
    pub stage: UpdateWorkflowExecutionLifecycleStage,
    pub outcome: UpdateOutcome,
}

/// The outcome of an update.
#[derive(Clone, Debug)]
pub enum UpdateOutcome {
    /// There is none yet.
    None,
    Known(Box<Outcome>),
    /// It stands in the one event of this range.
    Stored(HistoryRange),
}

/// What became of a query.
#[derive(Clone, Debug)]
pub enum QueryOutcome {
    /// What the workflow code returned.
    Answered(Option<Payloads>),
    /// The run is in a state in which the client does not want to ask.
    Rejected(QueryRejected),
}

/// What a task queue looks like now.
#[derive(Clone, Debug, Default)]
pub struct TaskQueueDescription {
    /// Who polled in the last five minutes.
    pub pollers: Vec<PollerInfo>,
    /// Over all priorities.
    pub stats: TaskQueueStats,
    /// At least the usual priority, 3.
    pub stats_by_priority: Vec<(i32, TaskQueueStats)>,
    /// The limit that the last poll set; `None` where there is none.
    pub tasks_per_second: Option<f64>,
}

/// The workers of some task queues, by queue and identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workers {
    pub found: Vec<PollingWorker>,
    /// The name of the last queue that was looked at, where more queues follow.
    pub more_after: Option<String>,
}

/// A worker that has polled a task queue in the last five minutes. Its sticky queue does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollingWorker {
    pub task_queue: String,
    pub identity: String,
}

/// The priority that a task is ordered by: 1 (first) to 5, 3 where none is given.
pub(crate) fn priority_key(priority: Option<&Priority>) -> i32 {
    match priority.map_or(0, |priority| priority.priority_key) {
        0 => 3,
        key => key.clamp(1, 5),
    }
}
