//! The worker's side of the load: it answers every task at once and does nothing else. What a workflow shall do is in
//! the name of its type, so that the worker keeps no state.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use prost::Message as _;
use proto::temporal::api::{
    command::v1::{
        Command, CompleteWorkflowExecutionCommandAttributes, ProtocolMessageCommandAttributes,
        ScheduleActivityTaskCommandAttributes, StartTimerCommandAttributes, command::Attributes,
    },
    common::v1::{ActivityType, Payloads},
    enums::v1::{CommandType, EventType, QueryResultType},
    protocol::v1::{Message, message::SequencingId},
    update::{
        self,
        v1::{Acceptance, Outcome, outcome},
    },
    workflowservice::v1::{
        PollActivityTaskQueueRequest, PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse,
        RespondActivityTaskCompletedRequest, RespondQueryTaskCompletedRequest, RespondWorkflowTaskCompletedRequest,
    },
};
use tokio::{sync::mpsc, task::JoinSet};

use super::client::{CALL, Client, IDENTITY, QUEUE, queue, timed};
use crate::{Fault, wire::Way};

/// Pollers of each kind that a worker keeps open.
pub(super) const POLLERS: usize = 16;
/// How long a poll waits.
pub(super) const POLL: Duration = Duration::from_secs(50);

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
pub(crate) struct Board {
    watchers: Mutex<BTreeMap<String, mpsc::UnboundedSender<Note>>>,
    faults: Mutex<Vec<String>>,
    answered: AtomicUsize,
}

impl Board {
    /// Has the Workflow Tasks of a run reported.
    pub(super) fn watch(&self, workflow_id: &str) -> mpsc::UnboundedReceiver<Note> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).insert(workflow_id.to_owned(), sender);
        receiver
    }

    /// How many Workflow Tasks the worker has answered so far.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    fn tell(&self, workflow_id: &str, note: Note) {
        self.answered.fetch_add(1, Ordering::Relaxed);
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
    pub(crate) fn first_fault(&self) -> Option<String> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }
}

/// The worker's side: pollers that run until it is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    _pollers: JoinSet<()>,
}

impl Worker {
    /// Starts as many pollers for Workflow Tasks, and as many for Activity Tasks.
    pub(crate) fn start(way: Way, pollers: usize, board: &Arc<Board>) -> Result<Worker, Fault> {
        let mut set = JoinSet::new();
        let client = Client::to(way)?;
        for _ in 0..pollers {
            let (mut tasks, seen) = (client.clone(), Arc::clone(board));
            set.spawn(async move {
                loop {
                    if let Err(fault) = work(&mut tasks, &seen, QUEUE).await {
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

/// Polls a task queue once for a Workflow Task or a query, and answers what came.
pub(super) async fn work(client: &mut Client, board: &Board, name: &str) -> Result<(), Fault> {
    let poll = PollWorkflowTaskQueueRequest {
        namespace: client.namespace.to_owned(),
        task_queue: queue(name),
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
    let messages = answers(&task)?;
    let mut commands: Vec<_> = messages.iter().map(spoken).collect();
    commands.extend(decide(&task)?);
    let complete = CommandType::CompleteWorkflowExecution as i32;
    let closed = commands.iter().any(|command| command.command_type == complete);
    let workflow_id = task.workflow_execution.map(|execution| execution.workflow_id).unwrap_or_default();
    let answer = RespondWorkflowTaskCompletedRequest {
        task_token: task.task_token,
        commands,
        messages,
        identity: IDENTITY.to_owned(),
        namespace: client.namespace.to_owned(),
        ..RespondWorkflowTaskCompletedRequest::default()
    };
    client.service.respond_workflow_task_completed(timed(answer, CALL)).await?;
    board.tell(&workflow_id, Note { taken, answered: Instant::now(), closed });
    Ok(())
}

/// What the type of the workflow asks for next: `none`, `activities-N`, `signals-N`, `timer-SECONDS` or
/// `idle`.
fn decide(task: &PollWorkflowTaskQueueResponse) -> Result<Vec<Command>, Fault> {
    let kind = task.workflow_type.as_ref().map_or("", |kind| kind.name.as_str());
    let (kind, number) = kind.split_once('-').unwrap_or((kind, "0"));
    let number: u32 = number.parse()?;
    let events = task.history.as_ref().map_or(&[][..], |history| history.events.as_slice());
    let count = |wanted: EventType| events.iter().filter(|event| event.event_type == wanted as i32).count() as u32;
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
        "timer" => vec![timer(number)],
        _ => Vec::new(),
    })
}

/// The messages that accept every update of a task and complete it with nothing.
fn answers(task: &PollWorkflowTaskQueueResponse) -> Result<Vec<Message>, Fault> {
    let mut messages = Vec::new();
    for asked in &task.messages {
        let body = asked.body.as_ref().ok_or("a message without a body")?;
        let request = update::v1::Request::decode(body.value.as_slice())?;
        let say = |part: &str, type_url: &str, value: Vec<u8>| Message {
            id: format!("{}/{part}", asked.id),
            protocol_instance_id: asked.protocol_instance_id.clone(),
            body: Some(prost_types::Any { type_url: type_url.to_owned(), value }),
            ..Message::default()
        };
        let response = update::v1::Response {
            meta: request.meta.clone(),
            outcome: Some(Outcome { value: Some(outcome::Value::Success(Payloads::default())) }),
        };
        let acceptance = Acceptance {
            accepted_request_message_id: asked.id.clone(),
            accepted_request_sequencing_event_id: match asked.sequencing_id {
                Some(SequencingId::EventId(id)) => id,
                Some(SequencingId::CommandIndex(_)) | None => 0,
            },
            accepted_request: Some(request),
        };
        messages.push(say(
            "accept",
            "type.googleapis.com/temporal.api.update.v1.Acceptance",
            acceptance.encode_to_vec(),
        ));
        messages.push(say("complete", "type.googleapis.com/temporal.api.update.v1.Response", response.encode_to_vec()));
    }
    Ok(messages)
}

/// The command that says when, among the others, a message is to be heard.
fn spoken(message: &Message) -> Command {
    let attributes = ProtocolMessageCommandAttributes { message_id: message.id.clone() };
    command(CommandType::ProtocolMessage, Attributes::ProtocolMessageCommandAttributes(attributes))
}

fn command(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind.into(), attributes: Some(attributes), ..Command::default() }
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn activity(number: u32) -> Command {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: number.to_string(),
        activity_type: Some(ActivityType { name: "nothing".to_owned() }),
        task_queue: queue(QUEUE),
        start_to_close_timeout: seconds(60),
        ..ScheduleActivityTaskCommandAttributes::default()
    };
    command(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(attributes))
}

fn timer(after: u32) -> Command {
    let start_to_fire_timeout = seconds(after.into());
    let attributes = StartTimerCommandAttributes { timer_id: "one".to_owned(), start_to_fire_timeout };
    command(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(attributes))
}
