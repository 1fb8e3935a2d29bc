//! How fast tasks may leave a queue, and how fast they came and went lately. The clock is an argument.

use std::time::Duration;

use model::{Bucket, Spacing, Time};

/// How much of its limit a queue may use up at once after a quiet time. Source: the reference server.
const BURST: Duration = Duration::from_secs(1);
/// The time over which events are counted, and the parts that leave the count one by one. Source: the reference server.
const WINDOW: Duration = Duration::from_secs(30);
const BUCKET: Duration = Duration::from_secs(5);
/// The whole window and the part that is being filled.
const BUCKETS: usize = 7;

/// A queue's limit, as its last poller set it: tasks are spaced evenly, except that a second's worth of them may go at
/// once after a quiet time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct RateLimit {
    tasks_per_second: Option<f64>,
    bucket: Bucket,
}

impl RateLimit {
    /// The limit in tasks per second; `None` for no limit.
    pub(crate) fn per_second(&self) -> Option<f64> {
        self.tasks_per_second
    }

    /// Sets the limit from now on. A wait that an earlier, slower limit brought about does not outlive it.
    pub(crate) fn set(&mut self, tasks_per_second: Option<f64>, now: Time) {
        if self.tasks_per_second == tasks_per_second {
            return;
        }
        self.tasks_per_second = tasks_per_second;
        self.bucket.set(tasks_per_second.map_or(Spacing::Free, |rate| Spacing::per_second(rate, BURST)), now);
    }

    /// When the next task may go; a time that is past means at once, `Time::MAX` never.
    pub(crate) fn ready(&self) -> Time {
        self.bucket.ready()
    }

    /// A task goes now.
    pub(crate) fn take(&mut self, now: Time) {
        self.bucket.take(now);
    }

    /// A task that was taken did not go.
    pub(crate) fn give_back(&mut self) {
        self.bucket.give_back();
    }
}

/// How often something happened in the last 30 s.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rate {
    /// When it happened first; zero for never.
    first: Time,
    /// The beginning of the newest bucket.
    bucket: Time,
    /// The newest first.
    counts: [u32; BUCKETS],
}

impl Rate {
    /// It happens now.
    pub(crate) fn count(&mut self, now: Time) {
        if self.first == Time::ZERO {
            (self.first, self.bucket) = (now, now);
        }
        self.turn(now);
        self.counts[0] = self.counts[0].saturating_add(1);
    }

    /// Times per second, over the window or since it happened first, whichever is shorter.
    pub(crate) fn per_second(&mut self, now: Time) -> f32 {
        self.turn(now);
        let counted = (now.since(self.bucket) + WINDOW).min(now.since(self.first));
        if counted.is_zero() {
            return 0.0;
        }
        let total: f64 = self.counts.iter().map(|count| f64::from(*count)).sum();
        (total / counted.as_secs_f64()) as f32
    }

    /// Lets go of the buckets that are too old.
    fn turn(&mut self, now: Time) {
        let steps = now.since(self.bucket).as_nanos() / BUCKET.as_nanos();
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        let gone = usize::try_from(steps).map_or(BUCKETS, |steps| steps.min(BUCKETS));
        self.counts.rotate_right(gone % BUCKETS);
        self.counts[..gone].fill(0);
        self.bucket = self.bucket + BUCKET.saturating_mul(steps);
    }
}

/// How fast tasks of one priority came and went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    pub(crate) added: Rate,
    pub(crate) dispatched: Rate,
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time(1_000_000_000_000);

    fn at(millis: u64) -> Time {
        START + Duration::from_millis(millis)
    }

    /// The times, in milliseconds from the start, at which tasks go that all wait from the start on.
    fn departures(limit: &mut RateLimit, from: u64, tasks: usize) -> Vec<u64> {
        let mut now = at(from);
        let mut gone = Vec::new();
        for _ in 0..tasks {
            now = now.max(limit.ready());
            limit.take(now);
            gone.push(u64::try_from(now.since(START).as_millis()).unwrap());
        }
        gone
    }

    #[test]
    fn a_seconds_worth_goes_at_once_and_the_rest_evenly() {
        let mut limit = RateLimit::default();
        limit.set(Some(4.0), START);
        assert_eq!(departures(&mut limit, 0, 8), [0, 0, 0, 0, 0, 250, 500, 750]);
        // The next was free to go at 1,000, so 250 ms are saved up, which is one task's worth.
        assert_eq!(departures(&mut limit, 1_250, 4), [1_250, 1_250, 1_500, 1_750]);
    }

    #[test]
    fn less_than_one_a_second_is_a_limit_too() {
        let mut limit = RateLimit::default();
        limit.set(Some(0.5), START);
        assert_eq!(departures(&mut limit, 0, 3), [0, 1_000, 3_000]);
    }

    #[test]
    fn zero_stops_the_queue_until_another_limit_is_set() {
        let mut limit = RateLimit::default();
        for stopped in [0.0, -1.0, f64::NAN] {
            limit.set(Some(stopped), START);
            assert_eq!(limit.ready(), Time::MAX, "{stopped}");
        }
        limit.set(Some(2.0), at(0));
        assert_eq!(limit.ready(), at(1_500));
        limit.set(None, at(0));
        assert!(limit.ready() <= at(0));
        limit.take(at(0));
        assert!(limit.ready() <= at(0));
    }

    #[test]
    fn what_did_not_go_is_not_counted() {
        let mut limit = RateLimit::default();
        limit.set(Some(1.0), START);
        departures(&mut limit, 0, 3);
        let ready = limit.ready();
        limit.take(ready);
        limit.give_back();
        assert_eq!(limit.ready(), ready);
    }

    #[test]
    fn a_rate_is_of_the_last_half_minute() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(at(0)), 0.0);
        for second in 0..10 {
            rate.count(at(second * 1_000));
            rate.count(at(second * 1_000));
        }
        assert_eq!(rate.per_second(at(10_000)), 2.0);
        assert_eq!(rate.per_second(at(30_000)), 20.0 / 30.0);
        // The first five seconds are out of sight.
        assert_eq!(rate.per_second(at(35_000)), 10.0 / 30.0);
        assert_eq!(rate.per_second(at(10_000_000)), 0.0);
        rate.count(at(10_000_000));
        assert!(rate.per_second(at(10_000_500)) > 0.0);
    }
}
