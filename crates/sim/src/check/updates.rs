//! What was promised of updates: what was accepted stands in the history, an outcome stays what it was, and one run takes an
//! update once.

use std::collections::BTreeMap;

use engine::{UpdateOutcome, UpdateState};
use model::{RunId, ShardId};
use proto::temporal::api::{
    enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage,
    history::v1::{HistoryEvent, history_event::Attributes as Event},
    update::v1::{Outcome, outcome::Value},
};
use store::MemoryStore;

use super::{Promises, history, rest::Stored};
use crate::{disk::Disk, worker::updates};

/// What a client was told of an update.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// Its worker has accepted it.
    accepted: bool,
    /// Its outcome, where the worker gave it one.
    outcome: Option<Outcome>,
}

impl Promises {
    /// A client was told how far its update is. Returns the outcome that the worker gave it, if it is known.
    pub(crate) fn updated(&mut self, disk: &Disk, update_id: &str, state: &UpdateState) -> Option<Outcome> {
        let outcome = match (&state.outcome, state.stage) {
            (UpdateOutcome::Known(outcome), _) => Some((**outcome).clone()),
            (UpdateOutcome::Stored(range), _) => {
                let events = history(&disk.durable(), range);
                let outcome = events
                    .iter()
                    .filter(|event| event.event_id == range.from)
                    .find_map(|event| outcome_of(event, update_id));
                if outcome.is_none() {
                    self.break_one(format!("the outcome of update {update_id} is not at event {}", range.from));
                }
                outcome
            }
            (UpdateOutcome::None, Stage::Accepted) => None,
            (UpdateOutcome::None, _) => return None,
        };
        // A failure is the server's or the worker's "no": it leaves no trace.
        let outcome = match outcome {
            Some(outcome) if matches!(outcome.value, Some(Value::Failure(_))) => return None,
            outcome => outcome,
        };
        if outcome.as_ref().is_some_and(|outcome| *outcome != updates::result(update_id)) {
            self.break_one(format!("update {update_id} has the outcome of another one: {outcome:?}"));
        }
        let said = self.updates.entry((state.run_id.clone(), update_id.to_owned())).or_default();
        said.accepted = true;
        said.outcome = outcome.clone().or(said.outcome.take());
        outcome
    }

    /// What is said of an update must be on the disk by then.
    pub(super) fn must_have_come_so_far(&mut self, durable: &MemoryStore, state: &UpdateState) {
        let is_done = match &state.outcome {
            UpdateOutcome::Known(outcome) => matches!(outcome.value, Some(Value::Success(_))),
            UpdateOutcome::Stored(_) => true,
            UpdateOutcome::None => false,
        };
        if !is_done && state.stage != Stage::Accepted {
            return;
        }
        let Ok(run_id) = state.run_id.parse::<RunId>() else { return };
        let events: Vec<HistoryEvent> = (0..16)
            .flat_map(|shard| {
                let range = engine::HistoryRange {
                    shard: ShardId(shard),
                    run_id,
                    from: 1,
                    before: i64::MAX,
                    recent: Vec::new(),
                };
                history(durable, &range)
            })
            .collect();
        let is_there = events.iter().any(|event| match &event.attributes {
            Some(Event::WorkflowExecutionUpdateCompletedEventAttributes(_)) => is_done,
            Some(Event::WorkflowExecutionUpdateAcceptedEventAttributes(_)) => !is_done,
            _ => false,
        });
        if !is_there {
            self.break_one(format!("an update of run {run_id} was said to be {:?} and is not durable", state.stage));
        }
    }

    /// Every run has taken an update once, and has what was promised.
    pub(super) fn check_updates(&mut self, runs: &BTreeMap<RunId, Stored>) {
        for (run_id, run) in runs {
            let mut times: BTreeMap<(&str, bool), usize> = BTreeMap::new();
            for event in run.events.iter().filter_map(|event| event.attributes.as_ref()) {
                match event {
                    Event::WorkflowExecutionUpdateAcceptedEventAttributes(it) => {
                        *times.entry((&it.protocol_instance_id, false)).or_default() += 1;
                    }
                    Event::WorkflowExecutionUpdateCompletedEventAttributes(it) => {
                        *times.entry((it.meta.as_ref().map_or("", |meta| &meta.update_id), true)).or_default() += 1;
                    }
                    _ => {}
                }
            }
            for ((update_id, is_done), times) in times.into_iter().filter(|(_, times)| *times > 1) {
                let what = if is_done { "completed" } else { "accepted" };
                self.broken.push(format!("run {run_id} has {what} update {update_id} {times} times"));
            }
        }
        for ((run_id, update_id), said) in self.updates.clone() {
            let run = run_id.parse().ok().and_then(|run_id: RunId| runs.get(&run_id));
            let events = run.map_or(&[][..], |run| &run.events);
            let is_accepted = events.iter().any(|event| is_acceptance(event, &update_id));
            if said.accepted && !is_accepted {
                self.break_one(format!("the accepted update {update_id} of run {run_id} is lost"));
            }
            let outcome = events.iter().find_map(|event| outcome_of(event, &update_id));
            if said.outcome.is_some() && said.outcome != outcome {
                self.break_one(format!("update {update_id} of run {run_id} has the outcome {outcome:?} now"));
            }
        }
    }
}

fn is_acceptance(event: &HistoryEvent, update_id: &str) -> bool {
    matches!(
        &event.attributes,
        Some(Event::WorkflowExecutionUpdateAcceptedEventAttributes(it)) if it.protocol_instance_id == update_id
    )
}

fn outcome_of(event: &HistoryEvent, update_id: &str) -> Option<Outcome> {
    match &event.attributes {
        Some(Event::WorkflowExecutionUpdateCompletedEventAttributes(it))
            if it.meta.as_ref().is_some_and(|meta| meta.update_id == update_id) =>
        {
            it.outcome.clone()
        }
        _ => None,
    }
}
