//! Who comes next where more wait than are taken at a time: one namespace after the other, so that none waits longer because
//! another one asks for more.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
};

use model::NamespaceId;

/// Something that waits for its turn.
pub(super) trait Waits {
    /// Whose turn it takes.
    fn namespace(&self) -> NamespaceId;
}

/// A queue for each namespace that has something waiting. While all that waits is taken at once, nothing is sorted and
/// nothing is kept: the order is that of arrival.
pub(super) struct Turns<T> {
    /// What came since the last look, in its order.
    fresh: VecDeque<T>,
    /// What was left over, by namespace, and whose turn is next.
    queues: BTreeMap<NamespaceId, VecDeque<T>>,
    order: VecDeque<NamespaceId>,
    /// How much was left over.
    left: usize,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { fresh: VecDeque::new(), queues: BTreeMap::new(), order: VecDeque::new(), left: 0 }
    }
}

impl<T: Waits> Turns<T> {
    pub(super) fn put(&mut self, item: T) {
        self.fresh.push_back(item);
    }

    pub(super) fn len(&self) -> usize {
        self.fresh.len() + self.left
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next `most`, or all there are: one of each namespace in turn, and of one namespace in the order in which they came.
    pub(super) fn take(&mut self, most: usize) -> VecDeque<T> {
        if self.left == 0 && self.fresh.len() <= most {
            return mem::take(&mut self.fresh);
        }
        self.sort_in();
        let mut taken = VecDeque::with_capacity(most.min(self.left));
        while taken.len() < most
            && let Some(namespace) = self.order.pop_front()
        {
            let Some(queue) = self.queues.get_mut(&namespace) else { continue };
            taken.extend(queue.pop_front());
            self.left -= 1;
            if queue.is_empty() {
                self.queues.remove(&namespace);
            } else {
                self.order.push_back(namespace);
            }
        }
        taken
    }

    /// A namespace that had nothing waiting comes after all that had.
    fn sort_in(&mut self) {
        self.left += self.fresh.len();
        for item in self.fresh.drain(..) {
            let namespace = item.namespace();
            let queue = self.queues.entry(namespace).or_insert_with(|| {
                self.order.push_back(namespace);
                VecDeque::new()
            });
            queue.push_back(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Call(u128, u32);

    impl Waits for Call {
        fn namespace(&self) -> NamespaceId {
            NamespaceId::from_slice(&self.0.to_be_bytes()).unwrap_or_default()
        }
    }

    fn turns(calls: impl IntoIterator<Item = Call>) -> Turns<Call> {
        let mut turns = Turns::default();
        calls.into_iter().for_each(|call| turns.put(call));
        turns
    }

    #[test]
    fn what_fits_is_taken_as_it_came() {
        let calls = [Call(2, 0), Call(1, 1), Call(2, 2)];
        let mut turns = turns(calls);
        assert_eq!(turns.take(3), calls);
        assert!(turns.is_empty());
    }

    #[test]
    fn a_neighbour_waits_for_one_of_a_flood_and_not_for_all_of_it() {
        let flood = (0..1_000).map(|number| Call(1, number));
        let mut turns = turns(flood.chain([Call(2, 0), Call(2, 1), Call(3, 0)]));
        assert_eq!(turns.take(5), [Call(1, 0), Call(2, 0), Call(3, 0), Call(1, 1), Call(2, 1)]);
        assert_eq!(turns.take(2), [Call(1, 2), Call(1, 3)]);
        // One that comes now is the next but one.
        turns.put(Call(4, 0));
        assert_eq!(turns.take(3), [Call(1, 4), Call(4, 0), Call(1, 5)]);
        assert_eq!(turns.len(), 994);
    }

    #[test]
    fn nothing_is_lost_doubled_or_passed_by_its_own() {
        let mut seed = 7_u64;
        let mut draw = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut turns = Turns::default();
        let (mut put, mut taken) = ([0_u32; 5], [0_u32; 5]);
        for _ in 0..2_000 {
            for _ in 0..draw(12) {
                let namespace = draw(5) as usize;
                turns.put(Call(namespace as u128, put[namespace]));
                put[namespace] += 1;
            }
            for Call(namespace, number) in turns.take(draw(11) as usize) {
                assert_eq!(number, taken[namespace as usize], "of namespace {namespace}");
                taken[namespace as usize] += 1;
            }
        }
        turns.take(usize::MAX).into_iter().for_each(|Call(namespace, _)| taken[namespace as usize] += 1);
        assert_eq!(put, taken);
        assert!(turns.is_empty() && turns.queues.is_empty() && turns.order.is_empty());
    }

    #[test]
    fn each_gets_its_share_whatever_the_others_offer() {
        let mut turns = Turns::default();
        let mut served = [0; 3];
        for round in 0..1_000 {
            (0..100).for_each(|call| turns.put(Call(0, round * 100 + call)));
            turns.put(Call(1, round));
            turns.put(Call(2, round));
            turns.take(10).into_iter().for_each(|call| served[call.0 as usize] += 1);
        }
        assert_eq!(served, [8_000, 1_000, 1_000]);
    }
}
