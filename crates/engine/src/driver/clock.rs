//! The engine's clock: it goes on steadily while the machine's wall clock is set.
//!
//! It starts with the wall clock, but not before the last time that was committed, and goes on with a clock that is never
//! set and that counts while the machine sleeps. So a deadline is neither late by what the wall clock was set back nor early by
//! what it was set forward. From a wall clock that says something else it is steered back slowly, so that in the end both say
//! the same; it never goes backwards.

use std::{
    fmt, hint,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering, fence},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use model::Time;

/// The most that the clock goes faster or slower than time passes, in millionths: a timer is off by one part in a hundred
/// at most, a leap second is gone after two minutes, an hour after four days.
const MOST_STEER: i64 = 10_000;
/// How long it takes to steer by what is missing, if there is no bound: so that small differences end smoothly.
const STEER_PERIOD: Duration = Duration::from_secs(100);
const MILLION: i64 = 1_000_000;

/// The clocks of the machine that an engine runs on.
pub trait Clocks: Send + Sync + 'static {
    /// The wall clock, which may be set at any time.
    fn wall(&self) -> Time;

    /// How long it is since some moment. It is never set, and goes on while the machine sleeps.
    fn elapsed(&self) -> Duration;
}

/// The clocks of this machine.
pub(super) struct SystemClocks;

impl Clocks for SystemClocks {
    #[expect(clippy::disallowed_methods, reason = "the driver is where the clock comes in")]
    fn wall(&self) -> Time {
        Time::ZERO + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn elapsed(&self) -> Duration {
        let since = rustix::time::clock_gettime(STEADY);
        Duration::new(u64::try_from(since.tv_sec).unwrap_or(0), u32::try_from(since.tv_nsec).unwrap_or(0))
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const STEADY: rustix::time::ClockId = rustix::time::ClockId::Boottime;
/// Elsewhere this is the one that goes on while the machine sleeps, or the only one.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const STEADY: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

/// From one moment on: what the clock said, and how fast it goes.
#[derive(Clone, Copy)]
struct Segment {
    /// In nanoseconds of `Clocks::elapsed`.
    from: i64,
    /// What the clock said then.
    time: Time,
    /// Millionths by which it goes faster.
    steer: i64,
}

impl Segment {
    fn at(self, elapsed: i64) -> Time {
        let passed = elapsed.saturating_sub(self.from);
        // Divided first: what is lost is less than a nanosecond for each millionth.
        let steered = (passed / MILLION).saturating_mul(self.steer);
        Time(self.time.0.saturating_add(passed).saturating_add(steered))
    }
}

/// The clock of an engine.
pub(super) struct Clock {
    clocks: Arc<dyn Clocks>,
    segment: Shared,
    /// One steers at a time.
    steering: Mutex<()>,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Clock {
    /// A clock that says what the wall clock says, and at least `committed`.
    pub(super) fn new(clocks: Arc<dyn Clocks>, committed: Time) -> Self {
        let wall = clocks.wall();
        if wall < committed {
            tracing::warn!(
                wall = %wall.to_proto(), committed = %committed.to_proto(),
                "the machine's clock is behind the last time that was written: the engine goes on from there, and slowly \
                 back to it"
            );
        }
        let from = nanos(clocks.elapsed());
        let segment = Shared::new(Segment { from, time: wall.max(committed), steer: 0 });
        Self { clocks, segment, steering: Mutex::new(()) }
    }

    /// What it says. It costs one look at the steady clock.
    pub(super) fn now(&self) -> Time {
        // In this order: a segment that is newer than the look would be asked for what was before it.
        let segment = self.segment.get();
        segment.at(nanos(self.clocks.elapsed()))
    }

    /// What the machine's wall clock says.
    pub(super) fn wall(&self) -> Time {
        self.clocks.wall()
    }

    /// Looks how far the wall clock is, and goes towards it from now on. To be done now and then.
    pub(super) fn steer(&self) {
        let _one = self.steering.lock().unwrap_or_else(PoisonError::into_inner);
        let from = nanos(self.clocks.elapsed());
        let time = self.segment.get().at(from);
        let missing = self.clocks.wall().0.saturating_sub(time.0);
        let steer = missing / (nanos(STEER_PERIOD) / MILLION);
        self.segment.set(Segment { from, time, steer: steer.clamp(-MOST_STEER, MOST_STEER) });
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// A segment that is read by many threads at any time, without a lock, and seldom replaced (a sequence lock: who reads while
/// it is replaced reads again).
struct Shared {
    version: AtomicU64,
    from: AtomicI64,
    time: AtomicI64,
    steer: AtomicI64,
}

impl Shared {
    fn new(segment: Segment) -> Self {
        Self {
            version: AtomicU64::new(0),
            from: AtomicI64::new(segment.from),
            time: AtomicI64::new(segment.time.0),
            steer: AtomicI64::new(segment.steer),
        }
    }

    fn get(&self) -> Segment {
        loop {
            let before = self.version.load(Ordering::Acquire);
            let segment = Segment {
                from: self.from.load(Ordering::Relaxed),
                time: Time(self.time.load(Ordering::Relaxed)),
                steer: self.steer.load(Ordering::Relaxed),
            };
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == before {
                return segment;
            }
            hint::spin_loop();
        }
    }

    /// By one thread at a time.
    fn set(&self, segment: Segment) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        self.from.store(segment.from, Ordering::Relaxed);
        self.time.store(segment.time.0, Ordering::Relaxed);
        self.steer.store(segment.steer, Ordering::Relaxed);
        self.version.store(version + 2, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const HOUR: i64 = 3_600 * SECOND;
    /// When the tests begin.
    const NOON: i64 = 1_800_000_000 * SECOND;

    /// Clocks that the test sets.
    struct Set {
        wall: AtomicI64,
        elapsed: AtomicI64,
    }

    impl Clocks for Set {
        fn wall(&self) -> Time {
            Time(self.wall.load(Ordering::Relaxed))
        }

        fn elapsed(&self) -> Duration {
            Duration::from_nanos(self.elapsed.load(Ordering::Relaxed).try_into().unwrap())
        }
    }

    impl Set {
        fn new() -> Arc<Self> {
            Arc::new(Self { wall: AtomicI64::new(NOON), elapsed: AtomicI64::new(7 * SECOND) })
        }

        fn pass(&self, nanos: i64) {
            self.wall.fetch_add(nanos, Ordering::Relaxed);
            self.elapsed.fetch_add(nanos, Ordering::Relaxed);
        }

        fn step(&self, nanos: i64) {
            self.wall.fetch_add(nanos, Ordering::Relaxed);
        }
    }

    /// How long it is since noon by the clock, after so many seconds in which it was steered.
    fn after(clock: &Clock, clocks: &Set, seconds: i64) -> i64 {
        for _ in 0..seconds {
            clock.steer();
            let before = clock.now();
            clocks.pass(SECOND);
            assert!(clock.now() > before);
        }
        clock.now().0 - NOON
    }

    #[test]
    fn it_goes_with_the_wall_clock_as_long_as_that_is_not_set() {
        let clocks = Set::new();
        let clock = Clock::new(clocks.clone(), Time::ZERO);
        assert_eq!(after(&clock, &clocks, 100), 100 * SECOND);
        assert_eq!(clock.wall(), clock.now());
    }

    #[test]
    fn a_wall_clock_that_is_set_moves_no_deadline_by_more_than_a_hundredth() {
        for step in [HOUR, -HOUR] {
            let clocks = Set::new();
            let clock = Clock::new(clocks.clone(), Time::ZERO);
            clocks.step(step);
            let passed = after(&clock, &clocks, 600);
            assert_eq!(passed, 600 * SECOND + 6 * step.signum() * SECOND, "{step}");
            // Four days later both say the same, to the second.
            after(&clock, &clocks, 101 * 3_600);
            assert!((clock.now().0 - clock.wall().0).abs() < SECOND, "{:?}, {:?}", clock.now(), clock.wall());
        }
    }

    #[test]
    fn a_leap_second_is_gone_soon() {
        let clocks = Set::new();
        let clock = Clock::new(clocks.clone(), Time::ZERO);
        clocks.step(-SECOND);
        after(&clock, &clocks, 1_000);
        assert!((clock.now().0 - clock.wall().0).abs() < SECOND / 1_000);
    }

    #[test]
    fn time_in_which_the_machine_sleeps_has_passed() {
        let clocks = Set::new();
        let clock = Clock::new(clocks.clone(), Time::ZERO);
        clock.steer();
        clocks.pass(10 * HOUR);
        assert_eq!(clock.now().0 - NOON, 10 * HOUR);
    }

    #[test]
    fn it_never_starts_before_what_was_committed() {
        let clocks = Set::new();
        let committed = Time(NOON + HOUR);
        let clock = Clock::new(clocks.clone(), committed);
        assert_eq!(clock.now(), committed);
        // A timer of ten minutes that was started then is due in ten minutes, and not in seventy.
        let passed = after(&clock, &clocks, 600) - HOUR;
        assert_eq!(passed, 594 * SECOND);
        assert_eq!(Clock::new(clocks.clone(), Time(NOON)).now(), clocks.wall());
    }

    #[test]
    fn the_machines_clocks_go_on() {
        let (wall, elapsed) = (SystemClocks.wall(), SystemClocks.elapsed());
        assert!(wall.0 > SECOND * 1_600_000_000 && elapsed > Duration::ZERO);
        assert!(SystemClocks.wall() >= wall && SystemClocks.elapsed() >= elapsed);
    }

    #[test]
    fn a_segment_is_read_whole_or_not_at_all() {
        let shared = Shared::new(Segment { from: 0, time: Time(0), steer: 0 });
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..200_000 {
                        let segment = shared.get();
                        assert_eq!((segment.time.0, segment.steer), (segment.from, segment.from));
                    }
                });
            }
            for number in 1..200_000 {
                shared.set(Segment { from: number, time: Time(number), steer: number });
            }
        });
    }
}
