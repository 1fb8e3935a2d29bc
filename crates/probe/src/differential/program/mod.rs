//! One program: a random walk of calls over a few Workflow Executions, with the worker's side played by hand. What comes
//! next is decided by the seed and by what both servers agreed on, so a program is the same each time it runs.

pub(crate) mod across;
mod activities;
mod builds;
mod chains;
mod client;
pub(crate) mod commands;
pub(crate) mod content;
mod namespaces;
mod odd;
mod provoke;
mod queries;
mod reads;
mod scripts;
mod settle;
mod timeouts;
mod updates;
mod worker;
pub(crate) mod world;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::pair::{Answer, Pair, Stop};
use crate::seed::Seed;
use world::{HeldActivity, HeldTask, Run};

/// Open runs that a walk starts by itself, at most.
const RUNS: usize = 4;
/// The namespace in which Workflow Executions run.
pub(crate) const NAMESPACE: &str = "default";
/// The identity of every client and worker of a program.
pub(crate) const IDENTITY: &str = "probe";

/// A program in progress.
pub(crate) struct Program {
    pub(crate) pair: Pair,
    pub(crate) seed: Seed,
    /// Begins every id of this program.
    pub(crate) prefix: String,
    pub(crate) runs: Vec<Run>,
    pub(crate) tasks: Vec<HeldTask>,
    pub(crate) activities: Vec<HeldActivity>,
    /// Which declared refusal to provoke next; programs with neighbouring numbers share the table among them.
    pub(crate) next_refusal: usize,
    /// Only refusals of this RPC are provoked.
    pub(crate) only: Option<String>,
    /// What stands at a restart of the servers.
    pub(crate) begun: Vec<across::Begun>,
    /// Task queues that no worker has taken a task from since the servers were restarted. There the reference first finds tasks
    /// that were taken before, and over them it forgets the updates and queries that wait for their run.
    pub(crate) stale_queues: BTreeSet<String>,
    counter: usize,
}

/// What a walk can do next.
#[derive(Debug, Clone, Copy)]
enum Action {
    Start,
    SignalWithStart,
    Signal,
    RequestCancel,
    Terminate,
    Delete,
    TakeTask,
    CompleteTask,
    SpoilTask,
    FailTask,
    TakeActivity,
    AnswerActivity,
    Query,
    Update,
    Read,
    Provoke,
    Script,
}

impl Program {
    /// A program that has done nothing.
    pub(crate) fn new(pair: Pair, seed: Seed, number: u64, only: Option<String>) -> Program {
        let prefix = pair.prefix.clone();
        Program {
            pair,
            seed,
            prefix,
            runs: Vec::new(),
            tasks: Vec::new(),
            activities: Vec::new(),
            next_refusal: number as usize * 4,
            only,
            begun: Vec::new(),
            stale_queues: BTreeSet::new(),
            counter: 0,
        }
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&mut self) -> Result<(), Stop> {
        if self.seed.chance(6) {
            return self.administer().await;
        }
        self.start().await?;
        self.settle().await?;
        for _ in 0..8 + self.seed.below(14) {
            let action = self.choose();
            self.act(action).await?;
            self.settle().await?;
        }
        self.read_everything().await
    }

    fn choose(&mut self) -> Action {
        let open = self.runs.iter().filter(|run| run.is_open() && !run.reserved).count();
        let any = usize::from(!self.runs.is_empty());
        let some = usize::from(open > 0);
        let waiting = usize::from(self.waiting().next().is_some());
        let held = usize::from(!self.tasks.is_empty());
        let pending = usize::from(!self.waiting_activities().is_empty());
        let choices = [
            (Action::Start, if open < RUNS { 5 } else { 0 }),
            (Action::SignalWithStart, if open < RUNS { 3 } else { 0 }),
            (Action::Signal, 6 * some),
            (Action::RequestCancel, 3 * some),
            (Action::Terminate, some),
            (Action::Delete, any),
            (Action::TakeTask, 22 * waiting),
            (Action::CompleteTask, 34 * held),
            (Action::SpoilTask, 6 * held),
            (Action::FailTask, 3 * held),
            (Action::TakeActivity, 16 * pending),
            (Action::AnswerActivity, 18 * usize::from(!self.activities.is_empty())),
            (Action::Query, 4 * some),
            (Action::Update, 6 * some),
            (Action::Read, 8),
            (Action::Provoke, 10),
            (Action::Script, 8),
        ];
        let weights: Vec<usize> = choices.iter().map(|(_, weight)| *weight).collect();
        choices[self.seed.weighted(&weights)].0
    }

    async fn act(&mut self, action: Action) -> Result<(), Stop> {
        match action {
            Action::Start => self.start().await,
            Action::SignalWithStart => self.signal_with_start().await,
            Action::Signal => self.signal().await,
            Action::RequestCancel => self.request_cancel().await,
            Action::Terminate => self.terminate().await,
            Action::Delete => self.delete().await,
            Action::TakeTask => self.take_task().await,
            Action::CompleteTask => self.complete_task().await,
            Action::SpoilTask => self.spoil_task().await,
            Action::FailTask => self.fail_task().await,
            Action::TakeActivity => self.take_activity().await,
            Action::AnswerActivity => self.answer_activity().await,
            Action::Query => self.query().await,
            Action::Update => self.update().await,
            Action::Read => self.read_something().await,
            Action::Provoke => self.provoke().await,
            Action::Script => self.script().await,
        }
    }

    /// A number that this program has not used yet.
    pub(crate) fn number(&mut self) -> usize {
        self.counter += 1;
        self.counter
    }

    /// An id that this program has not used yet.
    pub(crate) fn fresh(&mut self, kind: &str) -> String {
        let number = self.number();
        format!("{}{kind}{number}", self.prefix)
    }

    /// An open run that the walk may touch, by its index.
    pub(crate) fn any_open(&mut self) -> Option<usize> {
        let open: Vec<usize> =
            (0..self.runs.len()).filter(|at| self.runs[*at].is_open() && !self.runs[*at].reserved).collect();
        self.seed.pick(&open).copied()
    }

    /// A run of any state, by its index.
    pub(crate) fn any_run(&mut self) -> Option<usize> {
        let known: Vec<usize> =
            (0..self.runs.len()).filter(|at| !self.runs[*at].deleted && !self.runs[*at].reserved).collect();
        self.seed.pick(&known).copied()
    }

    /// Runs whose Workflow Task waits for a worker.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.runs.len()).filter(|at| self.runs[*at].task_is_waiting() && !self.runs[*at].reserved)
    }

    /// Calls, and takes a refusal for what it is: an answer that both gave.
    pub(crate) async fn call(&mut self, rpc: &str, request: Value) -> Result<Answer, Stop> {
        self.pair.call(rpc, request).await
    }

    /// Calls what the program knows to be possible.
    pub(crate) async fn must(&mut self, rpc: &str, request: Value) -> Result<Value, Stop> {
        match self.call(rpc, request).await? {
            Answer::Reply(reply) => Ok(reply),
            Answer::Refusal(refusal) => Err(Stop::Broken(format!("{rpc} was refused by both servers: {refusal}"))),
        }
    }

    /// Remembers a run that a reply has named.
    pub(crate) fn learn(&mut self, workflow_id: &str, run_id: &str, queue: &str) -> usize {
        if let Some(at) = self.runs.iter().position(|run| run.run_id == run_id) {
            return at;
        }
        self.runs.push(Run {
            workflow_id: workflow_id.to_owned(),
            run_id: run_id.to_owned(),
            queue: queue.to_owned(),
            description: json!({}),
            ..Run::default()
        });
        self.runs.len() - 1
    }
}

/// A task queue of the kind that workers normally poll.
pub(crate) fn task_queue(name: &str) -> Value {
    json!({"name": name, "kind": "TASK_QUEUE_KIND_NORMAL"})
}

/// The text at a path of a reply; empty when there is none.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
