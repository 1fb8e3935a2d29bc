//! What several commands ask of the run and its namespace, and how they put a queue into a text. What holds for a value
//! alone is `model::check`.

use std::time::Duration;

use model::{Kind, NamespaceId, Reject, from_proto_duration};
use proto::temporal::api::taskqueue::v1::TaskQueue;

use crate::Draft;

/// Zero where it is absent.
pub(super) fn span(given: &Option<prost_types::Duration>) -> Duration {
    from_proto_duration(given.as_ref())
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
    let task = if task.is_zero() { limits.workflow_task_timeout } else { task };
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
    draft.context.namespace_id(name).ok_or_else(|| {
        let kind = Kind::NamespaceNotFound { namespace: name.to_owned() };
        Reject::new(kind, format!("Namespace {name} is not found."))
    })
}

/// Commands do not reach into other namespaces.
pub(super) fn same_namespace(draft: &Draft, name: &str) -> Result<(), String> {
    if draft.context.namespace_id(name) == Some(draft.context.namespace.id) {
        Ok(())
    } else {
        Err("cross namespace commands are not allowed".into())
    }
}
