//! The checks that several commands share, and the defaults that they fill in.
//!
//! Source of the rules and texts: the reference server's command attribute validation. A text is a fragment here; the
//! command that asks puts the name of its field before it.

use std::time::Duration;

use model::{Kind, NamespaceId, Reject, RetryPolicy, from_proto_duration};
use proto::temporal::api::{
    common::v1::{Priority, RetryPolicy as ProtoRetryPolicy},
    enums::v1::{TaskQueueKind, TimeoutType},
    taskqueue::v1::TaskQueue,
};

use crate::Draft;

/// The longest duration that is kept; longer ones are cut to it. In seconds: 100 years of 365 days.
const LONGEST: i64 = 100 * 365 * 24 * 3_600;
/// Names of partitions begin with it, so no queue's name may.
const RESERVED_QUEUE_PREFIX: &str = "/_sys/";
/// Queues of the server's own workers in each namespace begin with it.
const INTERNAL_QUEUE_PREFIX: &str = "temporal-sys-per-ns-";
/// One more queue of the server's own.
const INTERNAL_QUEUE: &str = "temporal-sys-worker-controller-per-ns-tq";
const FAIRNESS_KEY_LENGTH: usize = 64;
/// How a retry policy names a timeout that shall not be retried.
pub(crate) const TIMEOUT_TYPE_PREFIX: &str = "TemporalTimeout:";

/// Refuses a negative duration and cuts one that is too long.
pub(super) fn duration(given: &mut Option<prost_types::Duration>) -> Result<(), &'static str> {
    let Some(span) = given else { return Ok(()) };
    if (span.seconds > 0 && span.nanos < 0) || (span.seconds < 0 && span.nanos > 0) {
        return Err("duration has seconds and nanos with different signs");
    }
    if span.seconds < 0 || span.nanos < 0 {
        return Err("negative duration");
    }
    let whole = span.seconds.saturating_add(i64::from(span.nanos / 1_000_000_000));
    if whole > LONGEST || (whole == LONGEST && span.nanos % 1_000_000_000 > 0) {
        *span = prost_types::Duration {
            seconds: LONGEST,
            nanos: 0,
        };
    }
    Ok(())
}

/// Zero where it is absent.
pub(super) fn span(given: &Option<prost_types::Duration>) -> Duration {
    from_proto_duration(given.as_ref())
}

/// Fills in the queue's kind and, where it has none, its name.
///
/// `own` is the run's own queue; an empty `default` means that the name must be given.
pub(super) fn task_queue(queue: &mut TaskQueue, default: &str, own: &str, limit: usize) -> Result<(), String> {
    if queue.kind() == TaskQueueKind::Unspecified {
        queue.set_kind(TaskQueueKind::Normal);
    }
    if queue.name.is_empty() {
        if default.is_empty() {
            return Err("missing task queue name".into());
        }
        default.clone_into(&mut queue.name);
    }
    if queue.name.len() > limit || (queue.kind() == TaskQueueKind::Sticky && queue.normal_name.len() > limit) {
        return Err("taskQueue length exceeds limit".into());
    }
    if queue.name.starts_with(RESERVED_QUEUE_PREFIX) {
        return Err(format!(
            "task queue name cannot start with reserved prefix {RESERVED_QUEUE_PREFIX}"
        ));
    }
    let internal = |name: &str| name.starts_with(INTERNAL_QUEUE_PREFIX) || name == INTERNAL_QUEUE;
    if internal(&queue.name) && !internal(own) {
        let mut text = format!("cannot use internal per-namespace task queue:{}", queue.name);
        if !own.is_empty() {
            text.push_str(&format!(" (in parent component task queue: {own})"));
        }
        return Err(text);
    }
    Ok(())
}

/// A task queue as it stands at the end of a text: in the reference's text format, two spaces between fields.
pub(super) fn queue_text(queue: &TaskQueue) -> String {
    let mut fields = Vec::new();
    if !queue.name.is_empty() {
        fields.push(format!("name:{:?}", queue.name));
    }
    fields.push(format!("kind:{}", queue.kind().as_str_name()));
    if !queue.normal_name.is_empty() {
        fields.push(format!("normal_name:{:?}", queue.normal_name));
    }
    fields.join("  ")
}

pub(super) fn priority(priority: Option<&Priority>) -> Result<(), &'static str> {
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

/// Fills in what a retry policy leaves out, then checks it.
pub(super) fn retry_policy(given: &mut ProtoRetryPolicy) -> Result<(), String> {
    fill_retry_policy(given);
    if given.maximum_attempts == 1 {
        // One attempt means no retry, so nothing else of the policy is looked at.
        return Ok(());
    }
    let invalid = |field: &str, text: &str| format!("invalid {field} set on retry policy: {text}");
    duration(&mut given.initial_interval).map_err(|text| invalid("InitialInterval", text))?;
    if given.backoff_coefficient < 1.0 {
        return Err("BackoffCoefficient cannot be less than 1 on retry policy.".into());
    }
    duration(&mut given.maximum_interval).map_err(|text| invalid("MaximumInterval", text))?;
    let maximum = span(&given.maximum_interval);
    if !maximum.is_zero() && maximum < span(&given.initial_interval) {
        return Err("MaximumInterval cannot be less than InitialInterval on retry policy.".into());
    }
    if given.maximum_attempts < 0 {
        return Err("MaximumAttempts cannot be negative on retry policy.".into());
    }
    for kind in given
        .non_retryable_error_types
        .iter()
        .filter_map(|kind| kind.strip_prefix(TIMEOUT_TYPE_PREFIX))
    {
        if !is_timeout_type(kind) {
            return Err(format!("Invalid timeout type value: {kind}."));
        }
    }
    Ok(())
}

/// Only a field that is zero gets its default; a negative one stays, to be refused.
fn fill_retry_policy(given: &mut ProtoRetryPolicy) {
    let is_zero = |span: &Option<prost_types::Duration>| span.is_none_or(|span| span.seconds == 0 && span.nanos == 0);
    let defaults = RetryPolicy::with_defaults(given).to_proto();
    if is_zero(&given.initial_interval) {
        given.initial_interval = defaults.initial_interval;
    }
    if is_zero(&given.maximum_interval) {
        given.maximum_interval = defaults.maximum_interval;
    }
    if given.backoff_coefficient == 0.0 {
        given.backoff_coefficient = defaults.backoff_coefficient;
    }
}

/// Whether `name` is a timeout type, in either of the API's spellings.
fn is_timeout_type(name: &str) -> bool {
    [
        TimeoutType::StartToClose,
        TimeoutType::ScheduleToStart,
        TimeoutType::ScheduleToClose,
        TimeoutType::Heartbeat,
    ]
    .iter()
    .any(|kind| kind.as_str_name() == name || crate::names::pascal(kind.as_str_name(), "TIMEOUT_TYPE_") == name)
}

/// A child's or successor's run timeout: never longer than its execution timeout. Zero is none.
pub(super) fn run_timeout(run: Duration, execution: Duration) -> Duration {
    match (run.is_zero(), execution.is_zero()) {
        (true | false, true) => run,
        (true, false) => execution,
        (false, false) => run.min(execution),
    }
}

/// A child's or successor's workflow task timeout: never longer than its run timeout.
pub(super) fn workflow_task_timeout(task: Duration, run: Duration, limits: &model::Limits) -> Duration {
    let task = if task.is_zero() {
        limits.workflow_task_timeout
    } else {
        task
    };
    let task = task.min(limits.workflow_task_timeout_max);
    if run.is_zero() { task } else { task.min(run) }
}

/// Whether the text has the shape of a UUID, which the id of a run must have.
pub(super) fn is_run_id(text: &str) -> bool {
    text.parse::<model::RunId>().is_ok()
}

/// The id of the namespace that a command names; empty means the run's own.
///
/// # Errors
/// The worker's call is refused when there is no such namespace.
pub(super) fn namespace(draft: &Draft, name: &str) -> Result<NamespaceId, Reject> {
    draft.facts.namespace_id(name).ok_or_else(|| {
        let kind = Kind::NamespaceNotFound {
            namespace: name.to_owned(),
        };
        Reject::new(kind, format!("Namespace {name} is not found."))
    })
}

/// Commands do not reach into other namespaces.
pub(super) fn same_namespace(draft: &Draft, name: &str) -> Result<(), String> {
    if draft.facts.namespace_id(name) == Some(draft.facts.namespace.id) {
        Ok(())
    } else {
        Err("cross namespace commands are not allowed".into())
    }
}
