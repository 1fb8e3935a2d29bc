//! What must hold after every step, whatever it was.

use std::sync::Arc;

use imbl::OrdMap;
use machine::{Change, Input, Requests, Run, Step, StepContext};
use prost::Message;
use proto::temporal::api::history::v1::HistoryEvent;

/// Checks a step from `before` (where there was a run before).
pub(crate) fn step(before: &Run, step: &Step, context: &StepContext) {
    let mut folded = before.clone();
    let mut next_event_id = before.core.next_event_id;
    for change in &step.changes {
        if let Change::Event(event) = change {
            assert_eq!(event.event_id, next_event_id, "event ids are dense");
            assert!(event.event_time.is_some(), "an event says when it happened");
            next_event_id += 1;
        }
        folded.evolve(change);
    }
    assert_eq!(folded, step.next, "the next state is the state before with the changes applied");
    assert_eq!(step.next.core.next_event_id, next_event_id);
    due(&step.next);
    recovers(&step.next, context);
    if let Some(successor) = &step.successor {
        self::step(&blank(&successor.next), successor, context);
        assert_eq!(step.next.core.new_execution_run_id, successor.next.key.run_id.to_string());
    }
}

/// The state before the first event.
pub(crate) fn blank(run: &Run) -> Run {
    Run {
        key: run.key.clone(),
        origin: Arc::default(),
        core: machine::Core { next_event_id: 1, ..machine::Core::default() },
        attributes: Arc::default(),
        activities: OrdMap::new(),
        timers: OrdMap::new(),
        children: OrdMap::new(),
        external_signals: OrdMap::new(),
        external_cancels: OrdMap::new(),
        buffered: imbl::Vector::new(),
        requests: Requests::default(),
        updates: OrdMap::new(),
        pending_updates: imbl::Vector::new(),
        aborted_updates: imbl::Vector::new(),
        started_task: None,
    }
}

/// A replay of the history alone knows what waits, whatever was never an event.
pub(crate) fn replay(history: &[HistoryEvent], run: &Run) {
    if !run.buffered.is_empty() || !run.is_open() {
        // What is buffered has taken effect already; what a closed run still tells others isn't in its history.
        return;
    }
    let mut replayed = blank(run);
    for event in history {
        replayed.evolve(&Change::Event(Box::new(event.clone())));
    }
    assert_eq!(replayed.core.next_event_id, run.core.next_event_id);
    assert_eq!(replayed.core.history_size, run.core.history_size);
    assert_eq!(replayed.core.previous_started_event_id, run.core.previous_started_event_id);
    assert_eq!(replayed.core.cancel_requested, run.core.cancel_requested);
    assert_eq!(replayed.core.signal_count, run.core.signal_count);
    assert_eq!(replayed.core.first_task_due, run.core.first_task_due);
    assert_eq!(replayed.core.reset_points, run.core.reset_points);
    assert_eq!(replayed.attributes, run.attributes);
    assert_eq!(replayed.timers, run.timers);
    assert!(replayed.activities.keys().eq(run.activities.keys()), "a replay knows the pending activities");
    assert_eq!(replayed.children, run.children);
    assert_eq!(replayed.external_signals, run.external_signals);
    assert_eq!(replayed.external_cancels, run.external_cancels);
    assert_eq!(replayed.updates, run.updates);
    assert_eq!(replayed.core.completed_updates, run.core.completed_updates);
}

fn due(run: &Run) {
    let due = run.due();
    let stored = machine::Due { deadline: due.deadline, ..run.durable().due() };
    assert_eq!(run.durable_due(), stored, "what is in memory alone is not due on disk");
    if let Some(wake) = due.wake {
        assert!(due.deadline.is_some_and(|deadline| deadline <= wake), "the deadline covers the wake-up");
    }
    assert_eq!(
        due.tasks.len(),
        run.workflow_task().iter().count() + run.activities.values().filter_map(|a| run.activity_task(a)).count()
    );
    for key in due.messages {
        assert!(run.message(key).is_some(), "a message that is due has content: {key:?}");
    }
    assert!(run.is_open() || run.started_task.is_none(), "no worker decides for a closed run");
    assert!(run.is_open() || run.workflow_task().is_none(), "no worker is to decide for a closed run");
}

/// What is written and read again is the same state, but for what is in memory alone; and once loaded the run stands.
fn recovers(run: &Run, context: &StepContext) {
    let durable = run.durable();
    assert!(!durable.is_volatile(), "what is durable is on disk");
    let run = &durable;
    let loaded = loaded(run);
    assert_eq!(&loaded, run, "what is read is what was written");
    let step = loaded.handle(Input::Recover, context).expect("a loaded run takes up its work");
    if run.buffered.is_empty() {
        assert_eq!(step.next, loaded, "a loaded run without buffered events needs nothing");
    } else {
        assert!(step.next.buffered.is_empty(), "buffered events are taken in when the run is loaded");
        assert!(step.next.core.workflow_task.is_some(), "the worker hears of them");
    }
}

fn loaded(run: &Run) -> Run {
    Run {
        origin: again(&run.origin),
        core: machine::Core::decode(run.stored_core().encode_to_vec().as_slice()).expect("what was written is read"),
        attributes: again(&run.attributes),
        activities: run.activities.iter().map(|(id, row)| (*id, again(row))).collect(),
        timers: run.timers.iter().map(|(id, row)| (id.clone(), again(row))).collect(),
        children: run.children.iter().map(|(id, row)| (*id, again(row))).collect(),
        external_signals: run.external_signals.iter().map(|(id, row)| (*id, again(row))).collect(),
        external_cancels: run.external_cancels.iter().map(|(id, row)| (*id, again(row))).collect(),
        buffered: run.buffered.iter().map(again).collect(),
        updates: run.updates.iter().map(|(id, row)| (id.clone(), again(row))).collect(),
        pending_updates: imbl::Vector::new(),
        aborted_updates: imbl::Vector::new(),
        started_task: None,
        key: run.key.clone(),
        requests: run.requests.clone(),
    }
}

fn again<M: Message + Default>(row: &Arc<M>) -> Arc<M> {
    Arc::new(M::decode(row.encode_to_vec().as_slice()).expect("what was written is read"))
}
