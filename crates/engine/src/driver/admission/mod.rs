//! Who is let in while there is more to do than can be done: what has begun goes on, and what is new is refused at once.
//!
//! A call is let in when its head has come, before anything is read of it, and from then on it stands in a line until it is
//! answered, wherever it waits meanwhile: for its thread, for the node, for the disk. One whose answer others give, such as a
//! query, stands there until the node has taken it. What counts is how long the oldest of a line has stood there (as in
//! CoDel): while it is longer than half of the limit on waiting, calls of its class and of all that go after it are refused,
//! so that those who stand in it are answered in time. And how many stand there: no more than were served lately in that
//! time, or all that come before the first is late would be let in. Beside that counts what is held for callers, in bytes, and
//! how many steps wait for the disk. Reports of workers are never refused: what they end gives more back than it takes.

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
        let waits = |class| self.is_late(class, came) || self.is_full(class, came);
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
mod tests {
    use super::{line::BURST, *};

    const WAIT: Duration = Duration::from_millis(160);

    fn admission(memory: usize) -> Arc<Admission> {
        let limits = Limits { call_wait: WAIT, few_calls: 0, memory, ..Limits::default() };
        Arc::new(Admission::new(Arc::new(limits), Budget::new(memory)))
    }

    fn at(milliseconds: i64) -> Time {
        Time::from_millis(1_000_000 + milliseconds)
    }

    /// A call that is let in, or the limit that it is refused for.
    fn admit(admission: &Arc<Admission>, class: Class, came: Time) -> Result<Pass, &'static str> {
        admission.admit(class, Stands::UntilAnswered, came, Time::MAX).map_err(limit)
    }

    fn limit(refusal: Reject) -> &'static str {
        let model::Kind::ResourceExhausted { cause, scope, advice } = refusal.kind else { return "another kind" };
        use proto::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope};
        assert_eq!((cause, scope), (ResourceExhaustedCause::SystemOverloaded, ResourceExhaustedScope::System));
        assert_eq!(advice.retry_after, Some(RETRY_AFTER));
        advice.limit.map_or("no limit", |(name, _)| name)
    }

    #[test]
    fn what_is_new_is_refused_while_the_oldest_waits_too_long() {
        let admission = admission(1 << 30);
        let first = admit(&admission, Class::New, at(0)).unwrap();
        let second = admit(&admission, Class::New, at(79)).unwrap();
        assert_eq!(
            admit(&admission, Class::New, at(91)).unwrap_err(),
            "call_wait",
            "the first waits half of the limit"
        );
        for class in [Class::Report, Class::Poll, Class::Existing] {
            assert!(admit(&admission, class, at(91)).is_ok(), "{class:?} goes before what is new");
        }
        for later in (92..2_000).step_by(7).chain([10_000]) {
            assert!(admit(&admission, Class::New, at(later)).is_err(), "it waits still, after {later} ms");
        }
        assert!(first.take(at(92)).is_none(), "it is carried out");
        assert_eq!(admit(&admission, Class::New, at(92)).unwrap_err(), "call_wait", "it waits for the disk now");
        drop(first);
        assert!(admit(&admission, Class::New, at(92)).is_ok(), "the oldest has waited for a moment only");
        drop(second);
    }

    #[test]
    fn no_more_are_let_in_than_are_served_in_time() {
        let admission = admission(1 << 30);
        let burst = |now, most: usize| -> Vec<_> {
            (0..).map_while(|_| admit(&admission, Class::New, at(now)).ok()).take(most).collect()
        };
        let first = burst(0, usize::MAX);
        assert_eq!(first.len(), BURST as usize, "as many as come after a rest");
        assert!(admit(&admission, Class::Existing, at(0)).is_ok(), "those of each class count by themselves");
        drop(first);
        assert_eq!(burst(20, usize::MAX).len(), BURST as usize + BURST as usize / 4, "a little more than were served");
        for round in 3..20 {
            drop(burst(round * 10, 200));
        }
        assert_eq!(burst(200, usize::MAX).len(), 8 * 200 + 8 * 200 / 4, "by what was served in the last half");
        assert_eq!(burst(1_000, usize::MAX).len(), BURST as usize, "after a rest");
    }

    #[test]
    fn a_call_that_waits_for_others_is_in_nobodys_way() {
        let admission = admission(1 << 30);
        let query = admission.admit(Class::Existing, Stands::UntilTaken, at(0), Time::MAX).unwrap();
        assert_eq!(admit(&admission, Class::Existing, at(100)).unwrap_err(), "call_wait");
        assert!(query.take(at(100)).is_none());
        assert!(admit(&admission, Class::Existing, at(100)).is_ok());
    }

    #[test]
    fn a_call_that_has_not_come_whole_is_in_nobodys_way() {
        let admission = admission(1 << 30);
        let slow = admit(&admission, Class::New, at(0)).unwrap();
        slow.step_aside();
        let other = admit(&admission, Class::New, at(5_000)).unwrap();
        assert_eq!(slow.come_whole(10, at(5_000)), Ok(()));
        assert!(admit(&admission, Class::New, at(5_050)).is_ok(), "it has waited for the server for 50 ms");
        assert_eq!((slow.take(at(5_100)), other.take(at(5_100))), (None, None));
        drop(other);
        assert_eq!(admit(&admission, Class::New, at(5_100)).unwrap_err(), "call_wait");
        drop(slow);
        let list = admission.admit(Class::Existing, Stands::Never, at(0), Time::MAX).unwrap();
        assert_eq!(list.come_whole(10, at(0)), Ok(()));
        assert!(admit(&admission, Class::Existing, at(6_000)).is_ok());
    }

    #[test]
    fn what_is_there_goes_before_what_is_new() {
        let admission = admission(1 << 30);
        let _waits = admit(&admission, Class::Existing, at(0)).unwrap();
        for class in [Class::Existing, Class::New] {
            assert_eq!(admit(&admission, class, at(100)).unwrap_err(), "call_wait");
        }
        for class in [Class::Report, Class::Poll] {
            assert!(admit(&admission, class, at(100)).is_ok());
        }
    }

    #[test]
    fn a_call_whose_turn_comes_too_late_is_refused_then() {
        let admission = admission(1 << 30);
        for (class, waited, is_late) in [
            (Class::New, 161, true),
            (Class::New, 159, false),
            (Class::Existing, 161, true),
            (Class::Poll, 10_000, false),
            (Class::Report, 10_000, false),
        ] {
            let pass = admit(&admission, class, at(0)).unwrap();
            assert_eq!(pass.take(at(waited)).is_some(), is_late, "{class:?} after {waited} ms");
            assert_eq!(pass.take(at(20_000)), None, "its turn has come once");
        }
    }

    #[test]
    fn a_few_calls_wait_for_as_long_as_they_must() {
        let limits = Limits { call_wait: WAIT, few_calls: 3, ..Limits::default() };
        let admission = Arc::new(Admission::new(Arc::new(limits), Budget::new(1 << 30)));
        let calls = [0, 1_000].map(|now| admit(&admission, Class::New, at(now)).unwrap());
        assert_eq!(calls[0].take(at(5_000)), None, "a disk stood still");
        let third = admit(&admission, Class::New, at(5_000)).unwrap();
        assert_eq!(admit(&admission, Class::New, at(5_001)).unwrap_err(), "call_wait", "three are not few");
        assert_eq!(calls[1].take(at(5_001)).map(limit), Some("call_wait"));
        drop(calls);
        assert_eq!(third.take(at(9_000)), None);
    }

    #[test]
    fn nothing_is_late_without_a_limit() {
        let limits = Limits { call_wait: Duration::ZERO, ..Limits::default() };
        let admission = Arc::new(Admission::new(Arc::new(limits), Budget::new(1 << 30)));
        let first = admit(&admission, Class::New, at(0)).unwrap();
        assert!(admit(&admission, Class::New, at(1_000_000)).is_ok());
        assert_eq!(first.take(at(1_000_000)), None);
    }

    #[test]
    fn nothing_is_begun_while_too_many_steps_wait_for_the_disk() {
        let admission = admission(1 << 30);
        let waits = admit(&admission, Class::New, at(0)).unwrap();
        admission.set_writing_late(LaneId(3), true);
        assert_eq!(admit(&admission, Class::New, at(0)).unwrap_err(), "unwritten_calls");
        assert_eq!(waits.take(at(1)).map(limit), Some("unwritten_calls"));
        let existing = admit(&admission, Class::Existing, at(0)).unwrap();
        assert_eq!(existing.take(at(1)), None);
        admission.set_writing_late(LaneId(3), false);
        assert!(admit(&admission, Class::New, at(2)).is_ok());
    }

    #[test]
    fn the_last_part_of_the_memory_is_for_what_goes_on() {
        let most = 160 * CALL;
        let admission = admission(most);
        let mut held = Vec::new();
        for (class, share) in [(Class::New, 120), (Class::Existing, 140), (Class::Poll, 150)] {
            while let Ok(pass) = admit(&admission, class, at(0)) {
                pass.step_aside();
                held.push(pass);
            }
            assert_eq!(held.len(), share, "{class:?}");
            assert_eq!(admit(&admission, class, at(0)).unwrap_err(), "memory");
        }
        let report = admit(&admission, Class::Report, at(0)).unwrap();
        assert_eq!(report.come_whole(most, at(0)), Ok(()), "a report is taken whatever it costs");
        assert!(admission.memory.held() > most);
        assert_eq!(held[0].come_whole(1, at(0)).map_err(limit), Err("memory"));
        drop((report, held));
        assert_eq!(admission.memory.held(), 0);
    }
}
