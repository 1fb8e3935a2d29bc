//! How the thread that folds is called: a commit that puts enough off wakes it, and waits for nothing.

use std::sync::{
    Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// A bell for one thread.
#[derive(Default)]
pub(crate) struct Upkeep {
    /// Whether there is such a thread.
    is_kept: AtomicBool,
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    is_called: bool,
    is_over: bool,
}

impl Upkeep {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a thread waits to be called, or will.
    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Relaxed)
    }

    /// There is something to do.
    pub(crate) fn call(&self) {
        self.state().is_called = true;
        self.bell.notify_one();
    }

    /// There will not be anything to do any more.
    pub(crate) fn end(&self) {
        self.is_kept.store(false, Ordering::Relaxed);
        self.state().is_over = true;
        self.bell.notify_one();
    }

    /// Waits until there is something to do; `false` when there will not be any more.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.state();
        self.is_kept.store(!state.is_over, Ordering::Relaxed);
        while !state.is_called && !state.is_over {
            state = self.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_called = false;
        !state.is_over
    }
}
