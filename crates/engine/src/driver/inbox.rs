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
    delivery::Response,
    turns::{Turns, Waits},
};
use crate::Event;

/// New calls that are taken at a time: what goes on and comes meanwhile is taken before the others.
const NEW_AT_ONCE: usize = 64;

pub(super) type Answering = oneshot::Sender<Result<Response, Reject>>;

/// Something that the node is told; a call comes with the place where its answer is waited for, and with what it was let in
/// by, if it came from outside.
pub(super) struct Message {
    pub(super) event: Event,
    pub(super) answering: Option<Answering>,
    pub(super) pass: Option<Arc<Pass>>,
}

impl Message {
    /// What is not a call of a caller belongs to what goes on.
    fn class(&self) -> Class {
        self.pass.as_ref().map_or(Class::Report, |pass| pass.class())
    }
}

impl Waits for Message {
    /// What is no call is of no namespace.
    fn namespace(&self) -> NamespaceId {
        if let Event::Call { request, .. } = &self.event { request.namespace.id } else { NamespaceId::default() }
    }
}

#[derive(Default)]
pub(super) struct Inbox(Mutex<[Turns<Message>; CLASSES]>);

impl Inbox {
    fn queues(&self) -> MutexGuard<'_, [Turns<Message>; CLASSES]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, message: Message) {
        let class = message.class();
        self.queues()[class as usize].put(message);
    }

    /// Puts messages in together, in their order.
    pub(super) fn put_all(&self, messages: impl IntoIterator<Item = Message>) {
        let mut places = self.queues();
        for message in messages {
            places[message.class() as usize].put(message);
        }
    }

    /// All that is in it, class by class and each in its order; of new calls some, from each namespace in its turn.
    pub(super) fn take(&self) -> [VecDeque<Message>; CLASSES] {
        let mut messages = self.queues();
        array::from_fn(|class| {
            messages[class].take(if class == Class::New as usize { NEW_AT_ONCE } else { usize::MAX })
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues().iter().all(Turns::is_empty)
    }
}
