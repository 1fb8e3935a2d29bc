//! A set of lanes, and what a thread has taken upon itself to do at them.

use crate::LaneId;

/// The most lanes that an engine has.
pub(super) const MOST_LANES: u32 = 64;

/// Some of the lanes of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LaneSet(u64);

impl LaneSet {
    pub(super) const EMPTY: Self = Self(0);

    pub(super) fn of(lane: LaneId) -> Self {
        Self(1 << lane.0)
    }

    pub(super) fn first(self) -> Option<LaneId> {
        (self.0 != 0).then(|| LaneId(self.0.trailing_zeros()))
    }

    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(super) fn remove(&mut self, lane: LaneId) {
        self.0 &= !(1 << lane.0);
    }
}

impl Iterator for LaneSet {
    type Item = LaneId;

    fn next(&mut self) -> Option<LaneId> {
        let lane = self.first()?;
        self.remove(lane);
        Some(lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_gives_its_lanes_in_order() {
        let mut set = LaneSet::of(LaneId(63));
        set.add(LaneSet::of(LaneId(0)));
        set.add(LaneSet::of(LaneId(5)));
        assert_eq!(set.collect::<Vec<_>>(), [0, 5, 63].map(LaneId));
        set.remove(LaneId(5));
        assert_eq!(set.first(), Some(LaneId(0)));
        assert_eq!(LaneSet::default().first(), None);
    }
}
