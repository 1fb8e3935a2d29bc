//! Whether a workflow's own retry policy starts another run after a failure.

use std::time::Duration;

use model::{RetryPolicy, RetryVerdict, Time, requested_delay};
use proto::temporal::api::{enums::v1::RetryState, failure::v1::Failure};

use crate::{
    Run,
    activity::retry::{application, is_retryable},
};

/// How long the next run waits; or why there is none.
pub(super) fn wait(run: &Run, failure: &Failure, now: Time) -> Result<Duration, RetryState> {
    let Some(policy) = &run.started().retry_policy else {
        return Err(RetryState::RetryPolicyNotSet);
    };
    let info = failure.failure_info.as_ref();
    is_retryable(info, &policy.non_retryable_error_types)?;
    let requested = requested_delay(application(info).and_then(|info| info.next_retry_delay.as_ref()));
    let expiration = Time(run.core.execution_expiration).non_zero();
    let policy = RetryPolicy::with_defaults(policy);
    // The failure's own delay is capped like a computed one.
    let requested = requested.map(|delay| delay.min(policy.maximum_interval));
    match policy.next(run.started().attempt, now, expiration, None, requested) {
        RetryVerdict::After(wait) => Ok(wait),
        RetryVerdict::MaximumAttemptsReached => Err(RetryState::MaximumAttemptsReached),
        RetryVerdict::Timeout => Err(RetryState::Timeout),
        RetryVerdict::NonRetryable => Err(RetryState::NonRetryableFailure),
    }
}
