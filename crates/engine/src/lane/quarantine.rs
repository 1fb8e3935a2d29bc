//! Runs that have panicked: each is set apart, and the others of its shard go on.
//!
//! What decides about a run, what derives rows from it and what decodes it works on values of its own and touches nothing of
//! the lane. So a panic there leaves the lane as it was before the step, of which nothing is kept, and costs the run alone: it
//! leaves memory, its callers hear of it, and no step of it is tried any more. What it has on disk stays as it is, its tasks,
//! wake-ups and messages too: when its shard is acquired again, by a process of a mended build, it goes on from there.
//!
//! A panic anywhere else leaves a lane between two states; then the driver ends the process.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
};

use machine::Run;
use model::{Kind, Reject, RunId, ShardId, Time, WorkflowKey};

use super::{Action, Lane, Timer, Work, calls::execution_of, shard::Need};

// Where a panic ends the process at once, it can't be one run's.
const _: () = assert!(cfg!(panic = "unwind"), "the engine has to be built with panic = \"unwind\"");

/// What is said to have panicked where it is not an input of the run.
pub(crate) const READING: &str = "reading the run";
pub(crate) const STARTING: &str = "starting the run";
pub(crate) const DERIVING: &str = "deriving rows";
pub(crate) const TELLING: &str = "telling of the run";

/// A run that is quarantined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedRun {
    /// Empty where its namespace is gone, or not known; so is the workflow id where the run's rows can't be read.
    pub namespace: String,
    pub workflow_id: String,
    pub run_id: RunId,
    pub since: Time,
    /// The input or the work that panicked, and the words of the panic.
    pub panicked: String,
}

/// A panic that was caught.
#[derive(Debug)]
pub(crate) struct Panicked(String);

impl Panicked {
    /// `what` panicked with these words.
    pub(crate) fn new(what: &str, words: String) -> Self {
        Self(format!("{what}: {words}"))
    }
}

/// The words of a panic.
pub(crate) fn text_of(words: &(dyn Any + Send)) -> String {
    let text = words.downcast_ref::<&str>().copied().or_else(|| words.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}

/// Code of a run, and how far the run has come.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(any(test, feature = "planted-panics")),
    expect(dead_code, reason = "where panics are planted, they look at it")
)]
pub(crate) struct Place<'a> {
    pub(crate) workflow_id: &'a str,
    pub(crate) next_event_id: i64,
    /// The input's name, or another word for what is done.
    pub(crate) what: &'static str,
}

impl<'a> Place<'a> {
    pub(crate) fn of(run: &'a Run, what: &'static str) -> Self {
        Self { workflow_id: &run.key.workflow.workflow_id, next_event_id: run.core.next_event_id, what }
    }
}

/// A panic that a test plants: it goes off in each step of the workflow's runs from an event on, until the lane is gone.
#[cfg(any(test, feature = "planted-panics"))]
#[derive(Clone, Debug)]
pub struct PlantedPanic {
    pub workflow_id: String,
    /// Runs with fewer events don't panic.
    pub from_event: i64,
    /// Whether it goes off when the work is done, with its result at hand, rather than before.
    pub behind: bool,
    /// `None`: in the first work that comes.
    pub what: Option<&'static str>,
}

#[cfg(any(test, feature = "planted-panics"))]
impl Lane {
    /// Plants a panic.
    pub fn plant_panic(&mut self, planted: PlantedPanic) {
        self.planted.push(planted);
    }

    fn go_off(&self, place: Place<'_>, behind: bool) {
        let is_hit = |planted: &&PlantedPanic| {
            planted.workflow_id == place.workflow_id
                && planted.behind == behind
                && planted.from_event <= place.next_event_id
                && planted.what.is_none_or(|what| what == place.what)
        };
        if self.planted.iter().any(|planted| is_hit(&planted)) {
            // Without the words that a panic prints: there are many.
            panic::resume_unwind(Box::new("a planted panic"));
        }
    }
}

impl Lane {
    /// Does work of a run that touches nothing of the lane.
    ///
    /// # Errors
    /// It has panicked.
    pub(crate) fn caught<T>(&self, place: Place<'_>, work: impl FnOnce() -> T) -> Result<T, Panicked> {
        let work = AssertUnwindSafe(|| {
            #[cfg(any(test, feature = "planted-panics"))]
            self.go_off(place, false);
            let output = work();
            #[cfg(any(test, feature = "planted-panics"))]
            self.go_off(place, true);
            output
        });
        panic::catch_unwind(work).map_err(|words| Panicked::new(place.what, text_of(&*words)))
    }

    /// What is told of a loaded run, from its state. Where that panics only this call is refused: nothing was about to change.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) fn told<T>(&self, shard: ShardId, run_id: RunId, tell: impl FnOnce() -> T) -> Result<T, Reject> {
        let Some(entry) = self.entry(shard, run_id) else { return Ok(tell()) };
        self.caught(Place::of(&entry.run, TELLING), tell).map_err(|Panicked(panicked)| {
            let workflow_id = &entry.run.key.workflow.workflow_id;
            tracing::error!(%workflow_id, %run_id, "a call about a run has panicked: {panicked}");
            Reject::internal(format!(
                "telling of run {run_id} of workflow {workflow_id:?} has panicked. See the server's log."
            ))
        })
    }

    /// The runs that are quarantined.
    pub fn quarantined(&self) -> impl Iterator<Item = &QuarantinedRun> {
        self.shards.values().flat_map(|shard| shard.quarantined.values())
    }

    pub(crate) fn is_quarantined(&self, shard: ShardId, run_id: RunId) -> bool {
        self.shards.get(&shard).is_some_and(|state| state.quarantined.contains_key(&run_id))
    }

    /// What callers of a quarantined run hear; `None` for any other run.
    pub(crate) fn quarantine_refusal(&self, shard: ShardId, run_id: RunId) -> Option<Reject> {
        self.shards.get(&shard)?.quarantined.get(&run_id).map(refusal)
    }

    /// Sets a run of this lane apart, and says what its callers hear.
    pub(crate) fn quarantine(&mut self, shard: ShardId, run_id: RunId, panicked: Panicked) -> Reject {
        let workflow = self.workflow_of(shard, run_id);
        self.quarantine_as(shard, run_id, workflow, panicked)
    }

    /// The same, where the caller knows the workflow or knows that it can't be known.
    pub(crate) fn quarantine_as(
        &mut self,
        shard: ShardId,
        run_id: RunId,
        workflow: Option<WorkflowKey>,
        panicked: Panicked,
    ) -> Reject {
        let namespace = workflow.as_ref().map(|workflow| self.namespace(workflow.namespace).name.to_string());
        let run = QuarantinedRun {
            namespace: namespace.unwrap_or_default(),
            workflow_id: workflow.map(|workflow| workflow.workflow_id.to_string()).unwrap_or_default(),
            run_id,
            since: self.now,
            panicked: panicked.0,
        };
        let QuarantinedRun { namespace, workflow_id, panicked, .. } = &run;
        tracing::error!(%namespace, %workflow_id, %run_id, "the run is quarantined, for its code has panicked: {panicked}");
        let reject = refusal(&run);
        let Some(state) = self.shards.get_mut(&shard) else { return reject };
        state.quarantined.insert(run_id, run);
        let entry = state.runs.remove(&run_id);
        let waiting = state.waiting_for_data.remove(&Need::Run(run_id));
        for work in waiting.into_iter().flatten() {
            self.refuse(work, &reject);
        }
        if let Some(entry) = entry {
            if let Some(time) = entry.due.deadline {
                self.timers.remove(&(time, Timer::Entity(shard, run_id.into())));
            }
            for waiter in entry.waiters {
                self.waits.remove(&waiter.call);
                self.actions.push(Action::Answer { id: waiter.call, result: Err(reject.clone()) });
            }
        }
        self.fail_queries(run_id, &reject);
        self.fail_updates(run_id, &reject);
        self.keep_messages(shard, run_id);
        reject
    }

    /// A new run could not be started: there is nothing of it. What its caller hears.
    pub(crate) fn start_panicked(&self, workflow: &WorkflowKey, panicked: &Panicked) -> Reject {
        let namespace = self.namespace(workflow.namespace).name.clone();
        let (workflow_id, panicked) = (&workflow.workflow_id, &panicked.0);
        tracing::error!(%namespace, %workflow_id, "a run could not be started, for its code has panicked: {panicked}");
        let text = format!("starting workflow {workflow_id:?} has panicked. See the server's log.");
        Reject::new(Kind::Quarantined, text)
    }

    /// Which workflow a run is of, as far as memory knows.
    fn workflow_of(&self, shard: ShardId, run_id: RunId) -> Option<WorkflowKey> {
        let state = self.shards.get(&shard)?;
        if let Some(entry) = state.runs.get(&run_id) {
            return Some(entry.run.key.workflow.clone());
        }
        let newest = state.currents.iter().find(|(_, newest)| newest.run_id == Some(run_id));
        if let Some((workflow, _)) = newest {
            return Some(workflow.clone());
        }
        state.waiting_for_data.get(&Need::Run(run_id))?.iter().find_map(|work| {
            let Work::Call { namespace, call, .. } = work else { return None };
            Some(WorkflowKey::new(namespace.id, &execution_of(call).workflow_id))
        })
    }
}

fn refusal(run: &QuarantinedRun) -> Reject {
    let (workflow_id, run_id) = (&run.workflow_id, run.run_id);
    let text = format!(
        "run {run_id} of workflow {workflow_id:?} is quarantined: a step of it has panicked. See the server's log."
    );
    Reject::new(Kind::Quarantined, text)
}
