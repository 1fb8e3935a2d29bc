//! What a client was told, and asks for again: the same request has the same answer, also after the run has closed and after
//! a restart, and nothing is done twice.

use std::fmt;

use engine::{Answer, Call};
use proto::temporal::api::update::v1::Outcome;

use super::{Client, Errand, calls};
use crate::world::World;

/// Something that was acknowledged.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// A start or a signal, by the run that took it.
    Run { call: Call, run_id: String },
    /// A request to cancel.
    Done { call: Call },
    /// An update that its run has an outcome of.
    Updated { call: Call, update_id: String, outcome: Box<Outcome> },
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = calls::key(self.call());
        match self {
            Told::Run { run_id, .. } => write!(f, "{key} was taken by run {run_id}"),
            Told::Done { .. } => write!(f, "the cancellation {key} was taken"),
            Told::Updated { outcome, .. } => write!(f, "the update {key} has led to {outcome:?}"),
        }
    }
}

impl Told {
    /// An update that a run has completed: from now on that run is asked.
    pub(super) fn updated(call: Call, run_id: String, outcome: Outcome) -> Self {
        let mut call = call;
        if let Call::Update(update) = &mut call {
            update.execution.run_id = run_id;
        }
        Told::Updated { update_id: calls::key(&call), call, outcome: Box::new(outcome) }
    }

    pub(super) fn call(&self) -> &Call {
        match self {
            Told::Run { call, .. } | Told::Done { call } | Told::Updated { call, .. } => call,
        }
    }

    /// The answer to the same request, sent again.
    pub(super) fn check(self, world: &mut World, answer: &Answer) {
        let now = match (&self, answer) {
            (Told::Run { run_id, .. }, Answer::Started(started)) if *run_id == started.run_id => return,
            (Told::Run { run_id, .. }, Answer::Signaled { run_id: now }) if run_id == now => return,
            (Told::Done { .. }, Answer::Done) => return,
            (Told::Updated { update_id, outcome, .. }, Answer::Update(state)) => {
                let now = world.promises.updated(&world.disk, update_id, state);
                if now.as_ref() == Some(&**outcome) {
                    return;
                }
                format!("{now:?}")
            }
            (_, other) => format!("{other:?}"),
        };
        world.promises.break_one(format!("{self}, and is answered with {now} when it is sent again"));
    }
}

impl Client {
    /// Sends something again that was acknowledged before; looks at the workflow where nothing was.
    pub(super) fn again(&mut self, world: &mut World, workflow_id: String) -> (Errand, Call) {
        let told = self.workflows.get(&workflow_id).and_then(|known| world.rng.pick(&known.told)).cloned();
        let Some(told) = told else {
            let execution = engine::Execution { workflow_id: workflow_id.clone(), run_id: String::new() };
            return (Errand::Look { workflow_id }, Call::Describe { execution });
        };
        let mut call = told.call().clone();
        calls::renew(&mut call, world.clock());
        (Errand::Again(told), call)
    }
}
