//! Who is let in while there is more to do than can be done: what has begun goes on, and what is new is refused at once.
//!
//! A call is let in when its head has come, before anything is read of it, and from then on it stands in a line until it is
//! answered, wherever it waits meanwhile: for its thread, for the node, for the disk. One whose answer others give, such as a
//! query, stands there until the node has taken it. What counts is how long the oldest of a line has stood there (as in
//! CoDel): while it is longer than half of the limit on waiting, calls of its class and of all that go after it are refused,
//! so that those who stand in it are answered in time. And how many stand there: no more than were served lately in that
//! time, or all that come before the first is late would be let in. A call whose caller will have gone before its turn comes is
//! refused at once. Beside that counts what is held for callers, in bytes, and how many steps wait for the disk. Reports of
//! workers are never refused: what they end gives more back than it takes.

mod late;
mod line;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::{Advice, Budget, Limits, Part, Reject, Time, limits::OVERLOADED};

use self::{
    late::LateLanes,
    line::{HALF, Line},
};
use super::delivery::Delivery;
use crate::LaneId;

/// What a call is to the work that is under way. The first go first, and the last are refused first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A worker tells what came of a task.
    Report,
    /// A worker asks for a task.
    Poll,
    /// A client asks about something that is there, or changes it.
    Existing,
    /// A client begins something.
    New,
}

/// Classes, each with a line.
pub(super) const CLASSES: usize = 4;
/// What a call that is under way costs beside its message and what its connection counts: its place at the node.
const CALL: usize = 2 * 1024;
/// How often a message is there, as bytes and as what was read from them.
const COPIES: usize = 3;

/// When the caller of a call that was refused may come again. Clients that do so by themselves add growing pauses of their
/// own, so it need not grow.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overload {
    /// Those before it wait too long, or it has.
    Waits,
    /// Too many steps wait for the disk.
    Unwritten,
    /// Too much is held for callers.
    Memory,
}

/// Lets calls in, or refuses them.
pub(super) struct Admission {
    limits: Arc<Limits>,
    lines: [Line; CLASSES],
    /// Nanoseconds of a part.
    part: i64,
    memory: Arc<Budget>,
    /// More steps wait for the disk than may.
    /// The lanes whose writes are late, a bit for each.
    writing_late: LateLanes,
}

/// When a call leaves its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It stands in none: others do the work for it, such as the threads of lists.
    Never,
    /// When the node has taken it: then it waits for others, and may do so for long.
    UntilTaken,
    /// When it is over: it waits for nothing but the server.
    UntilAnswered,
}

/// A call that was let in. It counts until it is dropped.
pub struct Pass {
    admission: Arc<Admission>,
    class: Class,
    leaves: Stands,
    /// When its caller stops waiting; `Time::MAX`: not known.
    until: Time,
    state: Mutex<State>,
}

/// How a call stands.
#[derive(Debug)]
struct State {
    /// Since when it waits for the server.
    since: Time,
    stands: bool,
    is_taken: bool,
    held: Part,
    /// The tasks of its answer, on their way to the worker.
    delivery: Option<Delivery>,
}

impl Admission {
    pub(super) fn new(limits: Arc<Limits>, memory: Arc<Budget>) -> Self {
        let part = i64::try_from(limits.call_wait.as_nanos() / (2 * HALF as u128)).ok();
        // In one endless part all are young.
        let part = part.filter(|part| *part > 0).unwrap_or(i64::MAX);
        let lines = std::array::from_fn(|_| Line::default());
        Self { limits, lines, part, memory, writing_late: LateLanes::default() }
    }

    /// Lets a call in whose head has come at `came`.
    ///
    /// # Errors
    /// The server is overloaded.
    pub(super) fn admit(
        self: &Arc<Self>,
        class: Class,
        leaves: Stands,
        came: Time,
        until: Time,
    ) -> Result<Pass, Reject> {
        let comes_too_late = leaves != Stands::Never && self.comes_too_late(class, came, until);
        let waits = |class| comes_too_late || self.is_late(class, came) || self.is_full(class, came);
        let late = match class {
            Class::Report | Class::Poll => None,
            Class::Existing => waits(class).then_some(Overload::Waits),
            Class::New if self.writing_late.any() => Some(Overload::Unwritten),
            Class::New => (waits(class) || waits(Class::Existing)).then_some(Overload::Waits),
        };
        if let Some(late) = late {
            return Err(self.refusal(late));
        }
        let held = self.hold(class, CALL).ok_or_else(|| self.refusal(Overload::Memory))?;
        let state = Mutex::new(State { since: came, stands: false, is_taken: false, held, delivery: None });
        let pass = Pass { admission: self.clone(), class, leaves, until, state };
        pass.stand(&mut pass.state(), came);
        Ok(pass)
    }

    /// What a caller is told whose call is refused.
    pub(super) fn refusal(&self, why: Overload) -> Reject {
        let Limits { memory, call_wait, unwritten_calls, .. } = *self.limits;
        let (name, value) = match why {
            Overload::Waits => ("call_wait", u64::try_from(call_wait.as_millis()).unwrap_or(u64::MAX)),
            Overload::Unwritten => ("unwritten_calls", unwritten_calls as u64),
            Overload::Memory => ("memory", memory as u64),
        };
        let advice = Advice { limit: Some((name, value)), retry_after: Some(RETRY_AFTER) };
        let refusal = OVERLOADED.exhaustion().unwrap_or_else(|| Reject::unavailable("the server is overloaded"));
        refusal.advising(advice)
    }

    /// Steps wait for the disk, so many more than may or not.
    pub(super) fn set_writing_late(&self, lane: LaneId, is_late: bool) {
        self.writing_late.set(lane, is_late);
    }

    /// The share of the budget that a class may fill; the rest is for those before it.
    fn ceiling(&self, class: Class) -> usize {
        let most = self.memory.most();
        match class {
            Class::Report => usize::MAX,
            Class::Poll => most - most / 16,
            Class::Existing => most - most / 8,
            Class::New => most - most / 4,
        }
    }

    fn hold(&self, class: Class, bytes: usize) -> Option<Part> {
        match class {
            Class::Report => Some(self.memory.force(bytes)),
            Class::Poll | Class::Existing | Class::New => self.memory.take_below(bytes, self.ceiling(class)),
        }
    }

    fn part_of(&self, came: Time) -> i64 {
        came.0 / self.part
    }

    /// Whether many stand in the line, and one of them came longer ago than half of the limit on waiting.
    fn is_late(&self, class: Class, now: Time) -> bool {
        let line = &self.lines[class as usize];
        line.standing() >= self.limits.few_calls && line.has_before(self.part_of(now))
    }

    /// Whether many stand in the line, and what comes at `came` would wait there for longer than its caller does.
    fn comes_too_late(&self, class: Class, came: Time, until: Time) -> bool {
        let line = &self.lines[class as usize];
        if self.part == i64::MAX || line.standing() < self.limits.few_calls {
            return false;
        }
        until.0.saturating_sub(came.0) < line.age(self.part_of(came)).saturating_mul(self.part)
    }

    /// Whether more stand in the line than are served within half of the limit on waiting, by what was served in the last
    /// half of it. What comes faster than it is served is refused before the oldest has waited for long.
    fn is_full(&self, class: Class, now: Time) -> bool {
        self.part < i64::MAX && self.lines[class as usize].is_full(self.part_of(now))
    }
}

impl Pass {
    /// When the caller stops waiting, if it says so.
    pub fn deadline(&self) -> Option<Time> {
        (self.until < Time::MAX).then_some(self.until)
    }

    pub(super) fn class(&self) -> Class {
        self.class
    }

    pub(super) fn until(&self) -> Time {
        self.until
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call waits for its caller, who has not sent all of it: it holds no other call up until it has come whole.
    pub fn step_aside(&self) {
        self.leave(&mut self.state());
    }

    /// The call has come whole at `now`: it stands in its line, and the bytes of its message count until it is over.
    ///
    /// # Errors
    /// The server is overloaded.
    pub fn come_whole(&self, message: usize, now: Time) -> Result<(), Reject> {
        let state = &mut *self.state();
        if !state.stands {
            self.stand(state, now);
        }
        let bytes = message.saturating_mul(COPIES);
        let fits = match self.class {
            Class::Report => {
                state.held.force(bytes);
                true
            }
            class @ (Class::Poll | Class::Existing | Class::New) => {
                state.held.grow_below(bytes, self.admission.ceiling(class))
            }
        };
        if fits { Ok(()) } else { Err(self.admission.refusal(Overload::Memory)) }
    }

    /// The node takes the call; its refusal where it is too late for it at `now` and many wait. What goes on is never too late.
    pub(super) fn take(&self, now: Time) -> Option<Reject> {
        let state = &mut *self.state();
        if self.leaves == Stands::UntilTaken {
            self.leave_for_good(state);
        }
        if std::mem::replace(&mut state.is_taken, true) || self.class < Class::Existing {
            return None;
        }
        let longest = self.admission.part.saturating_mul(2 * HALF as i64);
        let is_unwritten = || self.class == Class::New && self.admission.writing_late.any();
        let is_late =
            now.0.saturating_sub(state.since.0) > longest && self.line().standing() >= self.admission.limits.few_calls;
        let why = match is_late {
            true => Overload::Waits,
            false if is_unwritten() => Overload::Unwritten,
            false => return None,
        };
        // It is not served.
        self.leave(state);
        Some(self.admission.refusal(why))
    }

    /// The answer to the call has tasks.
    pub(super) fn carry(&self, delivery: Delivery) {
        self.state().delivery = Some(delivery);
    }

    /// The tasks of the answer, for the one that writes it; none where it has none.
    pub fn take_delivery(&self) -> Option<Delivery> {
        self.state().delivery.take()
    }

    fn stand(&self, state: &mut State, now: Time) {
        state.since = now;
        if self.leaves != Stands::Never {
            state.stands = true;
            self.line().stand(self.admission.part_of(now));
        }
    }

    /// Whether it stood in its line.
    fn leave(&self, state: &mut State) -> bool {
        let stood = std::mem::take(&mut state.stands);
        if stood {
            self.line().leave(self.admission.part_of(state.since));
        }
        stood
    }

    fn leave_for_good(&self, state: &mut State) {
        if self.leave(state) {
            self.line().serve();
        }
    }

    fn line(&self) -> &Line {
        &self.admission.lines[self.class as usize]
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("class", &self.class).field("state", &self.state).finish_non_exhaustive()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.leave_for_good(&mut self.state());
    }
}

#[cfg(test)]
mod tests;
