//! Tasks on their way to their worker. An answer may be lost behind the engine: its caller is gone before it can be told, its
//! handler fails, the connection breaks before the reply is written. A task that was lost so goes back.

use std::{
    mem,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use model::Reject;

use super::inner::Inner;
use crate::{Answer, Event, LaneId};

/// An answer, and what becomes of its tasks.
pub(super) struct Response {
    pub(super) answer: Answer,
    pub(super) delivery: Option<Delivery>,
}

impl Response {
    pub(super) fn new(inner: &Arc<Inner>, lane: LaneId, result: Result<Answer, Reject>) -> Result<Self, Reject> {
        let answer = result?;
        let tokens = answer.task_tokens();
        let delivery = (!tokens.is_empty()).then(|| Delivery { inner: Arc::downgrade(inner), lane, tokens });
        Ok(Self { answer, delivery })
    }
}

/// The tasks of an answer. Dropped before they are `done`, they wait for a worker again.
#[derive(Debug)]
pub struct Delivery {
    inner: Weak<Inner>,
    /// Which has handed the tasks out: it owns their runs.
    lane: LaneId,
    /// Sealed task tokens.
    tokens: Vec<Bytes>,
}

impl Delivery {
    /// The answer was written to its caller's connection.
    pub fn done(mut self) {
        self.tokens.clear();
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.tokens.is_empty() {
            return;
        }
        if let Some(inner) = self.inner.upgrade() {
            inner.tell_soon(self.lane, Event::Undelivered { tokens: mem::take(&mut self.tokens) });
        }
    }
}
