//! What was promised, and whether it was kept.
//!
//! Speech is checked when it leaves a node: what it tells of must be on the durable part of the disk by then. When the
//! world has come to rest, everything on the disk must be the fold of what was promised and done.

mod rest;
mod updates;

use std::collections::{BTreeMap, BTreeSet};

use engine::{Answer, HistoryRange, HistoryState};
use model::{Reject, RunId, Time};
use prost::Message;
use proto::temporal::api::{
    common::v1::Payloads,
    history::v1::{History, HistoryEvent, history_event::Attributes as Event},
    workflowservice::v1::PollActivityTaskQueueResponse,
};
use store::{Key, MemoryStore, Shards, key};

use crate::disk::Disk;

/// What clients and workers were told.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    broken: Vec<String>,
    /// By the name of a start or a signal with start: the workflow id, and the run that it was answered with.
    starts: BTreeMap<String, (String, String)>,
    /// Acknowledged signals by run, in the order in which each client had them acknowledged.
    signals: Vec<(String, String)>,
    /// What was said of updates, by run and update id.
    updates: BTreeMap<(String, String), updates::Said>,
    /// Requests whose callers were gone before they were looked at, by what names them.
    gone: BTreeSet<String>,
    /// Attempts of activities that were handed out.
    attempts: BTreeSet<(String, String, i32)>,
    /// The events that readers saw, encoded, by run.
    histories: BTreeMap<String, Vec<Vec<u8>>>,
    /// How many events of a run readers were told of, and when.
    lengths: BTreeMap<String, Vec<(Time, i64)>>,
}

/// Which attempt a task is: its run, its activity and its number.
fn attempt(task: &PollActivityTaskQueueResponse) -> (String, String, i32) {
    let run_id = task.workflow_execution.as_ref().map(|run| run.run_id.clone()).unwrap_or_default();
    (run_id, task.activity_id.clone(), task.attempt)
}

/// The events of a range as a store has them.
pub(crate) fn history(store: &dyn Shards, range: &HistoryRange) -> Vec<HistoryEvent> {
    let all = key::within(&Key::history_prefix(range.run_id));
    let pairs = store::scan_all(store, range.shard, all).unwrap_or_default();
    let events = pairs.into_iter().flat_map(|(_, batch)| History::decode(batch).unwrap_or_default().events);
    events.filter(|event| event.event_id < range.before).collect()
}

/// The signals of a history, by their names.
pub(crate) fn signals(events: &[HistoryEvent]) -> impl Iterator<Item = &str> {
    events.iter().filter_map(|event| match &event.attributes {
        Some(Event::WorkflowExecutionSignaledEventAttributes(it)) => Some(it.signal_name.as_str()),
        _ => None,
    })
}

impl Promises {
    pub(crate) fn break_one(&mut self, what: String) {
        self.broken.push(what);
    }

    pub(crate) fn broken(&self) -> &[String] {
        &self.broken
    }

    pub(crate) fn into_broken(self) -> Vec<String> {
        self.broken
    }

    /// Speech leaves a node.
    pub(crate) fn spoken(&mut self, disk: &Disk, result: &Result<Answer, Reject>) {
        match result {
            Ok(Answer::Started(started)) => self.must_be_stored(disk, &started.run_id, "start"),
            Ok(Answer::Update(update)) => self.must_have_come_so_far(&disk.durable(), update),
            Ok(Answer::UpdateWithStart { started, update }) => {
                self.must_be_stored(disk, &started.run_id, "start");
                self.must_have_come_so_far(&disk.durable(), update);
            }
            Ok(Answer::ActivityTask(Some(task))) => self.handed_out(task),
            Ok(_) | Err(_) => {}
        }
    }

    fn must_be_stored(&mut self, disk: &Disk, run_id: &str, what: &str) {
        let durable = disk.durable();
        let Ok(run_id) = run_id.parse::<RunId>() else { return };
        let row = Key::Run(run_id).encode();
        let is_stored = (0..16).any(|shard| matches!(durable.get(model::ShardId(shard), &row), Ok(Some(_))));
        if !is_stored {
            self.break_one(format!("the {what} of run {run_id} was acknowledged and is not durable"));
        }
    }

    fn handed_out(&mut self, task: &PollActivityTaskQueueResponse) {
        let attempt = attempt(task);
        if !self.attempts.insert(attempt.clone()) {
            self.break_one(format!("attempt {attempt:?} of an activity was handed out twice"));
        }
    }

    /// An answer reached nobody, so its activities were not handed out.
    pub(crate) fn taken_back(&mut self, answer: &Answer) {
        if let Answer::ActivityTask(Some(task)) = answer {
            self.attempts.remove(&attempt(task));
        }
    }

    /// A start of this name was acknowledged.
    pub(crate) fn started(&mut self, name: &str, workflow_id: &str, run_id: &str) {
        let before = self.starts.insert(name.to_owned(), (workflow_id.to_owned(), run_id.to_owned()));
        if before.is_some_and(|(_, before)| before != run_id) {
            self.break_one(format!("the start {name} of {workflow_id} was answered with two runs"));
        }
    }

    pub(crate) fn signaled(&mut self, run_id: &str, name: &str) {
        self.signals.push((run_id.to_owned(), name.to_owned()));
    }

    /// How many signals have been acknowledged so far.
    pub(crate) fn signals_known(&self) -> usize {
        self.signals.len()
    }

    /// A query was answered with these signals, and the first `known` ones had been acknowledged when it was asked.
    pub(crate) fn queried(&mut self, run_id: &str, known: usize, shown: &Payloads) {
        let is_shown = |name: &String| shown.payloads.iter().any(|payload| payload.data == name.as_bytes());
        let of_run = self.signals.iter().take(known).filter(|(run, _)| run == run_id);
        let missing = of_run.map(|(_, name)| name).find(|name| !is_shown(name)).cloned();
        if let Some(name) = missing {
            self.break_one(format!("a query of run {run_id} does not show signal {name}, acknowledged before it"));
        }
    }

    /// The caller of this request was gone before it was looked at, and does not send it again.
    pub(crate) fn gone(&mut self, key: String) {
        self.gone.insert(key);
    }

    /// A reader that asked at `asked` was told `now` where a history stands: not behind what others had heard of it by then.
    pub(crate) fn read(&mut self, durable: &MemoryStore, state: &HistoryState, (asked, now): (Time, Time)) {
        let told = self.lengths.entry(state.run_id.clone()).or_default();
        let known = told.iter().filter(|(heard, _)| *heard < asked).map(|(_, before)| *before).max();
        told.push((now, state.range.before));
        if let Some(known) = known.filter(|known| *known > state.range.before) {
            self.break_one(format!(
                "a reader of run {} was told of {} events after another had heard of {}",
                state.run_id,
                state.range.before - 1,
                known - 1
            ));
        }
        let events = history(durable, &state.range);
        if events.len() as i64 != state.range.before - 1 {
            self.break_one(format!(
                "a reader of run {} was told of {} events and {} are durable",
                state.run_id,
                state.range.before - 1,
                events.len()
            ));
        }
        self.must_extend(&state.run_id, &events);
    }

    /// What was read once stays as it was.
    fn must_extend(&mut self, run_id: &str, events: &[HistoryEvent]) {
        let now: Vec<Vec<u8>> = events.iter().map(Message::encode_to_vec).collect();
        let before = self.histories.entry(run_id.to_owned()).or_default();
        let shared = before.len().min(now.len());
        let changed = before[..shared] != now[..shared];
        if now.len() > before.len() {
            *before = now;
        }
        if changed {
            self.break_one(format!("the history of run {run_id} has changed after it was read"));
        }
    }

    /// A worker got a workflow task: its history must be dense and end with the task's start.
    pub(crate) fn task_history(&mut self, workflow_id: &str, events: &[HistoryEvent], started_event_id: i64) {
        if started_event_id == 0 {
            return;
        }
        let dense = events.iter().zip(1..).all(|(event, id)| event.event_id == id);
        if !dense || events.last().map(|event| event.event_id) != Some(started_event_id) {
            let ids: Vec<i64> = events.iter().map(|event| event.event_id).collect();
            self.break_one(format!("a task of {workflow_id} that starts as {started_event_id} has the events {ids:?}"));
        }
    }

    /// A worker got a query by itself: its history must be dense and hold at least the last decision.
    pub(crate) fn query_history(&mut self, workflow_id: &str, events: &[HistoryEvent], previous_started_event_id: i64) {
        let dense = events.iter().zip(1..).all(|(event, id)| event.event_id == id);
        let last = events.last().map_or(0, |event| event.event_id);
        if !dense || last <= previous_started_event_id {
            self.break_one(format!(
                "a query of {workflow_id}, decided on last at event {previous_started_event_id}, comes with {} events",
                events.len()
            ));
        }
    }
}
