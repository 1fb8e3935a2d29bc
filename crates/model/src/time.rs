//! Points in time, and the conversions from and to the API's timestamps and durations.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use prost_types::Timestamp;

/// Nanoseconds since the Unix epoch, UTC. The zero value means "not set" wherever a record stores a plain number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub i64);

impl Time {
    pub const ZERO: Time = Time(0);
    /// The latest representable time; stands for "never".
    pub const MAX: Time = Time(i64::MAX);

    pub fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    pub fn as_millis(self) -> i64 {
        self.0 / 1_000_000
    }

    /// The duration from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `None` for the zero value.
    pub fn non_zero(self) -> Option<Time> {
        (self != Time::ZERO).then_some(self)
    }

    pub fn to_proto(self) -> Timestamp {
        Timestamp { seconds: self.0.div_euclid(1_000_000_000), nanos: self.0.rem_euclid(1_000_000_000) as i32 }
    }

    /// Saturates at the ends of the range (years 1677 and 2262).
    pub fn from_proto(timestamp: &Timestamp) -> Self {
        Self(timestamp.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(timestamp.nanos)))
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, span: Duration) -> Time {
        Time(self.0.saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;

    fn sub(self, span: Duration) -> Time {
        Time(self.0.saturating_sub(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0.div_euclid(1_000_000_000), self.0.rem_euclid(1_000_000_000))
    }
}

/// A duration of the API as a span: absent and negative ones are zero, which the API reads as "not set".
pub fn from_proto_duration(duration: Option<&prost_types::Duration>) -> Duration {
    let Some(duration) = duration else {
        return Duration::ZERO;
    };
    let nanos = i128::from(duration.seconds) * 1_000_000_000 + i128::from(duration.nanos);
    u64::try_from(nanos.max(0)).map_or(Duration::from_nanos(u64::MAX), Duration::from_nanos)
}

/// How long a failure wants its retry to wait; `None` where it doesn't say. A moment that has passed means at once, and so
/// does no time at all: what a worker sets is never read as "not set".
pub fn requested_delay(duration: Option<&prost_types::Duration>) -> Option<Duration> {
    duration.map(|delay| from_proto_duration(Some(delay)))
}

pub fn to_proto_duration(span: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: span.subsec_nanos() as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_survive_the_round_trip() {
        for nanos in [0, 1, -1, 1_700_000_000_123_456_789] {
            assert_eq!(Time::from_proto(&Time(nanos).to_proto()), Time(nanos));
        }
    }

    #[test]
    fn far_values_saturate() {
        assert_eq!(Time::from_proto(&Timestamp { seconds: i64::MAX, nanos: 0 }), Time::MAX);
        assert_eq!(Time(5) + Duration::MAX, Time::MAX);
        assert_eq!(from_proto_duration(Some(&prost_types::Duration { seconds: -5, nanos: 0 })), Duration::ZERO);
    }

    #[test]
    fn a_delay_that_is_asked_for_is_never_taken_for_none() {
        let delay = |seconds, nanos| requested_delay(Some(&prost_types::Duration { seconds, nanos }));
        assert_eq!(delay(-5, 0), Some(Duration::ZERO));
        assert_eq!(delay(0, 0), Some(Duration::ZERO));
        assert_eq!(delay(0, 1), Some(Duration::from_nanos(1)));
        assert_eq!(delay(i64::MAX, 0), Some(Duration::from_nanos(u64::MAX)));
        assert_eq!(requested_delay(None), None);
    }
}
