//! A token bucket: how often something may happen, and how much of it at once after a rest. The clock is an argument.

use std::time::Duration;

use crate::Time;

/// A rate below this, per second, stands still: the wait for one token would not fit into a `Time`.
const STANDSTILL: f64 = 1e-9;

/// How far apart things may happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spacing {
    /// As often as they like.
    #[default]
    Free,
    /// In nanoseconds: one each `span`, and after a rest as many more at once as `saved` has room for.
    Every { span: i64, saved: i64 },
    /// Not at all.
    Never,
}

impl Spacing {
    /// So often in a second, and after a rest what would have come in `saved`, besides one.
    pub fn per_second(rate: f64, saved: Duration) -> Self {
        // Not a number is no rate.
        if rate.is_nan() || rate <= STANDSTILL {
            return Self::Never;
        }
        match nanos(Duration::from_secs_f64(1.0 / rate)) {
            0 => Self::Free,
            span => Self::Every { span, saved: nanos(saved) },
        }
    }

    /// So often in a second, and so many at once after a rest.
    pub fn with_burst(rate: f64, at_once: u32) -> Self {
        match (Self::per_second(rate, Duration::ZERO), at_once.checked_sub(1)) {
            (_, None) => Self::Never,
            (Self::Every { span, .. }, Some(more)) => Self::Every { span, saved: span.saturating_mul(more.into()) },
            (other @ (Self::Free | Self::Never), Some(_)) => other,
        }
    }

    fn room(self) -> i64 {
        match self {
            Self::Every { span, saved } => span.saturating_add(saved),
            Self::Free | Self::Never => 0,
        }
    }
}

/// A bucket. It holds time: one token is a `span` of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    spacing: Spacing,
    /// Nanoseconds that were saved up by `filled`; below zero where more was taken than there was.
    credit: i64,
    filled: Time,
}

impl Bucket {
    /// A bucket that nothing was taken from yet.
    pub fn full(spacing: Spacing) -> Self {
        Self { spacing, credit: spacing.room(), filled: Time::ZERO }
    }

    /// Sets the spacing from now on. A wait that an earlier, slower one brought about does not outlive it.
    pub fn set(&mut self, spacing: Spacing, now: Time) {
        let ready = self.ready();
        (self.spacing, self.filled, self.credit) = (spacing, now, 0);
        if let Spacing::Every { span, saved } = spacing {
            let wait = ready.0.saturating_sub(now.0).clamp(-saved, span.saturating_add(saved));
            self.credit = span - wait;
        }
    }

    /// When the next token is there, as far as is known by now; a time that is past means at once, `Time::MAX` never.
    pub fn ready(&self) -> Time {
        match self.spacing {
            Spacing::Free => Time::ZERO,
            Spacing::Every { span, .. } => Time(self.filled.0.saturating_add(span.saturating_sub(self.credit))),
            Spacing::Never => Time::MAX,
        }
    }

    /// Takes a token if there is one; or else says how long it will be until there is, `Duration::MAX` for never.
    ///
    /// # Errors
    /// The wait.
    pub fn try_take(&mut self, now: Time) -> Result<(), Duration> {
        match self.spacing {
            Spacing::Free => Ok(()),
            Spacing::Never => Err(Duration::MAX),
            Spacing::Every { span, .. } => {
                self.fill(now);
                if self.credit < span {
                    return Err(Duration::from_nanos(span.abs_diff(self.credit)));
                }
                self.credit -= span;
                Ok(())
            }
        }
    }

    /// Takes a token whether there is one or not: the next are the later for it.
    pub fn take(&mut self, now: Time) {
        self.fill(now);
        if let Spacing::Every { span, .. } = self.spacing {
            self.credit = self.credit.saturating_sub(span);
        }
    }

    /// Gives a token back that was taken in vain.
    pub fn give_back(&mut self) {
        if let Spacing::Every { span, .. } = self.spacing {
            self.credit = self.credit.saturating_add(span).min(self.spacing.room());
        }
    }

    /// Whether it rested long enough to be as good as new.
    pub fn is_full(&self, now: Time) -> bool {
        self.credit.saturating_add(nanos(now.since(self.filled))) >= self.spacing.room()
    }

    /// What has come since the last look. A clock that was set back brings nothing, and takes nothing.
    fn fill(&mut self, now: Time) {
        self.credit = self.credit.saturating_add(nanos(now.since(self.filled))).min(self.spacing.room());
        self.filled = now;
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time(1_000_000_000_000);

    fn at(millis: u64) -> Time {
        START + Duration::from_millis(millis)
    }

    /// How many of many that come at once may.
    fn spend(bucket: &mut Bucket, now: Time) -> usize {
        (0..10_000).take_while(|_| bucket.try_take(now).is_ok()).count()
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_with_time() {
        let mut bucket = Bucket::full(Spacing::with_burst(40.0, 80));
        assert_eq!(spend(&mut bucket, at(0)), 80);
        assert_eq!(bucket.try_take(at(0)), Err(Duration::from_millis(25)));
        assert_eq!(bucket.try_take(at(20)), Err(Duration::from_millis(5)));
        assert_eq!(spend(&mut bucket, at(25)), 1);
        assert_eq!(spend(&mut bucket, at(525)), 20);
        assert_eq!(spend(&mut bucket, at(100_000)), 80);
    }

    #[test]
    fn what_is_offered_beyond_the_rate_changes_nothing() {
        let mut bucket = Bucket::full(Spacing::with_burst(100.0, 1));
        let served =
            (0..100_000_u64).filter(|tenth| bucket.try_take(START + Duration::from_micros(tenth * 100)).is_ok());
        assert_eq!(served.count(), 1_000);
    }

    #[test]
    fn what_was_taken_without_asking_has_to_come_in_first() {
        let mut bucket = Bucket::full(Spacing::with_burst(10.0, 1));
        for _ in 0..5 {
            bucket.take(at(0));
        }
        assert_eq!(bucket.ready(), at(500));
        assert_eq!(bucket.try_take(at(499)), Err(Duration::from_millis(1)));
        assert_eq!(bucket.try_take(at(500)), Ok(()));
        bucket.give_back();
        assert_eq!(bucket.try_take(at(500)), Ok(()));
        assert!(!bucket.is_full(at(599)) && bucket.is_full(at(600)));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let mut bucket = Bucket::full(Spacing::with_burst(10.0, 10));
        assert_eq!(spend(&mut bucket, at(3_600_000)), 10);
        assert_eq!(bucket.try_take(at(0)), Err(Duration::from_millis(100)));
        assert_eq!(spend(&mut bucket, at(1_000)), 10);
    }

    #[test]
    fn no_rate_lets_nothing_through_and_a_boundless_one_all() {
        for none in [0.0, -1.0, f64::NAN, 1e-10] {
            let mut bucket = Bucket::full(Spacing::with_burst(none, 5));
            assert_eq!((bucket.try_take(at(0)), bucket.ready()), (Err(Duration::MAX), Time::MAX), "{none}");
        }
        assert_eq!(Spacing::with_burst(5.0, 0), Spacing::Never);
        assert_eq!(Spacing::with_burst(f64::INFINITY, 5), Spacing::Free);
        assert_eq!(spend(&mut Bucket::full(Spacing::with_burst(1e10, 1)), at(0)), 10_000);
    }

    #[test]
    fn a_wait_does_not_outlive_the_rate_that_brought_it_about() {
        let mut bucket = Bucket::full(Spacing::with_burst(0.001, 1));
        bucket.take(at(0));
        assert_eq!(bucket.ready(), at(1_000_000));
        bucket.set(Spacing::with_burst(10.0, 3), at(0));
        assert_eq!(bucket.ready(), at(300));
        bucket.set(Spacing::Never, at(0));
        bucket.set(Spacing::with_burst(10.0, 3), at(10));
        assert_eq!(bucket.ready(), at(310));
        bucket.set(Spacing::Free, at(10));
        assert!(bucket.try_take(at(10)).is_ok());
        bucket.set(Spacing::with_burst(10.0, 3), at(10));
        assert_eq!(spend(&mut bucket, at(10)), 3);
    }
}
