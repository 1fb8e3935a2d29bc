//! Task queue names.

use model::{Limits, Reject};
use proto::temporal::api::{enums::v1::TaskQueueKind, taskqueue::v1::TaskQueue};

/// Names of partitions begin with it, so no queue's name may.
const RESERVED: &str = "/_sys/";
/// Queues of the server's own workers in each namespace begin with it.
const INTERNAL_PREFIX: &str = "temporal-sys-per-ns-";
/// One more queue of the server's own.
const INTERNAL: &str = "temporal-sys-worker-controller-per-ns-tq";

/// The task queue that a request names, with its kind filled in.
pub(crate) fn task_queue(queue: Option<TaskQueue>, limits: &Limits) -> Result<TaskQueue, Reject> {
    checked(queue, limits, true)
}

/// The same where a partition may be named as well.
pub(crate) fn task_queue_partition(queue: Option<TaskQueue>, limits: &Limits) -> Result<TaskQueue, Reject> {
    checked(queue, limits, false)
}

/// A task queue that a user made up: not one of the server's own.
pub(super) fn user_task_queue(queue: Option<TaskQueue>, limits: &Limits) -> Result<TaskQueue, Reject> {
    let queue = checked(queue, limits, true)?;
    if queue.name.starts_with(INTERNAL_PREFIX) || queue.name == INTERNAL {
        return Err(Reject::invalid(format!("cannot use internal per-namespace task queue:{}", queue.name)));
    }
    Ok(queue)
}

fn checked(queue: Option<TaskQueue>, limits: &Limits, whole: bool) -> Result<TaskQueue, Reject> {
    let mut queue = queue.ok_or_else(|| Reject::invalid("taskQueue is not set"))?;
    if queue.kind() == TaskQueueKind::Unspecified {
        queue.set_kind(TaskQueueKind::Normal);
    }
    if queue.name.is_empty() {
        return Err(Reject::invalid("missing task queue name"));
    }
    name(&queue.name, limits, whole)?;
    if queue.kind() == TaskQueueKind::Sticky && !queue.normal_name.is_empty() {
        name(&queue.normal_name, limits, false)?;
    }
    Ok(queue)
}

fn name(name: &str, limits: &Limits, whole: bool) -> Result<(), Reject> {
    if name.len() > limits.id_length {
        return Err(Reject::invalid("taskQueue length exceeds limit"));
    }
    if whole && name.starts_with(RESERVED) {
        return Err(Reject::invalid(format!("task queue name cannot start with reserved prefix {RESERVED}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_there_short_and_not_the_servers_own() {
        let long = "t".repeat(1_001);
        let rows = [
            ("", Some("missing task queue name")),
            (long.as_str(), Some("taskQueue length exceeds limit")),
            ("/_sys/a/1", Some("task queue name cannot start with reserved prefix /_sys/")),
            ("temporal-sys-per-ns-tq", Some("cannot use internal per-namespace task queue:temporal-sys-per-ns-tq")),
            ("orders", None),
        ];
        for (name, expected) in rows {
            let queue = TaskQueue { name: name.into(), ..Default::default() };
            let checked = user_task_queue(Some(queue), &Limits::default());
            assert_eq!(checked.as_ref().err().map(|reject| reject.message.as_str()), expected, "{name}");
            assert!(checked.is_err() || checked.unwrap().kind() == TaskQueueKind::Normal);
        }
        assert_eq!(user_task_queue(None, &Limits::default()).unwrap_err().message, "taskQueue is not set");
    }
}
