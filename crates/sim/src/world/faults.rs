//! What goes wrong: crashes, a second owner that does not know of the first, clocks that jump.

use std::time::Duration;

use super::{FAULTS_END, Happening, World, panics};

impl World {
    /// Lays out the disasters of this seed.
    pub(super) fn plan_faults(&mut self) {
        let span = FAULTS_END.since(self.now).as_millis() as u64;
        for _ in 0..self.rng.below(5) {
            let at = self.rng.within(span);
            self.after(at, Happening::Crash);
        }
        for _ in 0..self.rng.below(3) {
            let at = self.rng.within(span);
            self.after(at, Happening::TakeOver);
        }
        if panics::are_planted(&self.options) {
            // The last process is of a build without a fault.
            self.after(FAULTS_END.since(self.now), Happening::Crash);
        }
    }

    /// The machine loses power: every process dies, the disk keeps what it likes of what was not synced. Another process
    /// starts a little later.
    pub(super) fn crash(&mut self) {
        for slot in &mut self.slots {
            slot.seats.clear();
        }
        self.disk.crash(&mut self.rng);
        self.boot();
    }

    /// Another process takes the shards over while the old ones still believe that they own them, and are asked, for a
    /// while.
    pub(super) fn take_over(&mut self) {
        let old = self.active;
        let alive: Vec<(usize, u64)> = (0..self.slots.len()).map(|slot| (slot, self.slots[slot].life)).collect();
        self.boot();
        if self.rng.one_in(2) {
            self.active = old;
        }
        // Some live on beyond the end of their leases.
        let longest = if self.rng.one_in(3) { 9_000 } else { 900 };
        let patience = Duration::from_millis(1) + self.rng.within(longest);
        for (slot, life) in alive {
            self.after(patience, Happening::Kill { slot, life });
        }
    }
}
