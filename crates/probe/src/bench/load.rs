//! The load: a client that starts, signals and asks, and a worker that answers every task at once and does nothing
//! else. What a workflow shall do is in the name of its type, so that the worker keeps no state.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use proto::temporal::api::{
    command::v1::{
        Command, CompleteWorkflowExecutionCommandAttributes, ScheduleActivityTaskCommandAttributes,
        StartTimerCommandAttributes, command::Attributes,
    },
    common::v1::{ActivityType, WorkflowExecution, WorkflowType},
    enums::v1::{CommandType, EventType, QueryResultType},
    query::v1::WorkflowQuery,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        CountWorkflowExecutionsRequest, GetWorkflowExecutionHistoryRequest, ListWorkflowExecutionsRequest,
        PollActivityTaskQueueRequest, PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse,
        QueryWorkflowRequest, RespondActivityTaskCompletedRequest, RespondQueryTaskCompletedRequest,
        RespondWorkflowTaskCompletedRequest, SignalWorkflowExecutionRequest, StartWorkflowExecutionRequest,
        TerminateWorkflowExecutionRequest, workflow_service_client::WorkflowServiceClient,
    },
};
use tokio::{sync::mpsc, task::JoinSet};
use tonic::{
    Request, Status,
    metadata::MetadataMap,
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

use crate::{Fault, wire::Way};

const QUEUE: &str = "bench";
const IDENTITY: &str = "bench";
/// How long a poll waits.
const POLL: Duration = Duration::from_secs(50);
/// How long any other call may take.
const CALL: Duration = Duration::from_secs(60);

/// One end of a Workflow Task, as the worker saw it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    /// When the poll returned.
    pub(super) taken: Instant,
    /// When the completion was acknowledged.
    pub(super) answered: Instant,
    pub(super) closed: bool,
}

/// Where the worker tells those who wait what it has done, by workflow id.
#[derive(Debug, Default)]
pub(super) struct Board {
    watchers: Mutex<BTreeMap<String, mpsc::UnboundedSender<Note>>>,
    faults: Mutex<Vec<String>>,
}

impl Board {
    /// Has the Workflow Tasks of a run reported.
    pub(super) fn watch(&self, workflow_id: &str) -> mpsc::UnboundedReceiver<Note> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).insert(workflow_id.to_owned(), sender);
        receiver
    }

    fn tell(&self, workflow_id: &str, note: Note) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watcher) = watchers.get(workflow_id) {
            // Whoever watched may have left.
            let _ = watcher.send(note);
        }
        if note.closed {
            watchers.remove(workflow_id);
        }
    }

    fn fault(&self, fault: String) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// The first thing that went wrong in a worker.
    pub(super) fn first_fault(&self) -> Option<String> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }
}

/// The client's side.
#[derive(Debug, Clone)]
pub(super) struct Client {
    service: WorkflowServiceClient<InterceptedService<Channel, Showing>>,
    namespace: &'static str,
}

/// What goes with every call, such as an API key.
#[derive(Debug, Clone)]
struct Showing(MetadataMap);

impl Interceptor for Showing {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for header in ["authorization", "temporal-namespace"] {
            if let Some(value) = self.0.get(header) {
                request.metadata_mut().insert(header, value.clone());
            }
        }
        Ok(request)
    }
}

fn timed<T>(message: T, limit: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}

fn execution(workflow_id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: String::new() })
}

fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() })
}

impl Client {
    /// A client with a connection of its own.
    pub(super) fn to(way: Way) -> Result<Client, Fault> {
        let wire = way.wire()?;
        let showing = Showing(wire.metadata().clone());
        let service = WorkflowServiceClient::with_interceptor(wire.channel(), showing);
        Ok(Client { service: service.max_decoding_message_size(64 << 20), namespace: way.namespace })
    }

    /// Starts a run whose type says what it does.
    pub(super) async fn start(&mut self, workflow_id: &str, kind: &str) -> Result<(), Fault> {
        let request = StartWorkflowExecutionRequest {
            namespace: self.namespace.to_owned(),
            workflow_id: workflow_id.to_owned(),
            workflow_type: Some(WorkflowType { name: kind.to_owned() }),
            task_queue: queue(QUEUE),
            identity: IDENTITY.to_owned(),
            request_id: format!("{workflow_id}-request"),
            ..StartWorkflowExecutionRequest::default()
        };
        self.service.start_workflow_execution(timed(request, CALL)).await?;
        Ok(())
    }

    pub(super) async fn signal(&mut self, workflow_id: &str, request_id: String) -> Result<(), Fault> {
        let request = SignalWorkflowExecutionRequest {
            namespace: self.namespace.to_owned(),
            workflow_execution: execution(workflow_id),
            signal_name: "tick".to_owned(),
            identity: IDENTITY.to_owned(),
            request_id,
            ..SignalWorkflowExecutionRequest::default()
        };
        self.service.signal_workflow_execution(timed(request, CALL)).await?;
        Ok(())
    }

    pub(super) async fn terminate(&mut self, workflow_id: &str) -> Result<(), Fault> {
        let request = TerminateWorkflowExecutionRequest {
            namespace: self.namespace.to_owned(),
            workflow_execution: execution(workflow_id),
            ..TerminateWorkflowExecutionRequest::default()
        };
        self.service.terminate_workflow_execution(timed(request, CALL)).await?;
        Ok(())
    }

    pub(super) async fn query(&mut self, workflow_id: &str) -> Result<(), Fault> {
        let request = QueryWorkflowRequest {
            namespace: self.namespace.to_owned(),
            execution: execution(workflow_id),
            query: Some(WorkflowQuery { query_type: "state".to_owned(), ..WorkflowQuery::default() }),
            ..QueryWorkflowRequest::default()
        };
        self.service.query_workflow(timed(request, CALL)).await?;
        Ok(())
    }

    /// How many runs a list filter selects.
    pub(super) async fn count(&mut self, filter: &str) -> Result<usize, Fault> {
        let request = CountWorkflowExecutionsRequest { namespace: self.namespace.to_owned(), query: filter.to_owned() };
        let reply = self.service.count_workflow_executions(timed(request, CALL)).await?.into_inner();
        Ok(usize::try_from(reply.count)?)
    }

    /// One page of the runs that a list filter selects; the number on the page.
    pub(super) async fn list(&mut self, filter: &str, page: i32) -> Result<usize, Fault> {
        let request = ListWorkflowExecutionsRequest {
            namespace: self.namespace.to_owned(),
            page_size: page,
            query: filter.to_owned(),
            ..ListWorkflowExecutionsRequest::default()
        };
        let reply = self.service.list_workflow_executions(timed(request, CALL)).await?.into_inner();
        Ok(reply.executions.len())
    }

    /// Reads a history page by page; the number of its events.
    pub(super) async fn history(&mut self, workflow_id: &str) -> Result<usize, Fault> {
        let mut request = GetWorkflowExecutionHistoryRequest {
            namespace: self.namespace.to_owned(),
            execution: execution(workflow_id),
            ..GetWorkflowExecutionHistoryRequest::default()
        };
        let mut events = 0;
        loop {
            let page = self.service.get_workflow_execution_history(timed(request.clone(), CALL)).await?.into_inner();
            events += page.history.map_or(0, |history| history.events.len());
            if page.next_page_token.is_empty() {
                return Ok(events);
            }
            request.next_page_token = page.next_page_token;
        }
    }
}

/// The worker's side: pollers that run until it is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    _pollers: JoinSet<()>,
}

impl Worker {
    /// Starts as many pollers for Workflow Tasks, and as many for Activity Tasks.
    pub(super) fn start(way: Way, pollers: usize, board: &Arc<Board>) -> Result<Worker, Fault> {
        let mut set = JoinSet::new();
        let client = Client::to(way)?;
        for _ in 0..pollers {
            let (mut tasks, seen) = (client.clone(), Arc::clone(board));
            set.spawn(async move {
                loop {
                    if let Err(fault) = work(&mut tasks, &seen).await {
                        seen.fault(format!("workflow task: {fault}"));
                        return;
                    }
                }
            });
            let (mut activities, seen) = (client.clone(), Arc::clone(board));
            set.spawn(async move {
                loop {
                    if let Err(fault) = act(&mut activities).await {
                        seen.fault(format!("activity task: {fault}"));
                        return;
                    }
                }
            });
        }
        Ok(Worker { _pollers: set })
    }
}

async fn act(client: &mut Client) -> Result<(), Fault> {
    let poll = PollActivityTaskQueueRequest {
        namespace: client.namespace.to_owned(),
        task_queue: queue(QUEUE),
        identity: IDENTITY.to_owned(),
        ..PollActivityTaskQueueRequest::default()
    };
    let task = client.service.poll_activity_task_queue(timed(poll, POLL)).await?.into_inner();
    if task.task_token.is_empty() {
        return Ok(());
    }
    let answer = RespondActivityTaskCompletedRequest {
        task_token: task.task_token,
        identity: IDENTITY.to_owned(),
        namespace: client.namespace.to_owned(),
        ..RespondActivityTaskCompletedRequest::default()
    };
    client.service.respond_activity_task_completed(timed(answer, CALL)).await?;
    Ok(())
}

async fn work(client: &mut Client, board: &Board) -> Result<(), Fault> {
    let poll = PollWorkflowTaskQueueRequest {
        namespace: client.namespace.to_owned(),
        task_queue: queue(QUEUE),
        identity: IDENTITY.to_owned(),
        ..PollWorkflowTaskQueueRequest::default()
    };
    let task = client.service.poll_workflow_task_queue(timed(poll, POLL)).await?.into_inner();
    let taken = Instant::now();
    if task.task_token.is_empty() {
        return Ok(());
    }
    if task.query.is_some() {
        let answer = RespondQueryTaskCompletedRequest {
            task_token: task.task_token,
            completed_type: QueryResultType::Answered.into(),
            namespace: client.namespace.to_owned(),
            ..RespondQueryTaskCompletedRequest::default()
        };
        client.service.respond_query_task_completed(timed(answer, CALL)).await?;
        return Ok(());
    }
    let commands = decide(&task)?;
    let complete = CommandType::CompleteWorkflowExecution as i32;
    let closed = commands.iter().any(|command| command.command_type == complete);
    let workflow_id = task.workflow_execution.map(|execution| execution.workflow_id).unwrap_or_default();
    let answer = RespondWorkflowTaskCompletedRequest {
        task_token: task.task_token,
        commands,
        identity: IDENTITY.to_owned(),
        namespace: client.namespace.to_owned(),
        ..RespondWorkflowTaskCompletedRequest::default()
    };
    client.service.respond_workflow_task_completed(timed(answer, CALL)).await?;
    board.tell(&workflow_id, Note { taken, answered: Instant::now(), closed });
    Ok(())
}

/// What the type of the workflow asks for next: `none`, `activities-N`, `signals-N`, `timer` or `idle`.
fn decide(task: &PollWorkflowTaskQueueResponse) -> Result<Vec<Command>, Fault> {
    let kind = task.workflow_type.as_ref().map_or("", |kind| kind.name.as_str());
    let (kind, number) = kind.split_once('-').unwrap_or((kind, "0"));
    let number: usize = number.parse()?;
    let events = task.history.as_ref().map_or(&[][..], |history| history.events.as_slice());
    let count = |wanted: EventType| events.iter().filter(|event| event.event_type == wanted as i32).count();
    let done = match kind {
        "none" => true,
        "activities" => count(EventType::ActivityTaskCompleted) >= number,
        "signals" => count(EventType::WorkflowExecutionSignaled) >= number,
        "timer" => count(EventType::TimerFired) >= 1,
        "idle" => false,
        other => return Err(format!("unknown workflow type {other:?}").into()),
    };
    if done {
        let attributes = CompleteWorkflowExecutionCommandAttributes::default();
        let attributes = Attributes::CompleteWorkflowExecutionCommandAttributes(attributes);
        return Ok(vec![command(CommandType::CompleteWorkflowExecution, attributes)]);
    }
    Ok(match kind {
        "activities" => vec![activity(count(EventType::ActivityTaskCompleted))],
        "timer" => vec![timer()],
        _ => Vec::new(),
    })
}

fn command(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind.into(), attributes: Some(attributes), ..Command::default() }
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn activity(number: usize) -> Command {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: number.to_string(),
        activity_type: Some(ActivityType { name: "nothing".to_owned() }),
        task_queue: queue(QUEUE),
        start_to_close_timeout: seconds(60),
        ..ScheduleActivityTaskCommandAttributes::default()
    };
    command(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(attributes))
}

fn timer() -> Command {
    let attributes = StartTimerCommandAttributes { timer_id: "one".to_owned(), start_to_fire_timeout: seconds(1) };
    command(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(attributes))
}
