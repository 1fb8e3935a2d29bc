//! A budget of bytes: what a server may hold for its callers at one time, over everything that holds.
//!
//! Each holder takes its part before it grows and gives it back by dropping it. A part that does not fit is refused at once:
//! the caller is then refused because the server is busy, or what could be dropped is dropped. Nothing here waits.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// So many bytes, shared by all who hold some.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    held: AtomicUsize,
}

/// A part of a budget, in bytes; given back when it is dropped.
#[derive(Debug)]
pub struct Part {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// A budget of `most` bytes.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: AtomicUsize::new(0) })
    }

    /// Bytes that may be held.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Bytes that are held now; above `most` where parts were forced.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Takes a part; `None` when it does not fit.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Option<Part> {
        self.take_below(bytes, self.most)
    }

    /// Takes a part; `None` when more than `ceiling` would be held then. Who goes last has the lowest ceiling.
    pub fn take_below(self: &Arc<Self>, bytes: usize, ceiling: usize) -> Option<Part> {
        let mut part = Part { budget: self.clone(), bytes: 0 };
        part.grow_below(bytes, ceiling).then_some(part)
    }

    /// Takes a part whether it fits or not: for what is there already and can't be refused any more.
    pub fn force(self: &Arc<Self>, bytes: usize) -> Part {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        Part { budget: self.clone(), bytes }
    }
}

impl Part {
    /// Bytes of this part.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes so many more; `false`, and nothing is taken, when they do not fit.
    #[must_use]
    pub fn grow(&mut self, more: usize) -> bool {
        self.grow_below(more, self.budget.most)
    }

    /// Takes so many more, whether they fit or not.
    pub fn force(&mut self, more: usize) {
        self.budget.held.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
    }

    /// Takes so many more; `false`, and nothing is taken, when more than `ceiling` would be held then.
    #[must_use]
    pub fn grow_below(&mut self, more: usize, ceiling: usize) -> bool {
        let Budget { most, held } = &*self.budget;
        let most = ceiling.min(*most);
        let fits = |held: usize| held.checked_add(more).filter(|sum| *sum <= most);
        let taken = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if taken {
            self.bytes += more;
        }
        taken
    }

    /// Is of so many bytes from now on, whether they fit or not.
    pub fn resize(&mut self, bytes: usize) {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.force(more),
            None => self.shrink(self.bytes - bytes),
        }
    }

    /// Gives so many back, at most all.
    pub fn shrink(&mut self, less: usize) {
        let less = less.min(self.bytes);
        self.bytes -= less;
        self.budget.held.fetch_sub(less, Ordering::Relaxed);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_leaves_no_trace() {
        let budget = Budget::new(10);
        let mut first = budget.take(6).unwrap();
        assert!(budget.take(5).is_none());
        assert!(!first.grow(usize::MAX), "a sum that can't be counted does not fit either");
        assert_eq!((budget.held(), first.bytes()), (6, 6));
        assert!(first.grow(4));
        assert_eq!(budget.held(), 10);
    }

    #[test]
    fn what_is_dropped_comes_back() {
        let budget = Budget::new(10);
        let mut part = budget.take(8).unwrap();
        part.shrink(3);
        assert_eq!(budget.held(), 5);
        part.shrink(100);
        assert_eq!((budget.held(), part.bytes()), (0, 0));
        drop(budget.take(10).unwrap());
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn who_goes_last_has_the_lowest_ceiling() {
        let budget = Budget::new(10);
        let mut last = budget.take_below(6, 7).unwrap();
        assert!(!last.grow_below(2, 7) && budget.take_below(2, 7).is_none());
        assert!(last.grow_below(1, 7));
        assert!(budget.take(3).is_some(), "the rest is for others");
        assert!(budget.take_below(4, usize::MAX).is_none(), "no ceiling is above the budget");
    }

    #[test]
    fn what_is_forced_counts_beyond_the_end() {
        let budget = Budget::new(10);
        let mut forced = budget.force(20);
        forced.force(10);
        assert_eq!((budget.held(), forced.bytes()), (30, 30));
        forced.resize(12);
        assert_eq!((budget.held(), forced.bytes()), (12, 12));
        forced.resize(30);
        assert_eq!((budget.held(), forced.bytes()), (30, 30));
        assert!(budget.take(1).is_none());
        drop(forced);
        let mut part = budget.take(10).unwrap();
        part.force(5);
        assert_eq!((budget.held(), part.bytes()), (15, 15));
    }
}
