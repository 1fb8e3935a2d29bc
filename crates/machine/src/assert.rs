//! What must hold at the seams of the machine, whatever was asked. Checked in builds with debug assertions, so in every test
//! and simulation; a release pays nothing. A failure is a fault of this crate, never of what was asked of it.

use model::Time;

use crate::{Change, Due, Run, Step};

/// After a step of a run that was `before`.
pub(crate) fn step(before: &Run, step: &Step) {
    let (old, new) = (&before.core, &step.next.core);
    debug_assert_eq!(before.key, step.next.key, "a step is of one run");
    debug_assert!(old.next_event_id <= new.next_event_id, "a history only grows");
    debug_assert!(old.history_size <= new.history_size, "a history only grows");
    debug_assert_eq!(
        i64::try_from(step.events().count()).ok(),
        new.next_event_id.checked_sub(old.next_event_id),
        "each event has an id of its own, and no id is left out"
    );
    debug_assert!(before.is_open() || !step.next.is_open() || old.next_event_id == 1, "what is closed stays closed");
    debug_assert!(old.completed_updates <= new.completed_updates, "an outcome stays");
    debug_assert!(before.requests.len() <= step.next.requests.len(), "a request that was applied stays known");
    debug_assert_eq!(
        old.state_transitions != new.state_transitions,
        step.changes.iter().any(Change::is_durable),
        "a step that changes something durable counts as one"
    );
    if let Some(successor) = &step.successor {
        debug_assert!(!step.next.is_open(), "a run that goes on has no successor");
        debug_assert_eq!(new.new_execution_run_id, successor.next.key.run_id.to_string(), "the history names it");
        debug_assert_eq!(before.key.workflow, successor.next.key.workflow, "the successor is of the same workflow");
    }
    state(&step.next);
}

/// In any state between two steps.
pub(crate) fn state(run: &Run) {
    let core = &run.core;
    debug_assert!(run.is_open() || run.started_task.is_none(), "no worker decides for a closed run");
    debug_assert!(run.started_task.is_none() || core.workflow_task.is_some(), "what has started was scheduled");
    debug_assert!(run.is_open() || run.buffered.is_empty(), "a closed run holds no event back");
    debug_assert!(run.is_open() || run.timers.is_empty(), "no timer fires for a closed run");
    debug_assert_eq!(core.start_request_ids.len(), core.start_request_events.len(), "each has its event");
    debug_assert!(core.close_event_id < core.next_event_id, "the event that closed the run stands in its history");
}

/// Before a change: what it says has to fit the state.
pub(crate) fn change(run: &Run, change: &Change) {
    match change {
        Change::Event(event) => {
            debug_assert_eq!(event.event_id, run.core.next_event_id, "events come in the order of their ids");
            debug_assert!(event.event_time.is_some(), "an event says when it happened");
            debug_assert!(event.attributes.is_some(), "an event says what happened");
        }
        Change::State(_) => {}
    }
}

/// Of what a state makes due.
pub(crate) fn due(run: &Run, due: &Due) {
    let covers = |wake: Time| due.deadline.is_some_and(|deadline| deadline <= wake);
    debug_assert!(due.wake.is_none_or(covers), "what outlives a crash is due in memory too");
    debug_assert!(run.is_open() || due.tasks.is_empty(), "a worker has nothing to do for a closed run");
    debug_assert!(
        due.tasks.is_sorted_by_key(crate::Task::place),
        "tasks stand in the order in which they are looked up"
    );
    debug_assert!(!run.is_deciding() || run.workflow_task().is_none(), "a workflow task is given out once");
}
