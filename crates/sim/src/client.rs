//! Model clients: they start, signal, read and terminate workflows, repeat what was not answered, and remember what they
//! were told.

use std::{collections::BTreeMap, time::Duration};

use engine::{Answer, Call, CallId, Execution};
use machine::Signal;
use model::{Kind, Reject, Time};
use proto::temporal::api::{
    common::v1::WorkflowType, enums::v1::WorkflowExecutionStatus, taskqueue::v1::TaskQueue,
    workflowservice::v1::StartWorkflowExecutionRequest,
};

use crate::{
    program::{self, QUEUE},
    world::{Actor, World},
};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Workflows that one client starts.
const WORKFLOWS: usize = 4;

/// What a client is busy with.
#[derive(Clone, Debug, Default)]
enum Errand {
    #[default]
    None,
    Start {
        workflow_id: String,
        call: Call,
    },
    Signal {
        name: String,
        call: Call,
    },
    Look {
        workflow_id: String,
    },
    Read,
    Terminate {
        call: Call,
    },
}

/// A client.
#[derive(Debug, Default)]
pub(crate) struct Client {
    number: usize,
    errand: Errand,
    waits_for: CallId,
    started: usize,
    signals: usize,
    /// The workflows it started, and whether it knows them to be closed.
    workflows: BTreeMap<String, bool>,
    done: bool,
}

impl Client {
    pub(crate) fn new(number: usize) -> Self {
        Self { number, ..Self::default() }
    }

    /// All its workflows are closed, and it will start no more.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    fn actor(&self) -> Actor {
        Actor::Client(self.number)
    }

    /// Begins the next errand.
    pub(crate) fn act(&mut self, world: &mut World) {
        let open: Vec<String> =
            self.workflows.iter().filter(|(_, closed)| !**closed).map(|(id, _)| id.clone()).collect();
        let may_start = self.started < WORKFLOWS;
        let (errand, call) = if may_start && (open.is_empty() || world.rng.one_in(3)) {
            self.start(world)
        } else if let Some(id) = world.rng.pick(&open).cloned() {
            self.attend(world, id)
        } else {
            self.done = true;
            return;
        };
        self.errand = errand;
        self.waits_for = world.send(self.actor(), call, PATIENCE);
    }

    fn start(&mut self, world: &mut World) -> (Errand, Call) {
        let workflow_id = format!("w-{}-{}", self.number, self.started);
        self.started += 1;
        let request = StartWorkflowExecutionRequest {
            workflow_id: workflow_id.clone(),
            workflow_type: Some(WorkflowType { name: program::new(&mut world.rng) }),
            task_queue: Some(TaskQueue { name: QUEUE.into(), ..TaskQueue::default() }),
            request_id: format!("start-{workflow_id}"),
            ..StartWorkflowExecutionRequest::default()
        };
        let call = Call::Start(Box::new(request));
        (Errand::Start { workflow_id, call: call.clone() }, call)
    }

    /// Does something with an open workflow.
    fn attend(&mut self, world: &mut World, workflow_id: String) -> (Errand, Call) {
        let execution = Execution { workflow_id: workflow_id.clone(), run_id: String::new() };
        match world.rng.below(if world.is_failing() { 40 } else { 10 }) {
            0..6 => {
                self.signals += 1;
                let name = format!("{}-{}", self.number, self.signals);
                let signal = Signal { name: name.clone(), request_id: name.clone(), ..Signal::default() };
                let call = Call::Signal { execution, signal: Box::new(signal) };
                (Errand::Signal { name, call: call.clone() }, call)
            }
            6..8 => {
                let call = Call::HistoryState { execution, wait_from: None, deadline: Time::ZERO };
                (Errand::Read, call)
            }
            39 => {
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

    /// An answer, or `None` when time is up.
    pub(crate) fn hear(&mut self, world: &mut World, call: CallId, result: Option<Result<Answer, Reject>>) {
        if call != self.waits_for {
            return;
        }
        let errand = std::mem::take(&mut self.errand);
        match (errand, result) {
            (errand, None) => self.repeat(world, errand),
            (errand, Some(Err(reject))) if reject.kind == Kind::Unavailable => self.repeat(world, errand),
            (Errand::Start { workflow_id, .. }, Some(Ok(Answer::Started(started)))) => {
                world.promises.started(&workflow_id, &started.run_id);
                self.workflows.insert(workflow_id, false);
            }
            // The first try was heard and its answer lost; since then the run has been followed by another one.
            (Errand::Start { workflow_id, .. }, Some(Err(reject)))
                if matches!(reject.kind, Kind::WorkflowAlreadyStarted { .. }) =>
            {
                self.workflows.insert(workflow_id, false);
            }
            (Errand::Start { workflow_id, .. }, Some(Err(reject))) => {
                world.promises.break_one(format!("the start of {workflow_id} was refused: {reject}"));
            }
            (Errand::Signal { name, .. }, Some(Ok(Answer::Signaled { run_id }))) => {
                world.promises.signaled(&run_id, &name);
            }
            (Errand::Look { workflow_id }, Some(Ok(Answer::Description(description)))) => {
                let info = description.workflow_execution_info.unwrap_or_default();
                let closed = !matches!(
                    info.status(),
                    WorkflowExecutionStatus::Running | WorkflowExecutionStatus::ContinuedAsNew
                );
                self.workflows.insert(workflow_id, closed);
            }
            (Errand::Look { workflow_id }, Some(Err(reject))) => {
                world.promises.break_one(format!("{workflow_id} was started and is not found: {reject}"));
            }
            (Errand::Read, Some(Ok(Answer::HistoryState(state)))) => {
                let disk = world.disk.durable();
                world.promises.read(&disk, &state);
            }
            // Refused because the workflow has closed, or not for this client at all.
            (_, Some(_)) => {}
        }
        if matches!(self.errand, Errand::None) {
            let pause = Duration::from_millis(10) + world.rng.within(if world.is_failing() { 400 } else { 1_500 });
            world.act_after(pause, self.actor());
        }
    }

    /// Sends the same request again: the client can't know whether it was heard.
    fn repeat(&mut self, world: &mut World, errand: Errand) {
        let call = match &errand {
            Errand::Start { call, .. } | Errand::Signal { call, .. } | Errand::Terminate { call } => call.clone(),
            Errand::None | Errand::Look { .. } | Errand::Read => return,
        };
        self.errand = errand;
        self.waits_for = world.send(self.actor(), call, PATIENCE);
    }
}
