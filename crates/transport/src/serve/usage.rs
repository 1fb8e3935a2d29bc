//! What one connection makes the server hold, and how much it may: calls that are open, messages that have begun and not
//! come to their end, replies that its client has not taken.
//!
//! All of it is a part of the server's memory, and until a caller is identified on the connection also of the share that
//! all such connections have together. What is asked for and does not fit is refused; only what this one connection fills
//! by itself may wait for a moment.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use model::{Advice, Budget, Limits, Part, Reject};
use proto::temporal::api::enums::v1::{ResourceExhaustedCause as Cause, ResourceExhaustedScope as Scope};

use super::{STREAM_WINDOW, WAITING};
use crate::{calls::Delivery, listen::Peer};

/// What an open call takes beside its headers and its message: a stream of HTTP/2, a handler.
const CALL: usize = 4 * 1024;
/// What a reply takes beside its bytes, as long as it is not taken: its stream and its headers.
const REPLY: usize = 1024;
/// Replies up to so many bytes are never refused: what they tell of is done.
const SMALL: usize = 16 * 1024;
/// What a caller that is not identified may make the server hold, as a part of what others may.
const UNIDENTIFIED: usize = 10;
/// A connection that once had so many calls is closed when it has none: what the HTTP/2 library made for them it keeps.
const BLOATED: usize = 4_096;
/// When a call may be tried again for which there was no room.
const AGAIN: Duration = Duration::from_secs(1);
const NO_ROOM: &str = "the server has no memory for a message of this size now";

/// What a connection holds.
pub(super) struct Usage {
    peer: Arc<Peer>,
    bounds: Bounds,
    /// All memory of the server, in bytes.
    memory: usize,
    state: Mutex<State>,
    /// Bytes of replies that went to the client.
    taken: AtomicU64,
    /// What replies hand over that the library has written, and that may not be on the wire.
    written: Mutex<Vec<Box<dyn Delivery>>>,
}

/// What a connection may hold.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    calls: usize,
    unfinished_bytes: usize,
    unread_bytes: usize,
}

struct State {
    part: Part,
    /// The part of what all unidentified connections share; `None` once this one is identified.
    shared: Option<Part>,
    calls: usize,
    most_calls: usize,
    /// Calls that are not answered yet.
    unanswered: usize,
    has_answered: bool,
    /// Calls that wait until the replies to others are taken.
    not_begun: usize,
    /// Calls whose message was waited for and is not complete.
    unfinished: usize,
    unfinished_bytes: usize,
    unread_bytes: usize,
    /// Messages whose sender waits until there is room for them.
    held_up: usize,
    /// Calls that wait until others have gone on, by their numbers.
    waiting: BTreeMap<u64, Waker>,
    next: u64,
}

impl Usage {
    pub(super) fn new(peer: Arc<Peer>, limits: &Limits, memory: &Arc<Budget>, shared: &Arc<Budget>) -> Arc<Self> {
        let bounds = Bounds {
            calls: limits.unfinished_calls,
            unfinished_bytes: limits.unfinished_bytes,
            unread_bytes: limits.unread_bytes,
        };
        let state = State {
            part: memory.force(0),
            shared: Some(shared.force(0)),
            calls: 0,
            most_calls: 0,
            unanswered: 0,
            has_answered: false,
            not_begun: 0,
            unfinished: 0,
            unfinished_bytes: 0,
            unread_bytes: 0,
            held_up: 0,
            waiting: BTreeMap::new(),
            next: 0,
        };
        let (state, written) = (Mutex::new(state), Mutex::default());
        Arc::new(Self { peer, bounds, memory: memory.most(), state, taken: AtomicU64::new(0), written })
    }

    /// What may be held now.
    fn bounds(&self) -> Bounds {
        if self.peer.is_identified() {
            return self.bounds;
        }
        let share = |whole: usize| (whole / UNIDENTIFIED).max(1);
        Bounds {
            calls: share(self.bounds.calls),
            unfinished_bytes: share(self.bounds.unfinished_bytes),
            unread_bytes: share(self.bounds.unread_bytes),
        }
    }

    /// The state, which shares with others only what an unidentified caller holds.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.peer.is_identified() {
            state.shared = None;
        }
        state
    }

    /// A call has come, with so many bytes of headers.
    ///
    /// # Errors
    /// When the server's memory has no room for it.
    pub(super) fn open(self: &Arc<Self>, headers: usize) -> Result<OpenCall, Reject> {
        let mut state = self.lock();
        let bytes = CALL + headers;
        if !state.take(bytes) {
            return Err(self.no_room("the server has no memory for another call"));
        }
        state.calls += 1;
        state.most_calls = state.most_calls.max(state.calls);
        state.unanswered += 1;
        state.next += 1;
        Ok(OpenCall { usage: self.clone(), number: state.next, bytes, is_held_back: false, is_answered: false })
    }

    fn no_room(&self, text: &str) -> Reject {
        exhausted(Cause::SystemOverloaded, text, ("memory", self.memory))
    }

    /// What a call is told for whose reply there is no room.
    pub(super) fn too_many_replies(&self) -> Reject {
        let text = "too many replies of this connection wait to be taken";
        exhausted(Cause::ConcurrentLimit, text, ("unread_bytes", self.bounds().unread_bytes))
    }

    /// A reply of so many bytes waits to be taken, if there is room for it.
    pub(super) fn reply(self: &Arc<Self>, bytes: usize) -> Option<Unread> {
        let (bounds, mut state) = (self.bounds(), self.lock());
        let bytes = bytes + REPLY;
        let fits = state.unread_bytes == 0 || state.unread_bytes + bytes <= bounds.unread_bytes;
        if bytes <= SMALL {
            state.force(bytes);
        } else if !fits || !state.take(bytes) {
            return None;
        }
        state.unread_bytes += bytes;
        Some(Unread { usage: self.clone(), bytes })
    }

    /// The same for a piece that can't be refused any more.
    pub(super) fn force_reply(self: &Arc<Self>, bytes: usize) -> Unread {
        let mut state = self.lock();
        let bytes = bytes + REPLY;
        state.force(bytes);
        state.unread_bytes += bytes;
        Unread { usage: self.clone(), bytes }
    }

    /// Bytes of replies that wait to be taken, and of those that were.
    pub(super) fn replies(&self) -> (usize, u64) {
        let unread = self.lock().unread_bytes;
        (unread, self.taken.load(Ordering::Relaxed))
    }

    /// All that the library has written is on the wire.
    pub(super) fn all_went(&self) {
        let written = mem::take(&mut *self.written.lock().unwrap_or_else(PoisonError::into_inner));
        written.into_iter().for_each(Delivery::written);
    }

    /// Whether calls are under way: their messages have come, and they are not answered.
    pub(super) fn is_busy(&self) -> bool {
        let state = self.lock();
        state.unanswered > state.unfinished + state.not_begun
    }

    /// Whether a call of the connection was answered.
    pub(super) fn has_answered(&self) -> bool {
        self.lock().has_answered
    }

    /// Whether the connection keeps more than it needs and has nothing to do.
    pub(super) fn is_bloated(&self) -> bool {
        let state = self.lock();
        state.calls == 0 && state.most_calls > BLOATED
    }

    /// The connection was told to end for it.
    pub(super) fn forgive(&self) {
        self.lock().most_calls = 0;
    }
}

impl State {
    fn take(&mut self, bytes: usize) -> bool {
        if let Some(shared) = &mut self.shared
            && !shared.grow(bytes)
        {
            return false;
        }
        let fits = self.part.grow(bytes);
        if !fits && let Some(shared) = &mut self.shared {
            shared.shrink(bytes);
        }
        fits
    }

    /// Takes what is there already.
    fn force(&mut self, bytes: usize) {
        self.part.force(bytes);
        if let Some(shared) = &mut self.shared {
            shared.force(bytes);
        }
    }

    fn give_back(&mut self, bytes: usize) {
        self.part.shrink(bytes);
        if let Some(shared) = &mut self.shared {
            shared.shrink(bytes);
        }
    }
}

/// A call, from its head until the last of its reply is in the hands of the library that sends it.
pub(super) struct OpenCall {
    usage: Arc<Usage>,
    number: u64,
    bytes: usize,
    is_held_back: bool,
    is_answered: bool,
}

impl OpenCall {
    pub(super) fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// Whether a call may begin: one waits while its client does not take the replies that it has.
    ///
    /// # Errors
    /// When too many wait already.
    pub(super) fn poll_begin(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Reject>> {
        let (bounds, mut state) = (self.usage.bounds(), self.usage.lock());
        if state.unread_bytes < bounds.unread_bytes {
            state.not_begun -= usize::from(mem::take(&mut self.is_held_back));
            return Poll::Ready(Ok(()));
        }
        if !self.is_held_back {
            if state.not_begun >= bounds.calls {
                return Poll::Ready(Err(self.usage.too_many_replies()));
            }
            state.not_begun += 1;
            self.is_held_back = true;
        }
        state.waiting.insert(self.number, context.waker().clone());
        Poll::Pending
    }

    pub(super) fn answered(&mut self) {
        if !mem::replace(&mut self.is_answered, true) {
            let mut state = self.usage.lock();
            state.unanswered -= 1;
            state.has_answered = true;
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.answered();
        let mut state = self.usage.lock();
        state.calls -= 1;
        state.not_begun -= usize::from(self.is_held_back);
        state.waiting.remove(&self.number);
        state.give_back(self.bytes);
    }
}

/// A message that has begun and is not complete. Dropped, it is no more.
pub(super) struct Unfinished {
    usage: Arc<Usage>,
    number: u64,
    bytes: usize,
    /// It waits for room, and the client may send as much as its window lets it.
    is_held_up: bool,
}

impl Unfinished {
    /// A message that has to be waited for.
    ///
    /// # Errors
    /// When too many others of this connection are waited for.
    pub(super) fn begin(usage: &Arc<Usage>) -> Result<Self, Reject> {
        let (bounds, mut state) = (usage.bounds(), usage.lock());
        if state.unfinished >= bounds.calls {
            let text = "too many calls of this connection have not come to their end";
            return Err(exhausted(Cause::ConcurrentLimit, text, ("unfinished_calls", bounds.calls)));
        }
        state.unfinished += 1;
        state.next += 1;
        Ok(Self { usage: usage.clone(), number: state.next, bytes: 0, is_held_up: false })
    }

    /// Makes room until the message may have `bytes` in all. It waits while other messages of this connection take it.
    ///
    /// # Errors
    /// When too many wait already, or the server's memory has no room.
    pub(super) fn poll_room(&mut self, bytes: usize, context: &mut Context<'_>) -> Poll<Result<(), Reject>> {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Poll::Ready(Ok(()));
        }
        let (bounds, mut state) = (self.usage.bounds(), self.usage.lock());
        if state.unfinished_bytes == self.bytes || state.unfinished_bytes + more <= bounds.unfinished_bytes {
            if !state.take(more) {
                return Poll::Ready(Err(self.usage.no_room(NO_ROOM)));
            }
            state.unfinished_bytes += more;
            self.bytes += more;
            if mem::take(&mut self.is_held_up) {
                state.held_up -= 1;
                state.give_back(STREAM_WINDOW as usize);
            }
            return Poll::Ready(Ok(()));
        }
        if !self.is_held_up {
            if state.held_up >= WAITING {
                let text = "too many messages of this connection have not come to their end";
                let limit = ("unfinished_bytes", bounds.unfinished_bytes);
                return Poll::Ready(Err(exhausted(Cause::ConcurrentLimit, text, limit)));
            }
            if !state.take(STREAM_WINDOW as usize) {
                return Poll::Ready(Err(self.usage.no_room(NO_ROOM)));
            }
            state.held_up += 1;
            self.is_held_up = true;
        }
        state.waiting.insert(self.number, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let mut state = self.usage.lock();
        state.unfinished -= 1;
        state.unfinished_bytes -= self.bytes;
        state.waiting.remove(&self.number);
        state.give_back(self.bytes);
        if self.is_held_up {
            state.held_up -= 1;
            state.give_back(STREAM_WINDOW as usize);
        }
        if self.bytes > 0 {
            wake(state);
        }
    }
}

/// A piece of a reply that the client has not taken.
pub(super) struct Unread {
    usage: Arc<Usage>,
    bytes: usize,
}

impl Unread {
    /// So many of its bytes went out.
    pub(super) fn went(&self, bytes: usize) {
        self.usage.taken.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The last of it went out, and with it what the reply hands over.
    pub(super) fn delivers(&self, delivery: Box<dyn Delivery>) {
        self.usage.written.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let (bounds, mut state) = (self.usage.bounds(), self.usage.lock());
        state.unread_bytes -= self.bytes;
        state.give_back(self.bytes);
        // Not for each piece: all of them look again.
        if state.unread_bytes <= bounds.unread_bytes / 2 {
            wake(state);
        }
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waiting = mem::take(&mut state.waiting);
    drop(state);
    waiting.into_values().for_each(Waker::wake);
}

/// What a connection asks for and may not have now.
fn exhausted(cause: Cause, text: &str, (limit, value): (&'static str, usize)) -> Reject {
    let advice = Advice { limit: Some((limit, value as u64)), retry_after: Some(AGAIN) };
    Reject::exhausted(cause, Scope::System, text).advising(advice)
}
