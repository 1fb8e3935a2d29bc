//! Randomness that one number decides: the SplitMix64 generator (Steele, Lea, Flood, "Fast splittable pseudorandom
//! number generators", 2014), so that every program can be run again from its seed.

/// A stream of pseudo-random choices.
#[derive(Debug, Clone)]
pub(crate) struct Seed(u64);

impl Seed {
    /// The stream of `part` under `seed`: parts are independent of each other and of the order in which they run.
    pub(crate) fn of(seed: u64, part: u64) -> Seed {
        let mut mixed = Seed(seed ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93));
        mixed.next();
        mixed
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }

    /// True in `percent` of a hundred draws.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// One of `choices`, or `None` when there is none.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let at = self.below(choices.len());
        choices.get(at)
    }

    /// An index, drawn in proportion to `weights`; 0 when all weights are 0.
    pub(crate) fn weighted(&mut self, weights: &[usize]) -> usize {
        let total: usize = weights.iter().sum();
        let mut draw = self.below(total);
        for (at, weight) in weights.iter().enumerate() {
            if draw < *weight {
                return at;
            }
            draw -= weight;
        }
        0
    }
}
