//! Model clients: they start, signal, update, query, read, cancel and terminate workflows, repeat what was not answered and
//! at times what was, go away without an answer, and remember what they were told.

mod again;
mod calls;

use std::{collections::BTreeMap, time::Duration};

use engine::{Answer, Call, CallId, QueryOutcome};
use model::{Kind, Reject, Time};
use proto::temporal::api::enums::v1::{
    ResourceExhaustedCause, UpdateWorkflowExecutionLifecycleStage as Stage, WorkflowExecutionStatus as Status,
};

use crate::world::{Actor, World};
use again::Told;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Workflows that one client starts.
const WORKFLOWS: usize = 4;

/// What a client is busy with.
#[derive(Clone, Debug, Default)]
enum Errand {
    #[default]
    None,
    /// A start, or a signal with start where a signal is named.
    Start {
        workflow_id: String,
        signal: Option<String>,
        call: Call,
    },
    Signal {
        workflow_id: String,
        name: String,
        call: Call,
    },
    Cancel {
        workflow_id: String,
        call: Call,
    },
    Update {
        workflow_id: String,
        update_id: String,
        call: Call,
    },
    /// `known` signals had been acknowledged to all clients when it was asked.
    Query {
        known: usize,
    },
    Look {
        workflow_id: String,
    },
    Read,
    Terminate {
        call: Call,
    },
    /// What was acknowledged is sent again.
    Again(Told),
    /// The client goes away before it is answered.
    Leave,
}

/// A workflow of a client.
#[derive(Debug, Default)]
struct Workflow {
    closed: bool,
    /// It begins again and again, until it is cancelled.
    repeats: bool,
    /// Since when its start, which may not have been carried out, is under way.
    unsure: Option<Time>,
    /// What was acknowledged since the newest start.
    told: Vec<Told>,
}

/// A client.
#[derive(Debug, Default)]
pub(crate) struct Client {
    number: usize,
    errand: Errand,
    waits_for: CallId,
    /// When it asked.
    asked: Time,
    started: usize,
    /// Signals, updates and requests to cancel that it has named.
    requests: usize,
    /// The workflows it started.
    workflows: BTreeMap<String, Workflow>,
    done: bool,
    /// It met a run that has panicked, and comes after a pause.
    put_off: Option<Errand>,
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
        if let Some(errand) = self.put_off.take() {
            return self.repeat(world, errand);
        }
        let open: Vec<String> =
            self.workflows.iter().filter(|(_, known)| !known.closed).map(|(id, _)| id.clone()).collect();
        let may_start = self.started < WORKFLOWS;
        let closed: Vec<String> = self
            .workflows
            .iter()
            .filter(|(_, known)| known.closed && !known.told.is_empty())
            .map(|(id, _)| id.clone())
            .collect();
        let (errand, call) = if may_start && (open.is_empty() || world.rng.one_in(3)) {
            self.start(world)
        } else if let (true, Some(id)) = (world.rng.one_in(12), world.rng.pick(&closed).cloned()) {
            self.again(world, id)
        } else if let Some(id) = world.rng.pick(&open).cloned() {
            self.attend(world, id)
        } else {
            self.done = true;
            return;
        };
        if let Errand::Leave = errand {
            return self.leave(world, call);
        }
        self.errand = errand;
        self.asked = world.now;
        self.waits_for = world.send(self.actor(), call, PATIENCE);
    }

    /// Sends a call and goes away: at times before the server has looked at it.
    fn leave(&mut self, world: &mut World, call: Call) {
        let key = calls::key(&call);
        let id = world.send(self.actor(), call, PATIENCE);
        let after = Duration::from_micros(1) + world.rng.within(12);
        world.leave_after(after, id, key);
        self.pause(world);
    }

    fn pause(&mut self, world: &mut World) {
        let pause = Duration::from_millis(10) + world.rng.within(if world.is_failing() { 400 } else { 1_500 });
        world.act_after(pause, self.actor());
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
            (errand, Some(Err(reject))) if reject.kind == Kind::Quarantined => self.put_off(errand),
            // The run that the signal is for is about to close: client libraries ask again.
            (errand @ Errand::Start { .. }, Some(Err(reject))) if is_busy(&reject) => self.repeat(world, errand),
            (errand, Some(Ok(answer))) => self.granted(world, errand, answer),
            (errand, Some(Err(reject))) => self.refused(world, errand, &reject),
        }
        if matches!(self.errand, Errand::None) {
            self.pause(world);
        }
    }

    fn granted(&mut self, world: &mut World, errand: Errand, answer: Answer) {
        match (errand, answer) {
            (Errand::Start { workflow_id, signal, call }, Answer::Started(started)) => {
                world.promises.started(&calls::key(&call), &workflow_id, &started.run_id);
                let known = self.workflows.entry(workflow_id).or_default();
                if let Some(name) = &signal {
                    world.promises.signaled(&started.run_id, name);
                }
                if started.started {
                    known.told.clear();
                }
                known.closed = false;
                known.told.push(Told::Run { call, run_id: started.run_id });
            }
            (Errand::Signal { workflow_id, name, call }, Answer::Signaled { run_id }) => {
                world.promises.signaled(&run_id, &name);
                self.tell(&workflow_id, Told::Run { call, run_id });
            }
            (Errand::Cancel { workflow_id, call }, Answer::Done) => self.tell(&workflow_id, Told::Done { call }),
            (Errand::Update { workflow_id, update_id, call }, Answer::Update(state)) => {
                if state.stage == Stage::Admitted && world.rng.one_in(2) {
                    return self.repeat(world, Errand::Update { workflow_id, update_id, call });
                }
                let outcome = world.promises.updated(&world.disk, &update_id, &state);
                let told = outcome.map(|outcome| Told::updated(call, state.run_id, outcome));
                told.into_iter().for_each(|told| self.tell(&workflow_id, told));
            }
            (Errand::Update { workflow_id, update_id, call }, Answer::UpdateWithStart { started, update }) => {
                let known = self.workflows.entry(workflow_id).or_default();
                known.closed = false;
                if started.started {
                    world.promises.started(&calls::key(&call), &update_id, &started.run_id);
                }
                // Whether an earlier try has started another run is not known.
                known.told.clear();
                world.promises.updated(&world.disk, &update_id, &update);
            }
            (Errand::Query { known }, Answer::QueryAnswer { run_id, outcome: QueryOutcome::Answered(shown) }) => {
                world.promises.queried(&run_id, known, &shown.unwrap_or_default());
            }
            (Errand::Look { workflow_id }, Answer::Description(description)) => {
                let info = description.workflow_execution_info.unwrap_or_default();
                let known = self.workflows.entry(workflow_id).or_default();
                known.closed = !matches!(info.status(), Status::Running | Status::ContinuedAsNew);
                known.unsure = None;
            }
            (Errand::Read, Answer::HistoryState(state)) => {
                let disk = world.disk.durable();
                let times = (self.asked, world.now);
                world.promises.read(&disk, &state, times);
            }
            (Errand::Again(told), answer) => told.check(world, &answer),
            _ => {}
        }
    }

    fn refused(&mut self, world: &mut World, errand: Errand, reject: &Reject) {
        match errand {
            // The first try was heard and its answer lost; since then the run has been followed by another one.
            Errand::Start { workflow_id, signal: None, .. }
                if matches!(reject.kind, Kind::WorkflowAlreadyStarted { .. }) =>
            {
                self.workflows.entry(workflow_id).or_default().closed = false;
            }
            Errand::Start { workflow_id, .. } => {
                world.promises.break_one(format!("the start of {workflow_id} was refused: {reject}"));
            }
            Errand::Look { workflow_id } => {
                let known = self.workflows.entry(workflow_id.clone()).or_default();
                if known.unsure.is_some_and(|since| since + PATIENCE * 2 > world.now) {
                    // It may still be carried out.
                } else if known.unsure.is_some() {
                    known.closed = true;
                } else {
                    world.promises.break_one(format!("{workflow_id} was started and is not found: {reject}"));
                }
            }
            Errand::Again(told) => {
                world.promises.break_one(format!("{told}, and is refused when it is sent again: {reject}"));
            }
            // Refused because the workflow has closed, or not for this client at all. A run may have been started though.
            Errand::Update { workflow_id, call: Call::UpdateWithStart { .. }, .. } => {
                let known = self.workflows.entry(workflow_id).or_default();
                (known.closed, known.unsure) = (false, Some(world.now));
                known.told.clear();
            }
            Errand::None
            | Errand::Signal { .. }
            | Errand::Cancel { .. }
            | Errand::Update { .. }
            | Errand::Query { .. }
            | Errand::Read
            | Errand::Terminate { .. }
            | Errand::Leave => {}
        }
    }

    /// The run is left alone: the client starts its workflow later, and gives up whatever else it wanted of it.
    fn put_off(&mut self, errand: Errand) {
        match errand {
            Errand::Start { .. } | Errand::Update { call: Call::UpdateWithStart { .. }, .. } => {
                self.put_off = Some(errand);
            }
            Errand::None
            | Errand::Signal { .. }
            | Errand::Cancel { .. }
            | Errand::Update { .. }
            | Errand::Query { .. }
            | Errand::Look { .. }
            | Errand::Read
            | Errand::Terminate { .. }
            | Errand::Again(_)
            | Errand::Leave => {}
        }
    }

    fn tell(&mut self, workflow_id: &str, told: Told) {
        if let Some(known) = self.workflows.get_mut(workflow_id) {
            known.told.push(told);
        }
    }

    /// Sends the same request again: the client can't know whether it was heard.
    fn repeat(&mut self, world: &mut World, errand: Errand) {
        let mut call = match &errand {
            Errand::Start { call, .. }
            | Errand::Signal { call, .. }
            | Errand::Cancel { call, .. }
            | Errand::Update { call, .. }
            | Errand::Terminate { call } => call.clone(),
            Errand::Again(told) => told.call().clone(),
            Errand::None | Errand::Query { .. } | Errand::Look { .. } | Errand::Read | Errand::Leave => return,
        };
        calls::renew(&mut call, world.clock());
        self.errand = errand;
        self.asked = world.now;
        self.waits_for = world.send(self.actor(), call, PATIENCE);
    }
}

fn is_busy(reject: &Reject) -> bool {
    matches!(reject.kind, Kind::ResourceExhausted { cause: ResourceExhaustedCause::BusyWorkflow, .. })
}
