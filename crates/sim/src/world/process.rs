//! Processes and their lanes.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use cluster::{Member, NodeId};
use engine::{Event, Lane, LaneConfig, LaneId, Placement};
use model::{Budget, Limits, Time};

use super::{Happening, SHARDS, World};

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
    /// A new process takes the next slot, and the network leads to it.
    pub(super) fn boot(&mut self) {
        self.lives += 1;
        let id = NodeId(u128::from(self.lives));
        let member = Member { id, address: format!("node-{}", self.lives), lease_until: Time::MAX };
        let skew = if self.rng.one_in(3) { self.rng.within(30_000) } else { Duration::ZERO };
        let placement = Placement::new(SHARDS, 1 + u32::try_from(self.rng.below(3)).unwrap_or(0));
        let cached_runs = if self.rng.one_in(2) { 1 } else { 100 };
        // Every other process keeps no idle run.
        let memory = Budget::new(if self.lives.is_multiple_of(2) { 1 } else { usize::MAX });
        let mut seats = Vec::new();
        for lane in placement.lanes() {
            let config = LaneConfig {
                id,
                members: vec![member.clone()],
                placement,
                lane,
                limits: Arc::new(Limits::default()),
                token_key: self.token_key.clone(),
                seed: u128::from(self.rng.next()),
                cached_runs,
                memory: memory.clone(),
            };
            let lane = Lane::new(config, self.now + skew);
            seats.push(Seat { lane, ticks: BTreeSet::new(), is_writing: false, parcels: BTreeMap::new() });
        }
        self.slots.push(Slot { seats, life: self.lives, skew, placement });
        self.active = self.slots.len() - 1;
        let (slot, life) = (self.active, self.lives);
        for lane in placement.lanes() {
            self.after(Duration::ZERO, Happening::Lane { at: At { slot, life, lane }, event: Event::Tick });
        }
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
