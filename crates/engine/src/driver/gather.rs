//! A thread that puts several things into inboxes and looks into them later.

use std::{cell::Cell, ptr};

use super::{inner::Inner, lanes::LaneSet};

thread_local! {
    /// The engine whose inboxes this thread will look into later, and those that it has put something in.
    static GATHERS_FOR: Cell<(*const Inner, LaneSet)> = const { Cell::new((ptr::null(), LaneSet::EMPTY)) };
}

/// Ends the gathering, also where a panic does; holds what was before.
pub(super) struct Gathering((*const Inner, LaneSet));

/// From now on, and until what this returns is dropped, this thread only puts letters in and looks later.
pub(super) fn gather(inner: &Inner) -> Gathering {
    Gathering(GATHERS_FOR.replace((inner, LaneSet::default())))
}

/// Whether this thread will look into the inboxes of these lanes later.
pub(super) fn is_gathering(inner: &Inner, lanes: LaneSet) -> bool {
    let (gathers_for, mut touched) = GATHERS_FOR.get();
    let is_gathering = ptr::eq(gathers_for, inner);
    if is_gathering {
        touched.add(lanes);
        GATHERS_FOR.set((gathers_for, touched));
    }
    is_gathering
}

impl Gathering {
    /// Ends it: the lanes whose inboxes have to be looked into now.
    pub(super) fn end(self) -> LaneSet {
        let (_, touched) = GATHERS_FOR.get();
        touched
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        GATHERS_FOR.set(self.0);
    }
}
