//! Model workers: they poll, decide by a workflow's program, run activities, answer queries, and sometimes fail, forget or
//! answer twice.

pub(crate) mod updates;

use std::{sync::Arc, time::Duration};

use engine::{Answer, Call, CallId, Execution, Poll, WorkflowTask};
use machine::{ActivityAnswer, ActivityRef};
use model::{QueueKey, QueueKind, Reject, RunId, Token};
use proto::temporal::api::{
    common::v1::{Payload, Payloads},
    enums::v1::{QueryResultType, TaskQueueKind},
    failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    history::v1::HistoryEvent,
    protocol::v1::Message,
    query::v1::WorkflowQueryResult,
    taskqueue::v1::{StickyExecutionAttributes, TaskQueue},
    workflowservice::v1::{
        PollActivityTaskQueueResponse, RespondQueryTaskCompletedRequest, RespondWorkflowTaskCompletedRequest,
        RespondWorkflowTaskFailedRequest,
    },
};

use crate::{
    check,
    program::{self, QUEUE},
    world::{Actor, World},
};

/// How long a worker's poll waits at the server, and how long the worker waits for it.
const POLL: Duration = Duration::from_secs(5);
const POLL_PATIENCE: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(3);

/// A worker. Even ones take workflow tasks, odd ones activities.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    number: usize,
    waits_for: CallId,
    /// The answer that is being given, to be repeated if nobody hears it.
    answering: Option<Call>,
    /// It polls its own queue next.
    sticky: bool,
}

impl Worker {
    pub(crate) fn new(number: usize) -> Self {
        Self { number, ..Self::default() }
    }

    fn actor(&self) -> Actor {
        Actor::Worker(self.number)
    }

    fn own_queue(&self) -> String {
        format!("own-{}", self.number)
    }

    /// Polls for the next task.
    pub(crate) fn act(&mut self, world: &mut World) {
        let is_decider = self.number.is_multiple_of(2);
        self.sticky = is_decider && !self.sticky;
        let kind = if is_decider { QueueKind::Workflow } else { QueueKind::Activity };
        let name: Arc<str> = if self.sticky { self.own_queue().into() } else { QUEUE.into() };
        let poll = Poll {
            queue: QueueKey { namespace: world.namespace.id, kind, name },
            normal_name: if self.sticky { QUEUE.into() } else { String::new() },
            identity: format!("worker-{}", self.number),
            worker_version: Arc::default(),
            worker_instance_key: String::new(),
            deadline: world.clock() + if self.sticky { Duration::from_secs(1) } else { POLL },
            max_tasks_per_second: None,
        };
        let call = if is_decider { Call::PollWorkflowTask(poll) } else { Call::PollActivityTask(poll) };
        self.answering = None;
        self.waits_for = world.send(self.actor(), call, POLL_PATIENCE);
        if world.is_failing() && world.rng.one_in(10) {
            let wait = world.rng.within(400);
            world.give_up_after(wait, self.waits_for);
        }
    }

    pub(crate) fn hear(&mut self, world: &mut World, call: CallId, result: Option<Result<Answer, Reject>>) {
        if call != self.waits_for {
            return;
        }
        match result {
            Some(Ok(Answer::WorkflowTask(Some(task)))) => self.decide(world, &task),
            Some(Ok(Answer::ActivityTask(Some(task)))) => self.perform(world, &task),
            Some(Ok(Answer::WorkflowTaskCompleted { next_task: Some(task), .. })) => self.decide(world, &task),
            None if self.answering.is_some() && world.rng.one_in(2) => {
                if let Some(answer) = self.answering.take() {
                    self.waits_for = world.send(self.actor(), answer, PATIENCE);
                }
            }
            Some(_) | None => {
                let pause = Duration::from_millis(1) + world.rng.within(20);
                world.act_after(pause, self.actor());
            }
        }
    }

    fn answer(&mut self, world: &mut World, call: Call) {
        // A slow or dead worker: the task times out at the server.
        if world.is_failing() && world.rng.one_in(25) {
            let pause = world.rng.within(3_000);
            return world.act_after(pause, self.actor());
        }
        if world.is_failing() && world.rng.one_in(25) {
            world.send(self.actor(), call.clone(), PATIENCE);
        }
        self.answering = Some(call.clone());
        self.waits_for = world.send(self.actor(), call, PATIENCE);
    }

    fn decide(&mut self, world: &mut World, task: &WorkflowTask) {
        let Ok(token) = world.token_key.open(&task.response.task_token) else {
            return world.promises.break_one("a workflow task has a token that does not open".into());
        };
        let mut events = check::history(&*world.disk, &task.history);
        events.extend(task.tail.iter().cloned());
        if task.response.query.is_some() {
            world.promises.query_history(&token.workflow_id, &events, task.response.previous_started_event_id);
            return self.answer_query(world, token, &events);
        }
        world.promises.task_history(&token.workflow_id, &events, task.response.started_event_id);
        if world.is_failing() && world.rng.one_in(30) {
            let request = Box::new(RespondWorkflowTaskFailedRequest::default());
            return self.answer(world, Call::FailWorkflowTask { token, request });
        }
        let mut request = completion(&events, task);
        let is_closing = request.commands.iter().any(program::closes);
        if !is_closing && world.rng.one_in(8) {
            let name = format!("from-{}-{}", task.history.run_id, task.response.started_event_id);
            let other = format!("w-{}-{}", world.rng.below(2), world.rng.below(4));
            if other != token.workflow_id {
                request.commands.push(program::signal_other(&other, &name));
            }
        }
        request.return_new_workflow_task = request.force_create_new_workflow_task && world.rng.one_in(2);
        request.sticky_attributes = world.rng.one_in(2).then(|| StickyExecutionAttributes {
            worker_task_queue: Some(TaskQueue {
                name: self.own_queue(),
                kind: TaskQueueKind::Sticky.into(),
                normal_name: QUEUE.into(),
            }),
            schedule_to_start_timeout: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
        });
        self.answer(world, Call::CompleteWorkflowTask { token, request: Box::new(request) });
    }

    /// Answers a query with what the history shows.
    fn answer_query(&mut self, world: &mut World, token: Token, events: &[HistoryEvent]) {
        let request = RespondQueryTaskCompletedRequest {
            completed_type: QueryResultType::Answered.into(),
            query_result: Some(state(events)),
            ..RespondQueryTaskCompletedRequest::default()
        };
        self.answer(world, Call::AnswerQuery { token, request: Box::new(request) });
    }

    fn perform(&mut self, world: &mut World, task: &PollActivityTaskQueueResponse) {
        let Ok(token) = world.token_key.open(&task.task_token) else {
            return world.promises.break_one("an activity task has a token that does not open".into());
        };
        let kind = task.activity_type.as_ref().map_or("", |kind| kind.name.as_str());
        if kind == "x" {
            let run = task.workflow_execution.as_ref().map_or("", |run| run.run_id.as_str());
            return world
                .promises
                .break_one(format!("an activity of {run} was handed out though it was cancelled before"));
        }
        let wished = match kind {
            "z" => Some(0),
            "m" => Some(-1),
            _ => None,
        };
        let answer = if matches!(kind, "f" | "z" | "m") && task.attempt == 1 {
            let next_retry_delay = wished.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
            let info = ApplicationFailureInfo {
                r#type: "Flaky".into(),
                next_retry_delay,
                ..ApplicationFailureInfo::default()
            };
            let failure = Failure {
                message: "first attempts fail".into(),
                failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
                ..Failure::default()
            };
            ActivityAnswer::Failed { failure: Some(Box::new(failure)), last_heartbeat_details: None }
        } else {
            ActivityAnswer::Completed { result: None }
        };
        self.answer(world, answer_activity(&token, answer));
    }
}

/// What a worker decides on a task: the program's next commands, a word on each update, an answer to each query. What is said
/// of updates comes behind what the program does, and before its end.
fn completion(events: &[HistoryEvent], task: &WorkflowTask) -> RespondWorkflowTaskCompletedRequest {
    let mut commands = program::decide(events);
    let under_way = program::updates_under_way(events);
    let mut words: Vec<updates::Word> = under_way.iter().map(|id| updates::done(id)).collect();
    words.extend(task.response.messages.iter().flat_map(updates::words));
    let owes = words.iter().any(|word| word.owes);
    let messages: Vec<Message> = words.into_iter().map(|word| word.message).collect();
    let spoken: Vec<_> = messages.iter().map(|message| program::protocol_message(&message.id)).collect();
    let end = commands.iter().position(program::closes).unwrap_or(commands.len());
    commands.splice(end..end, spoken);
    let is_closing = commands.iter().any(program::closes);
    let result = || WorkflowQueryResult {
        result_type: QueryResultType::Answered.into(),
        answer: Some(state(events)),
        ..WorkflowQueryResult::default()
    };
    RespondWorkflowTaskCompletedRequest {
        commands,
        messages,
        query_results: task.response.queries.keys().map(|id| (id.clone(), result())).collect(),
        force_create_new_workflow_task: owes && !is_closing,
        ..RespondWorkflowTaskCompletedRequest::default()
    }
}

/// What a worker knows of a run: the signals that it has got.
fn state(events: &[HistoryEvent]) -> Payloads {
    let payloads = check::signals(events).map(|name| Payload { data: name.to_owned().into(), ..Payload::default() });
    Payloads { payloads: payloads.collect() }
}

fn answer_activity(token: &Token, answer: ActivityAnswer) -> Call {
    Call::AnswerActivity {
        execution: Execution {
            workflow_id: token.workflow_id.clone(),
            run_id: RunId::from_slice(&token.run_id).unwrap_or_default().to_string(),
        },
        activity: ActivityRef::of(token),
        epoch: Some(token.epoch),
        identity: "worker".into(),
        worker_version: None,
        answer,
    }
}
