//! The calls of a class that wait for the server: how many, since when, and how many were served lately.
//!
//! Time is counted in parts. Calls come and go on many threads, and none of them waits for another here: a look that meets a change
//! may be wrong by the calls that change.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// Parts that half of the limit on waiting has, and parts that are told apart: eight times the whole limit.
pub(super) const HALF: usize = 8;
const PARTS: usize = 16 * HALF;
/// Calls of a class that may stand in line whatever is served: as many as come at once after a rest.
pub(super) const BURST: u32 = 1_024;

/// The calls of a class that wait for the server, by when they came.
pub(super) struct Line {
    /// No part before this one has a call: twice its number, and one more where a call was seen in it.
    oldest: AtomicI64,
    by_part: [AtomicU32; PARTS],
    standing: AtomicU32,
    /// The part that `served` counts in, and how many calls were served in each.
    part: AtomicI64,
    served: [AtomicU32; PARTS],
}

impl Default for Line {
    fn default() -> Self {
        let counts = || [const { AtomicU32::new(0) }; PARTS];
        let (oldest, standing, part) = (AtomicI64::new(0), AtomicU32::new(0), AtomicI64::new(0));
        Self { oldest, by_part: counts(), standing, part, served: counts() }
    }
}

impl Line {
    fn count(&self, part: i64) -> &AtomicU32 {
        &self.by_part[index(part)]
    }

    fn served_in(&self, part: i64) -> &AtomicU32 {
        &self.served[index(part)]
    }

    pub(super) fn standing(&self) -> u32 {
        self.standing.load(Ordering::Relaxed)
    }

    /// It is `now`: what is served from here on counts there.
    fn turn_to(&self, now: i64) {
        let last = self.part.load(Ordering::Relaxed);
        if last < now && self.part.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let over = (last + 1).max(now - PARTS as i64 + 1)..=now;
            over.for_each(|part| self.served_in(part).store(0, Ordering::Relaxed));
        }
    }

    /// A call leaves for good.
    pub(super) fn serve(&self) {
        self.served_in(self.part.load(Ordering::Relaxed)).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_full(&self, now: i64) -> bool {
        let standing = self.standing();
        if standing < BURST {
            return false;
        }
        self.turn_to(now);
        let recent = (now - HALF as i64..now).map(|part| self.served_in(part).load(Ordering::Relaxed));
        // A little more, or the rate could never rise.
        let served: u32 = recent.sum();
        standing >= served + served / 4
    }

    pub(super) fn stand(&self, part: i64) {
        self.turn_to(part);
        self.standing.fetch_add(1, Ordering::Relaxed);
        self.count(part).fetch_add(1, Ordering::Relaxed);
        if 2 * part < self.oldest.load(Ordering::Relaxed) {
            self.oldest.fetch_min(2 * part, Ordering::Relaxed);
        }
    }

    pub(super) fn leave(&self, part: i64) {
        self.standing.fetch_sub(1, Ordering::Relaxed);
        self.count(part).fetch_sub(1, Ordering::Relaxed);
    }

    /// How many parts before `now` the oldest came of the calls that are not late: a call that comes now waits about as
    /// long, since those that came together are served together.
    pub(super) fn age(&self, now: i64) -> i64 {
        let recent = now - HALF as i64..=now;
        let oldest = recent.into_iter().find(|part| self.count(*part).load(Ordering::Relaxed) > 0);
        oldest.map_or(0, |part| now - part)
    }

    /// Whether a call stands in a part that was over long before `now`. Each part is looked at once, for none comes to stand
    /// in one that is over but by a thread that was held up; its call is found to be late when its turn comes.
    pub(super) fn has_before(&self, now: i64) -> bool {
        let young = now - HALF as i64;
        let oldest = self.oldest.load(Ordering::Relaxed);
        let (from, was_seen) = (oldest / 2, oldest % 2 == 1);
        if from >= young {
            return false;
        }
        let has_call = |part: i64| self.count(part).load(Ordering::Relaxed) > 0;
        // What stands there for so long that its part's place is another's too is still seen.
        if was_seen && has_call(from) {
            return true;
        }
        if from <= now - PARTS as i64 {
            // It was not looked at for so long that parts share their places.
            let of_young = (young..=now).map(|part| self.count(part).load(Ordering::Relaxed));
            let is_late = self.standing() > of_young.sum();
            if !is_late {
                self.oldest.store(2 * young, Ordering::Relaxed);
            }
            return is_late;
        }
        let late = (from..young).find(|part| has_call(*part));
        self.oldest.store(late.map_or(2 * young, |part| 2 * part + 1), Ordering::Relaxed);
        late.is_some()
    }
}

/// Where a part is counted.
fn index(part: i64) -> usize {
    part.rem_euclid(PARTS as i64) as usize
}
