//! The form that values of a request must have, whoever asks: durations, priorities, retry policies and task queues.
//!
//! What can be filled in or cut is. Errors are fragments: who asks puts the name of the field or of the request before
//! them. Source of the rules and texts: the reference server's validation of requests and worker commands.

use prost_types::Duration;
use proto::temporal::api::{
    common::v1::{Priority, RetryPolicy as ProtoRetryPolicy},
    enums::v1::{TaskQueueKind, TimeoutType},
    taskqueue::v1::TaskQueue,
};

use crate::{fill_retry_policy, from_proto_duration};

/// The longest duration that is kept, in seconds: 100 years of 365 days.
const LONGEST: i64 = 100 * 365 * 24 * 3_600;
/// Names of partitions begin with it, so no queue's name may.
const RESERVED_QUEUE_PREFIX: &str = "/_sys/";
/// Queues of the server's own workers in each namespace begin with it.
const INTERNAL_QUEUE_PREFIX: &str = "temporal-sys-per-ns-";
/// One more queue of the server's own.
const INTERNAL_QUEUE: &str = "temporal-sys-worker-controller-per-ns-tq";
/// Bytes of a fairness key.
const FAIRNESS_KEY_LENGTH: usize = 64;
/// How a retry policy names a timeout that shall not be retried.
const TIMEOUT_PREFIX: &str = "TemporalTimeout:";

/// Cuts a duration that is too long to the longest that is kept.
///
/// # Errors
/// It is negative.
pub fn duration(given: &mut Option<Duration>) -> Result<(), &'static str> {
    let Some(span) = given else { return Ok(()) };
    if (span.seconds > 0 && span.nanos < 0) || (span.seconds < 0 && span.nanos > 0) {
        return Err("duration has seconds and nanos with different signs");
    }
    if span.seconds < 0 || span.nanos < 0 {
        return Err("negative duration");
    }
    let whole = span.seconds.saturating_add(i64::from(span.nanos / 1_000_000_000));
    if whole > LONGEST || (whole == LONGEST && span.nanos % 1_000_000_000 > 0) {
        *span = Duration { seconds: LONGEST, nanos: 0 };
    }
    Ok(())
}

/// # Errors
/// A part of it is out of range.
pub fn priority(priority: Option<&Priority>) -> Result<(), &'static str> {
    let Some(priority) = priority else { return Ok(()) };
    if priority.priority_key < 0 {
        Err("priority key can't be negative")
    } else if priority.fairness_key.len() > FAIRNESS_KEY_LENGTH {
        Err("fairness key length exceeds limit")
    } else if priority.fairness_weight < 0.0 {
        Err("must be greater than zero")
    } else {
        Ok(())
    }
}

/// Fills in what a retry policy leaves out.
///
/// # Errors
/// It could never be meant. Of a policy that allows for one attempt nothing else is looked at.
pub fn retry_policy(given: &mut ProtoRetryPolicy) -> Result<(), String> {
    fill_retry_policy(given);
    if given.maximum_attempts == 1 {
        return Ok(());
    }
    let invalid = |field: &str, text: &str| format!("invalid {field} set on retry policy: {text}");
    duration(&mut given.initial_interval).map_err(|text| invalid("InitialInterval", text))?;
    if given.backoff_coefficient < 1.0 {
        return Err("BackoffCoefficient cannot be less than 1 on retry policy.".into());
    }
    duration(&mut given.maximum_interval).map_err(|text| invalid("MaximumInterval", text))?;
    let maximum = from_proto_duration(given.maximum_interval.as_ref());
    if !maximum.is_zero() && maximum < from_proto_duration(given.initial_interval.as_ref()) {
        return Err("MaximumInterval cannot be less than InitialInterval on retry policy.".into());
    }
    if given.maximum_attempts < 0 {
        return Err("MaximumAttempts cannot be negative on retry policy.".into());
    }
    let mut timeouts = given.non_retryable_error_types.iter().filter_map(|kind| kind.strip_prefix(TIMEOUT_PREFIX));
    match timeouts.find(|kind| !is_timeout_type(kind)) {
        Some(kind) => Err(format!("Invalid timeout type value: {kind}.")),
        None => Ok(()),
    }
}

/// A timeout type by either of its names: `StartToClose` or `TIMEOUT_TYPE_START_TO_CLOSE`.
fn is_timeout_type(name: &str) -> bool {
    const SHORT: [&str; 4] = ["StartToClose", "ScheduleToStart", "ScheduleToClose", "Heartbeat"];
    SHORT.contains(&name) || TimeoutType::from_str_name(name).is_some_and(|kind| kind != TimeoutType::Unspecified)
}

/// Fills in the kind of a queue that a call is about. `limit` is the longest name in bytes.
///
/// # Errors
/// The name is missing, too long, or one of a partition.
pub fn task_queue(queue: &mut TaskQueue, limit: usize) -> Result<(), String> {
    fill_task_queue(queue, "");
    task_queue_name(&queue.name, limit)?;
    if queue.name.starts_with(RESERVED_QUEUE_PREFIX) {
        return Err(format!("task queue name cannot start with reserved prefix {RESERVED_QUEUE_PREFIX}"));
    }
    normal_name(queue, limit)
}

/// The same where a partition may be named as well.
///
/// # Errors
/// The name is missing or too long.
pub fn task_queue_partition(queue: &mut TaskQueue, limit: usize) -> Result<(), String> {
    fill_task_queue(queue, "");
    task_queue_name(&queue.name, limit)?;
    normal_name(queue, limit)
}

/// Fills in the kind and, where it has none, the name of a queue that work is to be put on.
///
/// `parent` is the queue of the workflow that names it, empty where a client does; an empty `default` means that the
/// name must be given.
///
/// # Errors
/// As of `task_queue`, or the queue is one of the server's own.
pub fn user_task_queue(queue: &mut TaskQueue, default: &str, parent: &str, limit: usize) -> Result<(), String> {
    fill_task_queue(queue, default);
    task_queue(queue, limit)?;
    let internal = |name: &str| name.starts_with(INTERNAL_QUEUE_PREFIX) || name == INTERNAL_QUEUE;
    if internal(&queue.name) && !internal(parent) {
        let mut text = format!("cannot use internal per-namespace task queue:{}", queue.name);
        if !parent.is_empty() {
            text.push_str(&format!(" (in parent component task queue: {parent})"));
        }
        return Err(text);
    }
    Ok(())
}

fn fill_task_queue(queue: &mut TaskQueue, default: &str) {
    if queue.kind() == TaskQueueKind::Unspecified {
        queue.set_kind(TaskQueueKind::Normal);
    }
    if queue.name.is_empty() {
        default.clone_into(&mut queue.name);
    }
}

fn task_queue_name(name: &str, limit: usize) -> Result<(), String> {
    if name.is_empty() {
        return Err("missing task queue name".into());
    }
    if name.len() > limit {
        return Err("taskQueue length exceeds limit".into());
    }
    Ok(())
}

/// Of a worker's own queue: the name of the common one beside it, which may be a partition's.
fn normal_name(queue: &TaskQueue, limit: usize) -> Result<(), String> {
    if queue.kind() == TaskQueueKind::Sticky && !queue.normal_name.is_empty() {
        return task_queue_name(&queue.normal_name, limit);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_not_negative_and_at_most_a_hundred_years() {
        let rows = [
            ((-1, 0), Err("negative duration")),
            ((0, -1), Err("negative duration")),
            ((1, -1), Err("duration has seconds and nanos with different signs")),
            ((-1, 1), Err("duration has seconds and nanos with different signs")),
            ((5, 6), Ok((5, 6))),
            ((LONGEST, 0), Ok((LONGEST, 0))),
            ((LONGEST, 1), Ok((LONGEST, 0))),
            ((i64::MAX, i32::MAX), Ok((LONGEST, 0))),
        ];
        for ((seconds, nanos), expected) in rows {
            let mut span = Some(Duration { seconds, nanos });
            let checked = duration(&mut span).map(|()| span.map_or((0, 0), |span| (span.seconds, span.nanos)));
            assert_eq!(checked, expected, "{seconds} s {nanos} ns");
        }
        assert_eq!(duration(&mut None), Ok(()));
    }

    fn seconds(seconds: i64) -> Option<Duration> {
        Some(Duration { seconds, nanos: 0 })
    }

    #[test]
    fn policies_are_refused_as_on_the_reference() {
        let policy = ProtoRetryPolicy::default;
        let rows = [
            (
                ProtoRetryPolicy { initial_interval: seconds(-1), ..policy() },
                "invalid InitialInterval set on retry policy: negative duration",
            ),
            (
                ProtoRetryPolicy { backoff_coefficient: 0.5, ..policy() },
                "BackoffCoefficient cannot be less than 1 on retry policy.",
            ),
            (
                ProtoRetryPolicy { maximum_interval: seconds(-1), ..policy() },
                "invalid MaximumInterval set on retry policy: negative duration",
            ),
            (
                ProtoRetryPolicy { initial_interval: seconds(5), maximum_interval: seconds(1), ..policy() },
                "MaximumInterval cannot be less than InitialInterval on retry policy.",
            ),
            (
                ProtoRetryPolicy { maximum_attempts: -1, ..policy() },
                "MaximumAttempts cannot be negative on retry policy.",
            ),
            (
                ProtoRetryPolicy { non_retryable_error_types: vec!["TemporalTimeout:Foo".into()], ..policy() },
                "Invalid timeout type value: Foo.",
            ),
        ];
        for (mut given, text) in rows {
            assert_eq!(retry_policy(&mut given), Err(text.into()));
        }
    }

    #[test]
    fn a_policy_gets_the_defaults_of_what_it_leaves_out() {
        let mut policy = ProtoRetryPolicy::default();
        assert_eq!(retry_policy(&mut policy), Ok(()));
        assert_eq!((policy.initial_interval, policy.maximum_interval), (seconds(1), seconds(100)));
        assert_eq!(policy.backoff_coefficient, 2.0);
    }

    #[test]
    fn the_longest_interval_follows_from_the_first_one_also_where_that_is_negative() {
        let rows = [((-1, 0), (-100, 0)), ((0, -20_000_000), (-2, 0)), ((0, 15_500_000), (1, 550_000_000))];
        for ((seconds, nanos), (longest_seconds, longest_nanos)) in rows {
            let initial_interval = Some(Duration { seconds, nanos });
            let mut policy = ProtoRetryPolicy { initial_interval, maximum_attempts: 1, ..Default::default() };
            assert_eq!(retry_policy(&mut policy), Ok(()));
            assert_eq!(policy.initial_interval, initial_interval);
            let longest = Some(Duration { seconds: longest_seconds, nanos: longest_nanos });
            assert_eq!(policy.maximum_interval, longest);
        }
    }

    #[test]
    fn a_policy_with_one_attempt_may_say_anything_else() {
        let mut policy = ProtoRetryPolicy { maximum_attempts: 1, backoff_coefficient: 0.1, ..Default::default() };
        assert_eq!(retry_policy(&mut policy), Ok(()));
        policy.maximum_attempts = 2;
        assert!(retry_policy(&mut policy).is_err());
    }

    #[test]
    fn priorities_are_in_range() {
        let check = |priority_key, fairness_key: &str, fairness_weight| {
            priority(Some(&Priority { priority_key, fairness_key: fairness_key.into(), fairness_weight }))
        };
        assert_eq!(check(6, "", 0.0), Ok(()));
        assert_eq!(check(-1, "", 0.0), Err("priority key can't be negative"));
        assert_eq!(check(0, &"x".repeat(65), 0.0), Err("fairness key length exceeds limit"));
        assert_eq!(check(0, "", -1.0), Err("must be greater than zero"));
    }

    #[test]
    fn queue_names_are_there_and_short_and_only_partitions_have_the_reserved_ones() {
        let long = "q".repeat(41);
        let reserved = Err("task queue name cannot start with reserved prefix /_sys/".to_owned());
        let rows = [
            ("", Err("missing task queue name".to_owned()), Err("missing task queue name".to_owned())),
            (
                long.as_str(),
                Err("taskQueue length exceeds limit".to_owned()),
                Err("taskQueue length exceeds limit".to_owned()),
            ),
            ("/_sys/orders/1", reserved, Ok(TaskQueueKind::Normal)),
            ("temporal-sys-per-ns-tq", Ok(TaskQueueKind::Normal), Ok(TaskQueueKind::Normal)),
            ("orders", Ok(TaskQueueKind::Normal), Ok(TaskQueueKind::Normal)),
        ];
        for (name, whole, partition) in rows {
            let queue = || TaskQueue { name: name.into(), ..Default::default() };
            let (mut one, mut other) = (queue(), queue());
            assert_eq!(task_queue(&mut one, 40).map(|()| one.kind()), whole, "{name}");
            assert_eq!(task_queue_partition(&mut other, 40).map(|()| other.kind()), partition, "{name}");
        }
    }

    #[test]
    fn a_workers_own_queue_stands_beside_one_with_a_short_name() {
        let checked = |normal_name: &str| {
            let mut queue = TaskQueue { name: "own".into(), normal_name: normal_name.into(), ..Default::default() };
            queue.set_kind(TaskQueueKind::Sticky);
            task_queue(&mut queue, 40)
        };
        assert_eq!(checked(""), Ok(()));
        assert_eq!(checked("/_sys/orders/1"), Ok(()));
        assert_eq!(checked(&"q".repeat(41)), Err("taskQueue length exceeds limit".into()));
    }

    #[test]
    fn only_the_servers_own_workflows_name_its_own_queues() {
        let checked = |name: &str, parent: &str| {
            let mut queue = TaskQueue { name: name.into(), ..Default::default() };
            user_task_queue(&mut queue, "own", parent, 40).map(|()| queue.name)
        };
        assert_eq!(checked("", "q"), Ok("own".into()));
        assert!(checked("temporal-sys-per-ns-tq", "q").is_err());
        assert!(checked("temporal-sys-per-ns-tq", "").is_err());
        assert!(checked("temporal-sys-per-ns-tq", "temporal-sys-per-ns-tq").is_ok());
        assert!(checked("/_sys/q", "q").is_err());
        assert!(checked(&"q".repeat(41), "q").is_err());
    }
}
