//! The calls that a client makes, drawn from the seed: also with values and in an order that no careful client would choose.

use std::time::Duration;

use engine::{Call, Execution, UpdateCall, UpdateWait};
use machine::{Signal, UpdateRequest};
use model::Time;
use proto::temporal::api::{
    common::v1::{RetryPolicy, WorkflowType},
    enums::v1::{QueryRejectCondition, WorkflowIdConflictPolicy},
    query::v1::WorkflowQuery,
    taskqueue::v1::TaskQueue,
    update::v1::{Input, Meta},
    workflowservice::v1::{SignalWithStartWorkflowExecutionRequest, StartWorkflowExecutionRequest},
};

use super::{Client, Errand, Workflow};
use crate::{
    program::{self, QUEUE},
    rng::Rng,
    worker::updates,
    world::World,
};

/// How long the server may let a client wait for an update or a query.
const WAIT: Duration = Duration::from_secs(2);

impl Client {
    /// Begins a workflow of a new id: by a start, with a signal or with an update.
    pub(super) fn start(&mut self, world: &mut World) -> (Errand, Call) {
        let workflow_id = format!("w-{}-{}", self.number, self.started);
        self.started += 1;
        let request = start_request(&mut world.rng, &workflow_id);
        let repeats = !request.cron_schedule.is_empty();
        self.workflows.insert(workflow_id.clone(), Workflow { repeats, closed: true, ..Workflow::default() });
        match world.rng.below(8) {
            0 | 1 => self.signal_with_start(&workflow_id, request),
            2 if !repeats => self.update_with_start(world, &workflow_id, request),
            3 => {
                self.workflows
                    .insert(workflow_id, Workflow { repeats, unsure: Some(world.now), ..Workflow::default() });
                (Errand::Leave, Call::Start(Box::new(request)))
            }
            _ => {
                let call = Call::Start(Box::new(request));
                (Errand::Start { workflow_id, signal: None, call: call.clone() }, call)
            }
        }
    }

    /// Does something with an open workflow.
    pub(super) fn attend(&mut self, world: &mut World, workflow_id: String) -> (Errand, Call) {
        let execution = Execution { workflow_id: workflow_id.clone(), run_id: String::new() };
        let known = self.workflows.get(&workflow_id);
        if known.is_some_and(|known| known.unsure.is_some()) {
            return (Errand::Look { workflow_id }, Call::Describe { execution });
        }
        let repeats = known.is_some_and(|known| known.repeats);
        if repeats && !world.is_failing() && world.rng.one_in(3) {
            return self.cancel(workflow_id, execution);
        }
        match world.rng.below(if world.is_failing() { 80 } else { 40 }) {
            0..13 => self.signal(workflow_id, execution),
            13..19 => self.update(world, workflow_id, execution),
            19..22 => self.query(world, execution),
            22..25 => {
                let call = Call::HistoryState { execution, wait_from: None, deadline: Time::ZERO };
                (Errand::Read, call)
            }
            25..28 => self.again(world, workflow_id),
            28 => self.cancel(workflow_id, execution),
            29 if world.is_failing() => {
                let request = start_request(&mut world.rng, &workflow_id);
                let request = StartWorkflowExecutionRequest { cron_schedule: String::new(), ..request };
                // It may begin another run, of which what came before is not known.
                self.workflows.entry(workflow_id.clone()).or_default().told.clear();
                self.signal_with_start(&workflow_id, request)
            }
            30..33 => {
                let (_, call) = match world.rng.below(3) {
                    0 => self.signal(workflow_id, execution),
                    1 => self.update(world, workflow_id, execution),
                    _ => self.cancel(workflow_id, execution),
                };
                (Errand::Leave, call)
            }
            79 => {
                let call = Call::Terminate {
                    execution,
                    first_execution_run_id: String::new(),
                    reason: "enough".into(),
                    details: None,
                    identity: "client".into(),
                    links: Vec::new(),
                };
                (Errand::Terminate { call: call.clone() }, call)
            }
            _ => (Errand::Look { workflow_id }, Call::Describe { execution }),
        }
    }

    /// A name that no other request has.
    fn name(&mut self) -> String {
        self.requests += 1;
        format!("{}-{}", self.number, self.requests)
    }

    fn signal(&mut self, workflow_id: String, execution: Execution) -> (Errand, Call) {
        let name = self.name();
        let signal = Signal { name: name.clone(), request_id: name.clone(), ..Signal::default() };
        let call = Call::Signal { execution, signal: Box::new(signal) };
        (Errand::Signal { workflow_id, name, call: call.clone() }, call)
    }

    fn cancel(&mut self, workflow_id: String, execution: Execution) -> (Errand, Call) {
        let name = self.name();
        let call = Call::RequestCancel {
            execution,
            first_execution_run_id: String::new(),
            reason: name.clone(),
            identity: "client".into(),
            request_id: name,
            links: Vec::new(),
        };
        (Errand::Cancel { workflow_id, call: call.clone() }, call)
    }

    fn query(&mut self, world: &mut World, execution: Execution) -> (Errand, Call) {
        let query = WorkflowQuery { query_type: "state".into(), ..WorkflowQuery::default() };
        let call = Call::Query {
            execution,
            query: Box::new(query),
            reject_condition: QueryRejectCondition::None,
            deadline: world.clock() + WAIT,
        };
        (Errand::Query { known: world.promises.signals_known() }, call)
    }

    fn update(&mut self, world: &mut World, workflow_id: String, execution: Execution) -> (Errand, Call) {
        let update = self.update_call(world, execution);
        let update_id = update.update_id().to_owned();
        let call = Call::Update(Box::new(update));
        (Errand::Update { workflow_id, update_id, call: call.clone() }, call)
    }

    fn update_call(&mut self, world: &mut World, execution: Execution) -> UpdateCall {
        let update_id = self.name();
        let name = match world.rng.below(6) {
            0 => updates::NEVER,
            1 | 2 => updates::LATER,
            _ => updates::NOW,
        };
        let wait = match world.rng.below(8) {
            0 => UpdateWait::Nothing,
            1 | 2 => UpdateWait::Accepted,
            _ => UpdateWait::Completed,
        };
        UpdateCall {
            execution,
            first_execution_run_id: String::new(),
            request: UpdateRequest {
                meta: Some(Meta { update_id, identity: "client".into() }),
                input: Some(Input { name: name.into(), ..Input::default() }),
                ..UpdateRequest::default()
            },
            wait,
            deadline: world.clock() + WAIT,
        }
    }

    fn update_with_start(
        &mut self,
        world: &mut World,
        workflow_id: &str,
        mut request: StartWorkflowExecutionRequest,
    ) -> (Errand, Call) {
        request.set_workflow_id_conflict_policy(WorkflowIdConflictPolicy::UseExisting);
        request.workflow_start_delay = None;
        let update = self.update_call(world, Execution { workflow_id: workflow_id.to_owned(), run_id: String::new() });
        let update_id = update.update_id().to_owned();
        let call = Call::UpdateWithStart { start: Box::new(request), update: Box::new(update), again: false };
        (Errand::Update { workflow_id: workflow_id.to_owned(), update_id, call: call.clone() }, call)
    }

    fn signal_with_start(&mut self, workflow_id: &str, request: StartWorkflowExecutionRequest) -> (Errand, Call) {
        let name = self.name();
        let request = SignalWithStartWorkflowExecutionRequest {
            workflow_id: request.workflow_id,
            workflow_type: request.workflow_type,
            task_queue: request.task_queue,
            request_id: name.clone(),
            signal_name: name.clone(),
            workflow_run_timeout: request.workflow_run_timeout,
            workflow_execution_timeout: request.workflow_execution_timeout,
            retry_policy: request.retry_policy,
            cron_schedule: request.cron_schedule,
            workflow_start_delay: request.workflow_start_delay,
            ..SignalWithStartWorkflowExecutionRequest::default()
        };
        let call = Call::SignalWithStart(Box::new(request));
        let workflow_id = workflow_id.to_owned();
        (Errand::Start { workflow_id, signal: Some(name), call: call.clone() }, call)
    }
}

/// A start with whatever features meet: a schedule, a retry policy, a delay and timeouts.
fn start_request(rng: &mut Rng, workflow_id: &str) -> StartWorkflowExecutionRequest {
    let mut program = program::new(rng);
    let cron_schedule = if rng.one_in(8) { "@every 2s" } else { "" };
    if !cron_schedule.is_empty() && !program.starts_with('o') {
        // Nothing else ends it.
        program.insert(0, 'o');
    }
    let is_retried = program::fails_first(&program) || rng.one_in(8);
    let policy = RetryPolicy {
        initial_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        backoff_coefficient: 1.0,
        maximum_attempts: 3,
        ..RetryPolicy::default()
    };
    let mut span = |choices: &[(i64, i32)], n| {
        let drawn = rng.pick(choices).copied().filter(|_| rng.one_in(n));
        drawn.map(|(seconds, nanos)| prost_types::Duration { seconds, nanos })
    };
    StartWorkflowExecutionRequest {
        workflow_id: workflow_id.to_owned(),
        task_queue: Some(TaskQueue { name: QUEUE.into(), ..TaskQueue::default() }),
        request_id: format!("start-{workflow_id}"),
        cron_schedule: cron_schedule.to_owned(),
        retry_policy: is_retried.then_some(policy),
        workflow_start_delay: span(&[(0, 0), (0, 1), (1, 0), (3, 0)], 6).filter(|_| cron_schedule.is_empty()),
        workflow_run_timeout: span(&[(0, 0), (0, 1), (1, 0), (6, 0)], 10),
        workflow_execution_timeout: span(&[(0, 0), (0, 1), (4, 0), (9, 0)], 10),
        workflow_type: Some(WorkflowType { name: program }),
        ..StartWorkflowExecutionRequest::default()
    }
}

/// What names a request wherever it leaves a trace: a workflow id, a signal's name, an update's id, a cancellation's reason.
pub(super) fn key(call: &Call) -> String {
    match call {
        Call::Start(request) => request.workflow_id.clone(),
        Call::SignalWithStart(request) => request.signal_name.clone(),
        Call::Signal { signal, .. } => signal.name.clone(),
        Call::RequestCancel { reason, .. } => reason.clone(),
        Call::Update(update) | Call::UpdateWithStart { update, .. } => update.update_id().to_owned(),
        _ => String::new(),
    }
}

/// Gives a call that is sent again the time that the first try had.
pub(super) fn renew(call: &mut Call, now: Time) {
    if let Call::Update(update) | Call::UpdateWithStart { update, .. } = call {
        update.deadline = now + WAIT;
    }
}
