//! One rate with priorities: what matters less is refused first.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use model::{Bucket, Spacing, Time};

/// A bucket for each priority. A call needs a token of its own priority's bucket, and is taken off those of all lower ones
/// too, whether they have one or not: so a call passes if the calls that matter at least as much leave room for it.
#[derive(Debug)]
pub(super) struct Meter {
    buckets: Mutex<Box<[Bucket]>>,
}

impl Meter {
    /// `rate` calls in a second and `burst` at once after a rest, in so many `priorities`; the first of them has
    /// `operator_share` of the rate.
    pub(super) fn new(rate: f64, burst: u32, operator_share: f64, priorities: usize) -> Self {
        let bucket = |priority| {
            let rate = if priority == 0 { rate * operator_share } else { rate };
            Bucket::full(Spacing::with_burst(rate, burst))
        };
        Self { buckets: Mutex::new((0..priorities).map(bucket).collect()) }
    }

    /// Takes one call off.
    ///
    /// # Errors
    /// How long it is until there is room; nothing is taken then.
    pub(super) fn take(&self, priority: usize, now: Time) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((own, lower)) = buckets.get_mut(priority..).and_then(<[Bucket]>::split_first_mut) else {
            return Ok(());
        };
        own.try_take(now)?;
        lower.iter_mut().for_each(|bucket| bucket.take(now));
        Ok(())
    }

    /// How long it is until there is room for a call; `None` where there is some.
    pub(super) fn wait(&self, priority: usize, now: Time) -> Option<Duration> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        // On a copy: nothing is taken.
        buckets.get(priority).copied().and_then(|mut bucket| bucket.try_take(now).err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time(1_000_000_000_000);

    /// How many of `offered` calls pass.
    fn pass(meter: &Meter, priority: usize, offered: usize, now: Time) -> usize {
        (0..offered).filter(|_| meter.take(priority, now).is_ok()).count()
    }

    #[test]
    fn what_matters_less_gets_what_the_rest_leaves() {
        let meter = Meter::new(10.0, 20, 0.2, 6);
        assert_eq!(pass(&meter, 1, 15, START), 15);
        assert_eq!(pass(&meter, 4, 100, START), 5);
        assert_eq!(pass(&meter, 4, 100, START), 0);
        // Polls took nothing from what brings workflows on.
        assert_eq!(pass(&meter, 1, 100, START), 5);
        let later = START + Duration::from_secs(1);
        // The five that came after the polls have to come in first.
        assert_eq!(pass(&meter, 4, 100, later), 5);
        assert_eq!(pass(&meter, 1, 100, later), 10);
    }

    #[test]
    fn operators_have_a_share_that_others_do_not_use_up() {
        let meter = Meter::new(10.0, 20, 0.2, 2);
        assert_eq!(pass(&meter, 1, 1_000, START), 20);
        assert_eq!(pass(&meter, 0, 1_000, START), 20);
        let later = START + Duration::from_secs(1);
        assert_eq!(pass(&meter, 0, 1_000, later), 2);
    }

    #[test]
    fn a_refusal_takes_nothing_and_tells_the_wait() {
        let meter = Meter::new(4.0, 1, 0.2, 3);
        assert_eq!(meter.take(1, START), Ok(()));
        assert_eq!(meter.wait(1, START), Some(Duration::from_millis(250)));
        for _ in 0..100 {
            assert_eq!(meter.take(1, START), Err(Duration::from_millis(250)));
        }
        let soon = START + Duration::from_millis(250);
        assert_eq!(meter.wait(1, soon), None);
        assert_eq!(meter.take(2, soon), Ok(()));
    }
}
