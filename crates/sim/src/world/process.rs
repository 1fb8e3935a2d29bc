//! Processes and their lanes.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use cluster::{Member, NodeId};
use engine::{Event, Lane, LaneConfig, LaneId, Placement};
use model::{Budget, Limits, RunId, ShardId, Time};
use store::Shards as _;

use super::{Happening, SHARDS, World, panics};
use crate::bug::Bug;

/// How long a lease runs, how often it is renewed, and how long before its end a process takes it for over.
const LEASE: Duration = Duration::from_secs(4);
const BEAT: Duration = Duration::from_secs(1);
const LEASE_MARGIN: Duration = Duration::from_millis(500);
/// How long after it was refused a process asks for a shard again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// A lane of a process. Which process it is tells its life; events for an earlier one are void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(super) slot: usize,
    pub(super) life: u64,
    pub(super) lane: LaneId,
}

/// A process that is, was or will be a node.
pub(super) struct Slot {
    /// Empty when it is dead.
    pub(super) seats: Vec<Seat>,
    /// Which process this is.
    pub(super) life: u64,
    /// How far its clock is ahead of the world's.
    pub(super) skew: Duration,
    /// Until when no other process may acquire its shards, as the database has it.
    pub(super) lease_until: Time,
    pub(super) placement: Placement,
}

/// A lane of a process.
pub(super) struct Seat {
    pub(super) lane: Lane,
    /// Ticks that are on their way.
    pub(super) ticks: BTreeSet<Time>,
    /// A cut is on its way.
    pub(super) is_writing: bool,
    /// What other lanes have sent, by sender.
    pub(super) parcels: BTreeMap<LaneId, VecDeque<Event>>,
}

impl World {
    /// The members as a process sees them that is one of them until `lease_until` by its own clock: it stops a little earlier
    /// than the database lets others in.
    fn members(life: u64, lease_until: Time) -> Vec<Member> {
        let lease_until = lease_until - LEASE_MARGIN;
        vec![Member { id: NodeId(u128::from(life)), address: format!("node-{life}"), lease_until }]
    }

    /// A process renews its lease. One that was superseded can't, and may hear of it.
    pub(super) fn beat(&mut self, slot: usize, life: u64) {
        let is_newest = slot + 1 == self.slots.len();
        let Some(state) = self.slots.get_mut(slot).filter(|slot| slot.life == life && !slot.seats.is_empty()) else {
            return;
        };
        if is_newest {
            state.lease_until = self.now + LEASE;
        }
        let (skew, placement, lease_until) = (state.skew, state.placement, state.lease_until);
        self.after(BEAT, Happening::Beat { slot, life });
        let members = if is_newest {
            Self::members(life, lease_until + skew)
        } else if self.rng.one_in(8) {
            // It has heard that it is no member any more.
            Vec::new()
        } else {
            return;
        };
        for lane in placement.lanes() {
            self.feed(At { slot, life, lane }, Event::Members(members.clone()));
        }
    }

    /// A lane acquires a shard: at once, or when no other process has a lease any more.
    pub(super) fn acquire(&mut self, at: At, shard: ShardId) {
        if !self.is_alive(at) {
            return;
        }
        if let Some(epoch) = self.kept_epochs.remove(&(at, shard)) {
            return self.feed(at, Event::Acquired { shard, result: Ok(epoch) });
        }
        let now = self.now;
        let others = self.slots.iter().enumerate().filter(|(slot, state)| *slot != at.slot && !state.seats.is_empty());
        let is_free = others.map(|(_, state)| state.lease_until).all(|until| until <= now);
        let own = self.slots.get(at.slot).is_some_and(|slot| slot.lease_until > now);
        let may = own && (is_free || at.slot + 1 < self.slots.len());
        if may || self.options.bug == Some(Bug::OpensBeforeTheLeaseEnds) {
            let result = self.disk.acquire(shard);
            return self.feed(at, Event::Acquired { shard, result });
        }
        self.after(ASK_AGAIN, Happening::Acquire { at, shard });
    }

    /// A new process takes the next slot, and the network leads to it.
    pub(super) fn boot(&mut self) {
        self.lives += 1;
        let id = NodeId(u128::from(self.lives));
        let skew = if self.rng.one_in(3) { self.rng.within(30_000) } else { Duration::ZERO };
        let lease_until = self.now + LEASE;
        let members = Self::members(self.lives, lease_until + skew);
        let placement = Placement::new(SHARDS, 1 + u32::try_from(self.rng.below(3)).unwrap_or(0));
        let cached_runs = if self.rng.one_in(2) { 1 } else { 100 };
        // Every other process keeps no idle run.
        let memory = Budget::new(if self.lives.is_multiple_of(2) { 1 } else { usize::MAX });
        let planted = panics::of_build(&self.options, self.lives).filter(|_| self.is_failing());
        let mut seats = Vec::new();
        for lane in placement.lanes() {
            let config = LaneConfig {
                id,
                members: members.clone(),
                placement,
                lane,
                limits: Arc::new(Limits::default()),
                token_key: self.token_key.clone(),
                seed: u128::from(self.rng.next()),
                cached_runs,
                memory: memory.clone(),
            };
            let mut lane = Lane::new(config, self.now + skew);
            planted.iter().for_each(|panic| lane.plant_panic(panic.clone()));
            seats.push(Seat { lane, ticks: BTreeSet::new(), is_writing: false, parcels: BTreeMap::new() });
        }
        self.slots.push(Slot { seats, life: self.lives, skew, lease_until, placement });
        self.active = self.slots.len() - 1;
        let (slot, life) = (self.active, self.lives);
        for lane in placement.lanes() {
            self.after(Duration::ZERO, Happening::Lane { at: At { slot, life, lane }, event: Event::Tick });
        }
        self.after(BEAT, Happening::Beat { slot, life });
    }

    /// The runs that a lane has quarantined.
    pub(super) fn quarantined(&self, at: At) -> BTreeSet<RunId> {
        let seat = self.slots.get(at.slot).and_then(|slot| slot.seats.get(at.lane.0 as usize));
        seat.into_iter().flat_map(|seat| seat.lane.quarantined()).map(|run| run.run_id).collect()
    }

    pub(super) fn is_alive(&self, at: At) -> bool {
        let slot = self.slots.get(at.slot).filter(|slot| slot.life == at.life);
        slot.is_some_and(|slot| slot.seats.len() > at.lane.0 as usize)
    }

    pub(super) fn seat(&mut self, at: At) -> Option<&mut Seat> {
        let slot = self.slots.get_mut(at.slot).filter(|slot| slot.life == at.life)?;
        slot.seats.get_mut(at.lane.0 as usize)
    }
}
