//! The checks of a world at rest: nothing sticks, nothing is lost, nothing happened twice, nothing is left over.

use std::collections::{BTreeMap, BTreeSet};

use machine::Core;
use model::{EntityKind, NamespaceId, RunId, ShardId, Time};
use prost::Message;
use proto::temporal::api::{
    enums::v1::WorkflowExecutionStatus,
    history::v1::{History, HistoryEvent, history_event::Attributes as Event},
};
use store::{Key, Lists as _, MemoryStore, OwnedKey, record, scan_all, visibility::Query};

use super::Promises;
use crate::program::{ended_activity, ended_child};

/// A run as the disk has it.
#[derive(Debug, Default)]
pub(super) struct Stored {
    core: Core,
    pub(super) events: Vec<HistoryEvent>,
    wakes: Vec<Time>,
}

impl Stored {
    /// The first run of the chain that this one belongs to, and the workflow id.
    fn beginning(&self) -> Option<(&str, &str)> {
        match &self.events.first()?.attributes {
            Some(Event::WorkflowExecutionStartedEventAttributes(it)) => {
                Some((&it.first_execution_run_id, &it.workflow_id))
            }
            _ => None,
        }
    }
}

impl Promises {
    /// Checks everything against the disk; returns how many runs there are.
    pub(crate) fn settle(&mut self, disk: &MemoryStore, shards: u32, rested: bool) -> usize {
        if !self.broken.is_empty() {
            return 0;
        }
        if !rested {
            self.break_one("a workflow sticks: it did not close when nothing failed any more".into());
        }
        let mut runs = BTreeMap::new();
        for shard in 0..shards {
            self.walk(disk, ShardId(shard), &mut runs);
        }
        if rested {
            self.check_runs(disk, &runs);
        } else {
            self.name_open(&runs);
        }
        self.check_starts(&runs);
        self.check_signals(&runs);
        self.check_updates(&runs);
        self.check_gone(&runs);
        runs.len()
    }

    fn walk(&mut self, disk: &MemoryStore, shard: ShardId, runs: &mut BTreeMap<RunId, Stored>) {
        for (bytes, value) in scan_all(disk, shard, Vec::new()..vec![0xff]).unwrap_or_default() {
            match Key::decode(&bytes) {
                Ok(OwnedKey::Run(run_id)) => {
                    runs.entry(run_id).or_default().core = record::decode(value).unwrap_or_default();
                }
                Ok(OwnedKey::History(run_id, _)) => {
                    let batch = History::decode(value).unwrap_or_default();
                    runs.entry(run_id).or_default().events.extend(batch.events);
                }
                Ok(OwnedKey::Wake(time, entity)) => match entity.kind {
                    EntityKind::Run => runs.entry(RunId(entity.uuid)).or_default().wakes.push(time),
                    EntityKind::Job => {}
                },
                Ok(leftover @ (OwnedKey::Task { .. } | OwnedKey::Outbox(..) | OwnedKey::Buffered(..))) => {
                    self.break_one(format!("at rest there is still {leftover:?}"));
                }
                Ok(_) => {}
                Err(error) => self.break_one(format!("a key does not decode: {error}")),
            }
        }
    }

    /// Says of each open run how it got where it is.
    fn name_open(&mut self, runs: &BTreeMap<RunId, Stored>) {
        for (run_id, run) in runs {
            if run.core.status() != WorkflowExecutionStatus::Running {
                continue;
            }
            let mut story = String::new();
            for event in run.events.iter().filter(|event| !is_routine(event)) {
                let name = event.event_type().as_str_name().trim_start_matches("EVENT_TYPE_");
                story.push_str(&format!(" {}:{name}", event.event_id));
                if let Some(Event::WorkflowTaskFailedEventAttributes(it)) = &event.attributes {
                    let why = it.failure.as_ref().map_or("", |failure| failure.message.as_str());
                    story.push_str(&format!(" ({why})"));
                }
            }
            self.break_one(format!("run {run_id} is open:{story}"));
        }
    }

    fn check_runs(&mut self, disk: &MemoryStore, runs: &BTreeMap<RunId, Stored>) {
        let namespace = NamespaceId(uuid::Uuid::from_u128(1));
        let query = Query { namespace, filter: None, group_by: Vec::new(), limit: 100_000, after: None };
        let rows = disk.query(&query).map(|page| page.rows).unwrap_or_default();
        let shown: BTreeMap<RunId, WorkflowExecutionStatus> =
            rows.into_iter().map(|row| (row.run_id, row.status)).collect();
        for (run_id, run) in runs {
            let status = run.core.status();
            if status == WorkflowExecutionStatus::Running {
                self.break_one(format!("run {run_id} sticks: it did not close"));
            }
            if shown.get(run_id) != Some(&status) {
                self.break_one(format!("run {run_id} is {status:?} and shown as {:?}", shown.get(run_id)));
            }
            let expected = [Time(run.core.delete_time)];
            if run.wakes != expected {
                self.break_one(format!("run {run_id} has the wake-ups {:?}, not {expected:?}", run.wakes));
            }
            self.check_history(*run_id, run);
        }
    }

    fn check_history(&mut self, run_id: RunId, run: &Stored) {
        let ids: Vec<i64> = run.events.iter().map(|event| event.event_id).collect();
        if ids != (1..run.core.next_event_id).collect::<Vec<_>>() {
            self.break_one(format!("run {run_id} has the events {ids:?} up to {}", run.core.next_event_id));
        }
        let mut ended = BTreeMap::new();
        for event in run.events.iter().filter_map(|event| event.attributes.as_ref()) {
            let of = match event {
                Event::TimerFiredEventAttributes(it) => Some(it.started_event_id),
                Event::TimerCanceledEventAttributes(it) => Some(it.started_event_id),
                Event::ChildWorkflowExecutionStartedEventAttributes(it) => Some(it.initiated_event_id + 1_000_000),
                Event::WorkflowExecutionCancelRequestedEventAttributes(_) => Some(-1),
                _ => ended_activity(event).or_else(|| ended_child(event)),
            };
            of.into_iter().for_each(|of| *ended.entry(of).or_insert(0) += 1);
        }
        for (of, times) in ended {
            if times > 1 {
                self.break_one(format!("what began with event {of} of run {run_id} ended {times} times"));
            }
        }
    }

    fn check_starts(&mut self, runs: &BTreeMap<RunId, Stored>) {
        for (workflow_id, run_id) in self.starts.clone().into_values() {
            let known = run_id.parse().ok().and_then(|run_id: RunId| runs.get(&run_id));
            if known.is_none_or(|run| run.events.is_empty()) {
                self.break_one(format!("the acknowledged run {run_id} of {workflow_id} is lost"));
            }
        }
    }

    /// Every acknowledged signal stands once in its run, and signals of one client in their order.
    fn check_signals(&mut self, runs: &BTreeMap<RunId, Stored>) {
        let mut found: BTreeMap<String, Vec<(RunId, i64)>> = BTreeMap::new();
        for (run_id, run) in runs {
            for event in &run.events {
                if let Some(Event::WorkflowExecutionSignaledEventAttributes(it)) = &event.attributes {
                    found.entry(it.signal_name.clone()).or_default().push((*run_id, event.event_id));
                }
            }
        }
        for (name, places) in &found {
            // Sent again by its client, a signal may reach a later workflow of the same id; those that follow one another as
            // one chain of runs take it once.
            let chains: BTreeSet<_> =
                places.iter().map(|(run_id, _)| runs.get(run_id).and_then(Stored::beginning)).collect();
            if places.len() > chains.len() {
                self.break_one(format!("signal {name} was applied {} times", places.len()));
            }
        }
        let mut last: BTreeMap<(String, String), i64> = BTreeMap::new();
        for (run_id, name) in self.signals.clone() {
            let place = found.get(&name).and_then(|places| places.iter().find(|(run, _)| run.to_string() == run_id));
            let Some((_, event_id)) = place else {
                self.break_one(format!("the acknowledged signal {name} of run {run_id} is lost"));
                continue;
            };
            let client = name.split('-').next().unwrap_or_default().to_owned();
            let before = last.insert((client, run_id.clone()), *event_id);
            if before.is_some_and(|before| before > *event_id) {
                self.break_one(format!("signal {name} of run {run_id} stands before one that was sent earlier"));
            }
        }
    }

    /// Nothing was done for a caller that was gone before its call was looked at.
    fn check_gone(&mut self, runs: &BTreeMap<RunId, Stored>) {
        for (run_id, run) in runs {
            let workflow_id = run.beginning().map_or("", |(_, workflow_id)| workflow_id);
            let events = run.events.iter().filter_map(|event| event.attributes.as_ref());
            let names = events.filter_map(|event| match event {
                Event::WorkflowExecutionSignaledEventAttributes(it) => Some(it.signal_name.as_str()),
                Event::WorkflowExecutionUpdateAcceptedEventAttributes(it) => Some(it.protocol_instance_id.as_str()),
                Event::WorkflowExecutionCancelRequestedEventAttributes(it) => Some(it.cause.as_str()),
                _ => None,
            });
            for name in names.chain([workflow_id]).filter(|name| self.gone.contains(*name)).collect::<Vec<_>>() {
                self.broken.push(format!("run {run_id} has {name}, whose caller was gone before it was looked at"));
            }
        }
    }
}

/// What says nothing about why a run waits.
fn is_routine(event: &HistoryEvent) -> bool {
    matches!(
        event.attributes,
        Some(
            Event::WorkflowExecutionSignaledEventAttributes(_)
                | Event::WorkflowTaskScheduledEventAttributes(_)
                | Event::WorkflowTaskStartedEventAttributes(_)
                | Event::WorkflowTaskCompletedEventAttributes(_)
        )
    )
}
