//! A set of the rows of a block.

/// Rows of a block at most.
pub(super) const ROWS: usize = 4_096;
const WORDS: usize = ROWS / 64;

/// Some of the rows of a block, by their slots.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bits([u64; WORDS]);

impl Bits {
    pub(super) fn none() -> Self {
        Self([0; WORDS])
    }

    /// The first `number` slots.
    pub(super) fn first(number: usize) -> Self {
        let mut bits = Self::none();
        for (index, word) in bits.0.iter_mut().enumerate() {
            let left = number.saturating_sub(index * 64);
            *word = if left >= 64 { u64::MAX } else { (1 << left) - 1 };
        }
        bits
    }

    /// The slots of the values that pass, in order; `present` are the slots that have one.
    pub(super) fn of(passes: impl Iterator<Item = bool>) -> Self {
        let mut bits = Self::none();
        let mut passes = passes.fuse();
        for word in &mut bits.0 {
            let mut filled = 0;
            let mut any = false;
            for (position, passes) in passes.by_ref().take(64).enumerate() {
                filled |= u64::from(passes) << position;
                any = true;
            }
            *word = filled;
            if !any {
                break;
            }
        }
        bits
    }

    /// From `of_bytes` as `bytes` gave them.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let mut bits = Self::none();
        for (word, part) in bits.0.iter_mut().zip(bytes.chunks(8)) {
            let mut whole = [0; 8];
            whole[..part.len()].copy_from_slice(part);
            *word = u64::from_le_bytes(whole);
        }
        bits
    }

    /// The bytes of the first `number` slots.
    pub(super) fn bytes(&self, number: usize) -> Vec<u8> {
        let all = self.0.iter().flat_map(|word| word.to_le_bytes());
        all.take(number.div_ceil(8)).collect()
    }

    pub(super) fn set(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    pub(super) fn has(&self, slot: usize) -> bool {
        self.0[slot / 64] & (1 << (slot % 64)) != 0
    }

    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn and(&self, other: &Bits) -> Bits {
        self.with(other, |left, right| left & right)
    }

    pub(super) fn or(&self, other: &Bits) -> Bits {
        self.with(other, |left, right| left | right)
    }

    pub(super) fn without(&self, other: &Bits) -> Bits {
        self.with(other, |left, right| left & !right)
    }

    fn with(&self, other: &Bits, each: impl Fn(u64, u64) -> u64) -> Bits {
        let mut bits = Self::none();
        for (word, (left, right)) in bits.0.iter_mut().zip(self.0.iter().zip(&other.0)) {
            *word = each(*left, *right);
        }
        bits
    }

    /// The slots in order.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                (left != 0).then(|| {
                    let position = left.trailing_zeros() as usize;
                    left &= left - 1;
                    index * 64 + position
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_as_they_were_set() {
        let slots = [0, 1, 63, 64, 700, ROWS - 1];
        let mut bits = Bits::none();
        slots.iter().for_each(|slot| bits.set(*slot));
        assert!(bits.slots().eq(slots));
        assert_eq!(bits.count(), slots.len());
        assert!(bits.has(700) && !bits.has(701));
        assert_eq!(Bits::from_bytes(&bits.bytes(ROWS)), bits);
        assert_eq!(Bits::from_bytes(&bits.bytes(65)).count(), 4);
        assert_eq!(Bits::of((0..ROWS).map(|slot| slots.contains(&slot))), bits);
    }

    #[test]
    fn the_first_are_so_many() {
        for number in [0, 1, 63, 64, 65, 512, ROWS] {
            assert!(Bits::first(number).slots().eq(0..number), "{number}");
            assert_eq!(Bits::of((0..number).map(|_| true)), Bits::first(number));
        }
    }
}
