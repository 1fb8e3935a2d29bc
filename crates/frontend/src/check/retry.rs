//! Retry policies of workflows.

use std::time::Duration;

use model::{Reject, from_proto_duration, to_proto_duration};
use proto::temporal::api::{common::v1::RetryPolicy, enums::v1::TimeoutType};

use super::duration;

/// How a policy names a timeout that shall not be retried.
const TIMEOUT_PREFIX: &str = "TemporalTimeout:";
const INITIAL_INTERVAL: Duration = Duration::from_secs(1);
const BACKOFF_COEFFICIENT: f64 = 2.0;
/// The longest wait where none is given, as a multiple of the first.
const MAXIMUM_FACTOR: u32 = 100;

/// Fills in the defaults and refuses what could never be meant.
pub(super) fn retry_policy(policy: &mut Option<RetryPolicy>) -> Result<(), Reject> {
    let Some(policy) = policy else { return Ok(()) };
    fill(policy);
    // A single attempt means no retry, so nothing else of the policy is looked at.
    if policy.maximum_attempts == 1 {
        return Ok(());
    }
    let wrong = |field: &'static str| {
        move |reason: &str| Reject::invalid(format!("invalid {field} set on retry policy: {reason}"))
    };
    duration(&mut policy.initial_interval).map_err(wrong("InitialInterval"))?;
    if policy.backoff_coefficient < 1.0 {
        return Err(Reject::invalid("BackoffCoefficient cannot be less than 1 on retry policy."));
    }
    duration(&mut policy.maximum_interval).map_err(wrong("MaximumInterval"))?;
    let maximum = from_proto_duration(policy.maximum_interval.as_ref());
    if !maximum.is_zero() && maximum < from_proto_duration(policy.initial_interval.as_ref()) {
        return Err(Reject::invalid("MaximumInterval cannot be less than InitialInterval on retry policy."));
    }
    if policy.maximum_attempts < 0 {
        return Err(Reject::invalid("MaximumAttempts cannot be negative on retry policy."));
    }
    for timeout in policy.non_retryable_error_types.iter().filter_map(|name| name.strip_prefix(TIMEOUT_PREFIX)) {
        if !is_timeout_type(timeout) {
            return Err(Reject::invalid(format!("Invalid timeout type value: {timeout}.")));
        }
    }
    Ok(())
}

fn fill(policy: &mut RetryPolicy) {
    let is_zero =
        |span: &Option<prost_types::Duration>| span.as_ref().is_none_or(|span| span.seconds == 0 && span.nanos == 0);
    if is_zero(&policy.initial_interval) {
        policy.initial_interval = Some(to_proto_duration(INITIAL_INTERVAL));
    }
    if is_zero(&policy.maximum_interval) {
        let initial = from_proto_duration(policy.initial_interval.as_ref());
        policy.maximum_interval = Some(to_proto_duration(initial.saturating_mul(MAXIMUM_FACTOR)));
    }
    if policy.backoff_coefficient == 0.0 {
        policy.backoff_coefficient = BACKOFF_COEFFICIENT;
    }
}

/// A timeout type by either of its names: `StartToClose` or `TIMEOUT_TYPE_START_TO_CLOSE`.
fn is_timeout_type(name: &str) -> bool {
    const SHORT: [&str; 4] = ["StartToClose", "ScheduleToStart", "ScheduleToClose", "Heartbeat"];
    SHORT.contains(&name) || TimeoutType::from_str_name(name).is_some_and(|kind| kind != TimeoutType::Unspecified)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: i64) -> Option<prost_types::Duration> {
        Some(prost_types::Duration { seconds, nanos: 0 })
    }

    #[test]
    fn policies_are_refused_as_on_the_reference() {
        let policy = RetryPolicy::default;
        let rows = [
            (
                RetryPolicy { initial_interval: seconds(-1), ..policy() },
                "invalid InitialInterval set on retry policy: negative duration",
            ),
            (
                RetryPolicy { backoff_coefficient: 0.5, ..policy() },
                "BackoffCoefficient cannot be less than 1 on retry policy.",
            ),
            (
                RetryPolicy { maximum_interval: seconds(-1), ..policy() },
                "invalid MaximumInterval set on retry policy: negative duration",
            ),
            (
                RetryPolicy { initial_interval: seconds(5), maximum_interval: seconds(1), ..policy() },
                "MaximumInterval cannot be less than InitialInterval on retry policy.",
            ),
            (RetryPolicy { maximum_attempts: -1, ..policy() }, "MaximumAttempts cannot be negative on retry policy."),
            (
                RetryPolicy { non_retryable_error_types: vec!["TemporalTimeout:Foo".into()], ..policy() },
                "Invalid timeout type value: Foo.",
            ),
        ];
        for (given, text) in rows {
            assert_eq!(retry_policy(&mut Some(given)).unwrap_err().message, text);
        }
    }

    #[test]
    fn defaults_are_filled_in() {
        let mut policy = Some(RetryPolicy::default());
        retry_policy(&mut policy).unwrap();
        let policy = policy.unwrap();
        assert_eq!((policy.initial_interval, policy.maximum_interval), (seconds(1), seconds(100)));
        assert_eq!(policy.backoff_coefficient, 2.0);
        let single = RetryPolicy { maximum_attempts: 1, initial_interval: seconds(-1), ..Default::default() };
        assert_eq!(retry_policy(&mut Some(single)), Ok(()));
    }
}
