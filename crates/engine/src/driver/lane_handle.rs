//! A lane under its lock.
//!
//! A thread that has something to tell a lane does not wait for the lock: the message goes to the inbox, and the thread that is
//! at the lane then takes it in too. So a thread of the event loop never sleeps while another one steps.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use model::{Reject, Time};
use store::{Commit, CommitResult};
use tokio::sync::Notify;

use super::{
    clock::Clock,
    delivery::Response,
    inbox::{Answering, Inbox, Message},
    inner::stop,
    lanes::LaneSet,
    writer::Writer,
};
use crate::{CallId, Event, Lane, LaneId, NamespaceTable, Placement, ReadRequest};

/// A lane, and what leads to it.
pub(super) struct LaneHandle {
    pub(super) id: LaneId,
    pub(super) core: Mutex<Core>,
    pub(super) inbox: Inbox,
    pub(super) writer: Arc<Writer>,
    /// Notified when the lane's next timer may have changed.
    pub(super) timer_changed: Arc<Notify>,
    next_call: AtomicU64,
}

/// What the lock guards.
pub(super) struct Core {
    pub(super) lane: Lane,
    pub(super) waiting: BTreeMap<CallId, Answering>,
    /// When the clock task will tick of its own accord.
    pub(super) armed: Option<Time>,
    /// Batches that are sealed and that no thread has taken yet.
    pub(super) commits: Vec<Commit>,
    pub(super) after: After,
    pub(super) writing: Writing,
    /// How long the last write took, and how many callers waited for it.
    pub(super) write_took: Duration,
    pub(super) write_callers: usize,
    clock: Arc<Clock>,
}

/// Which thread writes. It sees to what has come meanwhile; where the store completes later, the thread that tells so does.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Writing {
    Idle,
    /// A caller's thread, once.
    Caller,
    /// The writing thread, until there is nothing left.
    Writer,
    /// The writing thread, delayed until as many callers wait as waited for the last write, or the delay is over.
    WriterDelayed,
}

/// Commits that lanes count on. If they are lost on their way to the disk, the lane never writes again.
#[derive(Default)]
pub(super) struct UnacknowledgedCommits(Vec<Commit>);

/// What is done without the lock, for a thread that is woken may want it at once.
#[derive(Default)]
pub(super) struct After {
    pub(super) answers: Vec<(Answering, Result<Response, Reject>)>,
    pub(super) reads: Vec<(u64, ReadRequest)>,
    /// For other lanes, each in its order.
    pub(super) parcels: Vec<(LaneId, Message)>,
    pub(super) namespaces: Option<Arc<NamespaceTable>>,
    /// What this thread writes itself.
    pub(super) writes: UnacknowledgedCommits,
    /// The writing thread has something to do.
    pub(super) calls_writer: bool,
    /// An earlier timer was set.
    pub(super) wakes_timekeeper: bool,
}

/// What a thread that was at a lane has to do next: other lanes have messages, and something is to be written.
#[derive(Default)]
pub(super) struct Errands {
    pub(super) lanes: LaneSet,
    pub(super) writes: UnacknowledgedCommits,
}

/// What became of a write.
pub(super) struct Written {
    pub(super) results: Vec<CommitResult>,
    pub(super) took: Duration,
}

impl UnacknowledgedCommits {
    pub(super) fn new(commits: Vec<Commit>) -> Self {
        Self(commits)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn commits(&self) -> &[Commit] {
        &self.0
    }

    pub(super) fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    /// The lanes that they are of.
    pub(super) fn lanes(&self, placement: Placement) -> LaneSet {
        let mut lanes = LaneSet::default();
        for (shard, ..) in &self.0 {
            lanes.add(LaneSet::of(placement.of_shard(*shard)));
        }
        lanes
    }

    /// As they are handed to the store, which completes them or has them complete.
    pub(super) fn into_commits(mut self) -> Vec<Commit> {
        mem::take(&mut self.0)
    }

    /// Takes those of the lane of the first one.
    pub(super) fn split_lane(&mut self, placement: Placement) -> Self {
        let first = self.0.first().map(|(shard, ..)| placement.of_shard(*shard));
        let is_of = |(shard, ..): &Commit| Some(placement.of_shard(*shard)) == first;
        let (of_lane, rest) = mem::take(&mut self.0).into_iter().partition(is_of);
        self.0 = rest;
        Self(of_lane)
    }

    /// Those of a lane, with what became of them.
    pub(super) fn take_lane(&mut self, placement: Placement, lane: LaneId, written: &mut Written) -> (Self, Written) {
        let is_of = |(shard, ..): &Commit| placement.of_shard(*shard) == lane;
        let all = mem::take(&mut self.0).into_iter().zip(mem::take(&mut written.results));
        let (of_lane, rest): (Vec<_>, Vec<_>) = all.partition(|(commit, _)| is_of(commit));
        let (commits, results) = of_lane.into_iter().unzip();
        (self.0, written.results) = rest.into_iter().unzip();
        (Self(commits), Written { results, took: written.took })
    }
}

impl Drop for UnacknowledgedCommits {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            stop();
        }
    }
}

impl LaneHandle {
    pub(super) fn new(id: LaneId, lane: Lane, clock: Arc<Clock>) -> Self {
        let core = Core {
            lane,
            clock,
            waiting: BTreeMap::new(),
            armed: None,
            commits: Vec::new(),
            after: After::default(),
            writing: Writing::Idle,
            write_took: Duration::ZERO,
            write_callers: 0,
        };
        Self {
            id,
            core: Mutex::new(core),
            inbox: Inbox::default(),
            writer: Arc::new(Writer::new()),
            timer_changed: Arc::default(),
            next_call: AtomicU64::new(0),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(|_| stop())
    }

    /// Names a call, so that the name says at which of so many lanes it came in.
    pub(super) fn name_call(&self, lanes: usize) -> CallId {
        self.next_call.fetch_add(1, Ordering::Relaxed) * lanes as u64 + u64::from(self.id.0)
    }
}

/// The lane that a call came in at.
pub(super) fn lane_of_call(id: CallId, lanes: usize) -> LaneId {
    LaneId(u32::try_from(id % lanes as u64).unwrap_or(0))
}

impl Core {
    /// Tells the lane, with the time.
    pub(super) fn tell(&mut self, event: Event) {
        self.lane.on(self.clock.now(), event);
    }

    /// Tells the lane what became of its commits.
    pub(super) fn committed(&mut self, mut commits: UnacknowledgedCommits, written: Written) {
        debug_assert_eq!(commits.0.len(), written.results.len(), "each commit has its result");
        self.write_took = written.took;
        for ((shard, ..), result) in mem::take(&mut commits.0).into_iter().zip(written.results) {
            self.tell(Event::Committed { shard, result });
        }
    }

    pub(super) fn take_in(&mut self, messages: impl IntoIterator<Item = Message>) {
        for Message { event, answering, pass } in messages {
            let now = self.clock.now();
            let late = pass.and_then(|pass| pass.take(now));
            match (&event, answering) {
                (Event::Call { id, .. }, Some(answering)) => {
                    // The last moment before it would be carried out.
                    if answering.is_closed() {
                        continue;
                    }
                    if let Some(refusal) = late {
                        self.after.answers.push((answering, Err(refusal)));
                        continue;
                    }
                    self.waiting.insert(*id, answering);
                }
                (Event::Delivered { parcel, .. }, Some(answering)) => {
                    if let Some(id) = parcel.call() {
                        self.take_over(now, id, event, answering);
                        continue;
                    }
                }
                (Event::Abandoned { id }, _) => {
                    self.waiting.remove(id);
                }
                _ => {}
            }
            self.lane.on(now, event);
        }
    }

    /// A call comes from another lane. If its caller has gone meanwhile, that lane was told, and not this one.
    fn take_over(&mut self, now: Time, id: CallId, event: Event, answering: Answering) {
        let is_gone = answering.is_closed();
        if !is_gone {
            self.waiting.insert(id, answering);
        }
        self.lane.on(now, event);
        if is_gone {
            self.lane.on(now, Event::Abandoned { id });
        }
    }
}
