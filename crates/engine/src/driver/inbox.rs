//! What the node has still to be told, by class: what goes on before what is new; and what is new by namespace, each in its
//! turn. The thread that puts something in sees to it that it is taken.

use std::{
    array,
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::{NamespaceId, Reject};
use tokio::sync::oneshot;

use super::{
    admission::{CLASSES, Class, Pass},
    delivery::Told,
    turns::{Turns, Waits},
};
use crate::Event;

/// New calls that are taken at a time: what goes on and comes meanwhile is taken before the others.
const NEW_AT_ONCE: usize = 64;

pub(super) type Answering = oneshot::Sender<Result<Told, Reject>>;

/// Something that the node is told; a call comes with the place where its answer is waited for, and with what it was let in
/// by, if it came from outside.
pub(super) struct Letter {
    pub(super) event: Event,
    pub(super) answering: Option<Answering>,
    pub(super) pass: Option<Arc<Pass>>,
}

impl Letter {
    /// What is not a call of a caller belongs to what goes on.
    fn class(&self) -> Class {
        self.pass.as_ref().map_or(Class::Report, |pass| pass.class())
    }
}

impl Waits for Letter {
    /// What is no call is of no namespace.
    fn namespace(&self) -> NamespaceId {
        if let Event::Call { request, .. } = &self.event { request.namespace.id } else { NamespaceId::default() }
    }
}

#[derive(Default)]
pub(super) struct Inbox(Mutex<[Turns<Letter>; CLASSES]>);

impl Inbox {
    fn letters(&self) -> MutexGuard<'_, [Turns<Letter>; CLASSES]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, letter: Letter) {
        let class = letter.class();
        self.letters()[class as usize].put(letter);
    }

    /// Puts letters in together, in their order.
    pub(super) fn put_all(&self, letters: impl IntoIterator<Item = Letter>) {
        let mut places = self.letters();
        for letter in letters {
            places[letter.class() as usize].put(letter);
        }
    }

    /// All that is in it, class by class and each in its order; of new calls some, from each namespace in its turn.
    pub(super) fn take(&self) -> [VecDeque<Letter>; CLASSES] {
        let mut letters = self.letters();
        array::from_fn(|class| letters[class].take(if class == Class::New as usize { NEW_AT_ONCE } else { usize::MAX }))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.letters().iter().all(Turns::is_empty)
    }
}
