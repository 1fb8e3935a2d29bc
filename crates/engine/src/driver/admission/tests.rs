//! Who is let in, by a clock that stands still between two calls.

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
    assert_eq!(admit(&admission, Class::New, at(91)).unwrap_err(), "call_wait", "the first waits half of the limit");
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
fn a_call_whose_caller_goes_before_its_turn_is_refused_at_once() {
    let admission = admission(1 << 30);
    let until = |leaves, came, until| admission.admit(Class::New, leaves, at(came), at(until)).map(drop).map_err(limit);
    assert_eq!(until(Stands::UntilAnswered, 0, 1), Ok(()), "it waits for none");
    let first = admit(&admission, Class::New, at(0)).unwrap();
    assert_eq!(until(Stands::UntilAnswered, 50, 99), Err("call_wait"), "the first waits for 50 ms");
    assert_eq!(until(Stands::UntilAnswered, 50, 101), Ok(()));
    assert_eq!(until(Stands::Never, 50, 99), Ok(()), "it does not wait for the first");
    drop(first);
    assert_eq!(until(Stands::UntilAnswered, 50, 51), Ok(()));
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
