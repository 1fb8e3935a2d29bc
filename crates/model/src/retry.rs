//! Retry policies of activities and workflows: defaults and the next attempt.
//!
//! Source of the rules and texts: the reference server's retry policy validation and back-off.

use std::time::Duration;

use prost_types::Duration as ProtoDuration;
use proto::temporal::api::common::v1::RetryPolicy as ProtoRetryPolicy;

use crate::{Time, from_proto_duration};

/// What is waited after the first attempt where a policy doesn't say.
const DEFAULT_INITIAL_INTERVAL: ProtoDuration = ProtoDuration { seconds: 1, nanos: 0 };

/// A retry policy with every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    pub initial_interval: Duration,
    /// At least 1.
    pub backoff_coefficient: f64,
    /// Zero means no cap.
    pub maximum_interval: Duration,
    /// Zero means unlimited; one means no retry.
    pub maximum_attempts: i32,
    pub non_retryable_error_types: Vec<String>,
}

/// What a retry policy says of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryVerdict {
    /// Attempt again after this wait.
    After(Duration),
    /// The policy's attempts are used up.
    MaximumAttemptsReached,
    /// The next attempt would start after the expiration.
    Timeout,
    /// The failure is of a type that the policy does not retry, or there is no policy.
    NonRetryable,
}

/// The default of the longest interval, in initial intervals.
const MAXIMUM_INTERVAL_COEFFICIENT: i32 = 100;

/// Fills in what a policy leaves out or sets to zero: 1 s initial, coefficient 2, maximum 100 × initial, unlimited attempts. A
/// negative interval stays as it is and counts as given, so a maximum that follows from it is negative too: a policy with one
/// attempt may hold one, and is shown as it was made.
pub fn fill_retry_policy(policy: &mut ProtoRetryPolicy) {
    let is_absent = |span: &ProtoDuration| span.seconds == 0 && span.nanos == 0;
    let initial = policy.initial_interval.filter(|span| !is_absent(span)).unwrap_or(DEFAULT_INITIAL_INTERVAL);
    policy.initial_interval = Some(initial);
    if policy.maximum_interval.is_none_or(|span| is_absent(&span)) {
        policy.maximum_interval = Some(times(initial, MAXIMUM_INTERVAL_COEFFICIENT));
    }
    if policy.backoff_coefficient == 0.0 {
        policy.backoff_coefficient = 2.0;
    }
}

/// The product, at most what a duration holds.
fn times(span: ProtoDuration, factor: i32) -> ProtoDuration {
    const NANOS: i64 = 1_000_000_000;
    let nanos = i64::from(span.nanos) * i64::from(factor);
    let seconds = span.seconds.saturating_mul(i64::from(factor)).saturating_add(nanos / NANOS);
    ProtoDuration { seconds, nanos: i32::try_from(nanos % NANOS).unwrap_or(0) }
}

impl RetryPolicy {
    /// The policy to go by, with what [`fill_retry_policy`] fills in. A negative interval is one of no time.
    pub fn with_defaults(policy: &ProtoRetryPolicy) -> Self {
        let mut policy = policy.clone();
        fill_retry_policy(&mut policy);
        Self {
            initial_interval: from_proto_duration(policy.initial_interval.as_ref()),
            backoff_coefficient: policy.backoff_coefficient,
            maximum_interval: from_proto_duration(policy.maximum_interval.as_ref()),
            maximum_attempts: policy.maximum_attempts,
            non_retryable_error_types: policy.non_retryable_error_types,
        }
    }

    /// What follows on the failure of attempt number `attempt` (from one) at `now`.
    ///
    /// `failure_type` is the application failure's type (or the timeout's name) that the policy's list is compared with;
    /// `requested` is the failure's own next delay, which wins over the computed one.
    pub fn next(
        &self,
        attempt: i32,
        now: Time,
        expiration: Option<Time>,
        failure_type: Option<&str>,
        requested: Option<Duration>,
    ) -> RetryVerdict {
        if failure_type.is_some_and(|kind| self.non_retryable_error_types.iter().any(|listed| listed == kind)) {
            return RetryVerdict::NonRetryable;
        }
        if self.maximum_attempts != 0 && attempt >= self.maximum_attempts {
            return RetryVerdict::MaximumAttemptsReached;
        }
        let wait = requested.unwrap_or_else(|| self.interval(attempt));
        if expiration.is_some_and(|expiration| now + wait > expiration) {
            return RetryVerdict::Timeout;
        }
        RetryVerdict::After(wait)
    }

    /// The wait after attempt number `attempt`, capped by the maximum interval.
    fn interval(&self, attempt: i32) -> Duration {
        let seconds = self.initial_interval.as_secs_f64() * self.backoff_coefficient.powi(attempt.max(1) - 1);
        // An overflowing wait is the longest there is; without a cap the reference falls back to the maximum too.
        let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        if self.maximum_interval.is_zero() { wait } else { wait.min(self.maximum_interval) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let policy = RetryPolicy::with_defaults(&ProtoRetryPolicy {
            maximum_interval: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
            ..Default::default()
        });
        let waits: Vec<_> = (1..=4).map(|attempt| policy.next(attempt, Time(1), None, None, None)).collect();
        let after = |seconds| RetryVerdict::After(Duration::from_secs(seconds));
        assert_eq!(waits, [after(1), after(2), after(4), after(5)]);
    }

    #[test]
    fn limits_stop_a_retry() {
        let policy = RetryPolicy::with_defaults(&ProtoRetryPolicy {
            maximum_attempts: 2,
            non_retryable_error_types: vec!["Bad".into()],
            ..Default::default()
        });
        assert_eq!(policy.next(2, Time(1), None, None, None), RetryVerdict::MaximumAttemptsReached);
        assert_eq!(policy.next(1, Time(1), None, Some("Bad"), None), RetryVerdict::NonRetryable);
        assert_eq!(policy.next(1, Time(1), Some(Time(2)), None, None), RetryVerdict::Timeout);
        let own = Some(Duration::from_millis(3));
        assert_eq!(policy.next(1, Time(1), None, None, own), RetryVerdict::After(Duration::from_millis(3)));
    }
}
