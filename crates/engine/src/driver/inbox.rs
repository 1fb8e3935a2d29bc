//! What the node has still to be told. Whoever puts something in sees to it that somebody looks.

use std::{
    cell::Cell,
    mem, ptr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::Reject;
use tokio::sync::oneshot;

use crate::{Answer, Event};

pub(super) type Answering = oneshot::Sender<Result<Answer, Reject>>;

/// Something that the node is told; a call comes with the place where its answer is waited for.
pub(super) struct Letter {
    pub(super) event: Event,
    pub(super) answering: Option<Answering>,
}

#[derive(Default)]
pub(super) struct Inbox(Mutex<Vec<Letter>>);

thread_local! {
    /// The inbox that this thread will look into later.
    static GATHERS_IN: Cell<*const Inbox> = const { Cell::new(ptr::null()) };
}

impl Inbox {
    fn letters(&self) -> MutexGuard<'_, Vec<Letter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, letter: Letter) {
        self.letters().push(letter);
    }

    /// All that is in it, in order.
    pub(super) fn take(&self) -> Vec<Letter> {
        mem::take(&mut *self.letters())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.letters().is_empty()
    }

    /// From now on, and until this is dropped, this thread only puts letters in and looks later.
    pub(super) fn gather(&self) -> Gathering {
        Gathering(GATHERS_IN.replace(self))
    }

    /// Whether this thread will look into it later.
    pub(super) fn is_gathering(&self) -> bool {
        ptr::eq(GATHERS_IN.get(), self)
    }
}

/// Ends the gathering, also where a panic does; holds what was before.
pub(super) struct Gathering(*const Inbox);

impl Drop for Gathering {
    fn drop(&mut self) {
        GATHERS_IN.set(self.0);
    }
}
