//! The one source of chance in a simulation.

use std::time::Duration;

use model::{SPLIT_MIX_STEP, mix};

/// SplitMix64: small, fast, and the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(SPLIT_MIX_STEP))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(SPLIT_MIX_STEP);
        mix(self.0)
    }

    /// A number below `bound`, which is at least one.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A span below `millis` milliseconds, in steps of a microsecond.
    pub(crate) fn within(&mut self, millis: u64) -> Duration {
        Duration::from_micros(self.below(millis * 1_000))
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let position = usize::try_from(self.below(items.len() as u64)).ok()?;
        items.get(position)
    }
}
