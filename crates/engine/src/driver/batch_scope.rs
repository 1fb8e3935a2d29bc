//! Batch scopes: a thread posts several messages, and looks into the inboxes when the scope ends.

use std::{cell::Cell, ptr};

use super::{inner::Inner, lanes::LaneSet};

thread_local! {
    /// The engine whose inboxes this thread will look into later, and those that it has put something in.
    static SCOPE: Cell<(*const Inner, LaneSet)> = const { Cell::new((ptr::null(), LaneSet::EMPTY)) };
}

/// Ends the scope when dropped, also by a panic; keeps the one around it.
pub(super) struct BatchScope((*const Inner, LaneSet));

/// From now on, and until what this returns is dropped, this thread only puts messages in and looks later.
pub(super) fn enter(inner: &Inner) -> BatchScope {
    BatchScope(SCOPE.replace((inner, LaneSet::default())))
}

/// Whether this thread will look into the inboxes of these lanes later.
pub(super) fn is_inside(inner: &Inner, lanes: LaneSet) -> bool {
    let (scope_of, mut touched) = SCOPE.get();
    let is_inside = ptr::eq(scope_of, inner);
    if is_inside {
        touched.add(lanes);
        SCOPE.set((scope_of, touched));
    }
    is_inside
}

impl BatchScope {
    /// Ends it: the lanes whose inboxes have to be looked into now.
    pub(super) fn end(self) -> LaneSet {
        let (_, touched) = SCOPE.get();
        touched
    }
}

impl Drop for BatchScope {
    fn drop(&mut self) {
        SCOPE.set(self.0);
    }
}
