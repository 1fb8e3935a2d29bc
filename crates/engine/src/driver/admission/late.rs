//! The lanes whose steps wait for the disk in such numbers that nothing new may begin.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::LaneId;

/// A bit for each lane. It is looked at by every call, and seldom changed.
#[derive(Default)]
pub(super) struct LateLanes(AtomicU64);

impl LateLanes {
    pub(super) fn set(&self, lane: LaneId, is_late: bool) {
        let bit = 1 << lane.0;
        // Nearly always it is as it was.
        if (self.0.load(Ordering::Relaxed) & bit != 0) == is_late {
            return;
        }
        if is_late {
            self.0.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.0.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lane_is_enough() {
        let late = LateLanes::default();
        late.set(LaneId(3), true);
        late.set(LaneId(63), true);
        late.set(LaneId(3), false);
        assert!(late.any());
        late.set(LaneId(63), false);
        assert!(!late.any());
    }
}
