//! What must hold at the seams of a lane, whatever it was asked. Checked in builds with debug assertions, so in every test and
//! simulation; a release pays nothing. A failure is a fault of this crate, never of what was asked of it.

use machine::{Due, Run, Step};
use model::{RunId, ShardId};

use super::{Lane, Timer};

/// Before a step is taken over: `run_id` is the run that was to step, if there was one before.
pub(crate) fn step(lane: &Lane, shard: ShardId, step: &Step) {
    let key = &step.next.key;
    debug_assert_eq!(
        key.workflow.shard(lane.config.placement.shards()),
        shard,
        "a run steps in the shard that its workflow id hashes to"
    );
    debug_assert!(lane.owns(shard), "a lane touches its own shards only");
}

/// The run that has stepped is the one that was to.
pub(crate) fn stepped(run_id: RunId, step: &Step) {
    debug_assert_eq!(step.next.key.run_id, run_id, "a step is of the run that was asked");
}

/// Before the state `next`, with the events from `first` on, takes the place of `old`.
pub(crate) fn take_over(old: Option<&Run>, next: &Run, due: &Due, first: Option<i64>) {
    debug_assert_eq!(*due, next.durable_due(), "what is due follows from the state that is taken over");
    debug_assert!(old.is_none_or(|old| old.key == next.key), "a run keeps its key");
    let expected = old.map_or(1, |old| old.core.next_event_id);
    debug_assert!(first.is_none_or(|first| first == expected), "new events follow those that are there");
    debug_assert!(first.is_some() || old.is_some(), "a new run has a first event");
}

/// After a state was taken over, where its deadline is another one than before.
pub(crate) fn timer(lane: &Lane, shard: ShardId, run_id: RunId) {
    let deadline = lane.entry(shard, run_id).and_then(|entry| entry.due.deadline);
    let is_set = |time| lane.timers.contains(&(time, Timer::Entity(shard, run_id.into())));
    debug_assert!(deadline.is_none_or(is_set), "a run is looked at again at its deadline");
}

/// When the batch in flight is durable: its number, and those of the last durable batch and of the open one.
pub(crate) fn released(number: u64, durable: u64, open: u64) {
    debug_assert!(durable < number, "batches become durable in their order, each once");
    debug_assert!(number < open, "a batch is sealed before it is durable");
}

/// When an event is done.
pub(crate) fn done(lane: &Lane) {
    debug_assert!(lane.run_queue.is_empty(), "an event is carried out completely");
    debug_assert!(lane.offers.is_empty(), "what is for other lanes is on its way");
    debug_assert!(
        lane.shards.iter().all(|(id, shard)| shard.has_open_changes() == lane.dirty.contains(id)),
        "a shard is marked as changed exactly when it has changes"
    );
}
