//! Refusals of the calls of workers.

use serde_json::json;

use super::{NO_RUN, NOWHERE, Refusal, long, met, row};

const POLL: &str = "PollWorkflowTaskQueue";
const POLL_ACTIVITY: &str = "PollActivityTaskQueue";
const COMPLETE: &str = "RespondWorkflowTaskCompleted";
const FAIL: &str = "RespondWorkflowTaskFailed";
const QUERY: &str = "RespondQueryTaskCompleted";
const STICKY: &str = "ResetStickyTaskQueue";
const SHUTDOWN: &str = "ShutdownWorker";
const BEAT: &str = "RecordActivityTaskHeartbeat";
const DONE: &str = "RespondActivityTaskCompleted";
const BROKEN: &str = "RespondActivityTaskFailed";
const DROPPED: &str = "RespondActivityTaskCanceled";
const BEAT_BY_ID: &str = "RecordActivityTaskHeartbeatById";
const DONE_BY_ID: &str = "RespondActivityTaskCompletedById";
const BROKEN_BY_ID: &str = "RespondActivityTaskFailedById";
const DROPPED_BY_ID: &str = "RespondActivityTaskCanceledById";

/// What the calls around Workflow Tasks and queues refuse.
pub(super) const ROWS: &[Refusal] = &[
    row(POLL, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(POLL, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(POLL, "INVALID_ARGUMENT", "taskQueue is not set", |r, _| r["taskQueue"] = json!(null)),
    row(POLL, "INVALID_ARGUMENT", "missing task queue name", |r, _| r["taskQueue"]["name"] = json!("")),
    row(POLL, "INVALID_ARGUMENT", "taskQueue length exceeds limit", |r, _| r["taskQueue"]["name"] = long()),
    row(POLL, "INVALID_ARGUMENT", "Identity length exceeds limit.", |r, _| r["identity"] = long()),
    row(POLL_ACTIVITY, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(POLL_ACTIVITY, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(POLL_ACTIVITY, "INVALID_ARGUMENT", "taskQueue is not set", |r, _| r["taskQueue"] = json!(null)),
    row(POLL_ACTIVITY, "INVALID_ARGUMENT", "missing task queue name", |r, _| r["taskQueue"]["name"] = json!("")),
    row(POLL_ACTIVITY, "INVALID_ARGUMENT", "taskQueue length exceeds limit", |r, _| r["taskQueue"]["name"] = long()),
    row(POLL_ACTIVITY, "INVALID_ARGUMENT", "Identity length exceeds limit.", |r, _| r["identity"] = long()),
    row(COMPLETE, "INVALID_ARGUMENT", "Task token not set on request.", |r, _| r["taskToken"] = json!("")),
    row(COMPLETE, "INVALID_ARGUMENT", "Error deserializing task token.", |r, _| r["taskToken"] = json!("AAAA")),
    row(COMPLETE, "INVALID_ARGUMENT", "Identity length exceeds limit.", |r, _| r["identity"] = long()),
    row(COMPLETE, "FAILED_PRECONDITION", "workflow task completion pagination is disabled", |r, _| {
        r["intermediatePage"] = json!(true)
    }),
    row(COMPLETE, "FAILED_PRECONDITION", "workflow task completion pagination is disabled", |r, _| {
        r["pageNumber"] = json!(1)
    }),
    row(FAIL, "INVALID_ARGUMENT", "Task token not set on request.", |r, _| r["taskToken"] = json!("")),
    row(FAIL, "INVALID_ARGUMENT", "Error deserializing task token.", |r, _| r["taskToken"] = json!("AAAA")),
    row(FAIL, "INVALID_ARGUMENT", "Identity length exceeds limit.", |r, _| r["identity"] = long()),
    row(QUERY, "INVALID_ARGUMENT", "Task token not set on request.", |r, _| r["taskToken"] = json!("")),
    row(QUERY, "INVALID_ARGUMENT", "Error deserializing task token.", |r, _| r["taskToken"] = json!("AAAA")),
    met(COMPLETE, "NOT_FOUND", "Workflow task not found."),
    met(COMPLETE, "INVALID_ARGUMENT", "UnhandledCommand"),
    met(FAIL, "NOT_FOUND", "Workflow task not found."),
    met(QUERY, "NOT_FOUND", "query task not found"),
    row(STICKY, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(STICKY, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(STICKY, "INVALID_ARGUMENT", "Execution is not set on request.", |r, _| r["execution"] = json!(null)),
    row(STICKY, "INVALID_ARGUMENT", "Invalid RunId.", |r, _| r["execution"]["runId"] = json!("not-a-run")),
    row(STICKY, "NOT_FOUND", "workflow execution not found for workflow ID \"probe-nobody\" and run ID \"", |r, _| {
        r["execution"] = json!({"workflowId": "probe-nobody", "runId": NO_RUN})
    }),
    row(STICKY, "NOT_FOUND", "workflow execution already completed", |r, scene| r["execution"] = scene.closed.clone()),
    row(SHUTDOWN, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(SHUTDOWN, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
];

/// What the calls around Activity Tasks refuse.
pub(super) const ACTIVITY_ROWS: &[Refusal] = &[
    row(BEAT, "INVALID_ARGUMENT", "Task token not set on request.", |r, _| r["taskToken"] = json!("")),
    row(BEAT, "INVALID_ARGUMENT", "Error deserializing task token.", |r, _| r["taskToken"] = json!("AAAA")),
    met(BEAT, "NOT_FOUND", "invalid activityID or activity already timed out or invoking workflow is completed"),
    row(DONE, "INVALID_ARGUMENT", "Task token not set on request.", |r, _| r["taskToken"] = json!("")),
    row(DONE, "INVALID_ARGUMENT", "Error deserializing task token.", |r, _| r["taskToken"] = json!("AAAA")),
    row(DONE, "INVALID_ARGUMENT", "Identity length exceeds limit.", |r, _| r["identity"] = long()),
    met(DONE, "NOT_FOUND", "invalid activityID or activity already timed out or invoking workflow is completed"),
    row(BROKEN, "INVALID_ARGUMENT", "Task token not set on request.", |r, _| r["taskToken"] = json!("")),
    row(BROKEN, "INVALID_ARGUMENT", "Error deserializing task token.", |r, _| r["taskToken"] = json!("AAAA")),
    row(BROKEN, "INVALID_ARGUMENT", "Identity length exceeds limit.", |r, _| r["identity"] = long()),
    row(BROKEN, "INVALID_ARGUMENT", "Failure must have ApplicationFailureInfo.", |r, _| {
        r["failure"] = json!({"message": "no kind", "canceledFailureInfo": {}})
    }),
    met(BROKEN, "NOT_FOUND", "invalid activityID or activity already timed out or invoking workflow is completed"),
    row(DROPPED, "INVALID_ARGUMENT", "Task token not set on request.", |r, _| r["taskToken"] = json!("")),
    row(DROPPED, "INVALID_ARGUMENT", "Error deserializing task token.", |r, _| r["taskToken"] = json!("AAAA")),
    row(DROPPED, "INVALID_ARGUMENT", "Identity length exceeds limit.", |r, _| r["identity"] = long()),
    row(
        DROPPED,
        "INVALID_ARGUMENT",
        "unable to mark activity as canceled without activity being request canceled first",
        |_, _| {},
    ),
    met(DROPPED, "NOT_FOUND", "invalid activityID or activity already timed out or invoking workflow is completed"),
    row(BEAT_BY_ID, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(BEAT_BY_ID, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(BEAT_BY_ID, "NOT_FOUND", "activity not found for ID:", |r, _| r["workflowId"] = json!("")),
    row(BEAT_BY_ID, "INVALID_ARGUMENT", "ActivityId is not set on request.", |r, _| r["activityId"] = json!("")),
    row(BEAT_BY_ID, "NOT_FOUND", "cannot find pending activity with ActivityID", |r, _| {
        r["activityId"] = json!("nothing")
    }),
    row(
        BEAT_BY_ID,
        "NOT_FOUND",
        "workflow execution not found for workflow ID \"probe-nobody\" and run ID \"",
        |r, _| r["workflowId"] = json!("probe-nobody"),
    ),
    row(DONE_BY_ID, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(DONE_BY_ID, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(DONE_BY_ID, "NOT_FOUND", "activity not found for ID:", |r, _| r["workflowId"] = json!("")),
    row(DONE_BY_ID, "INVALID_ARGUMENT", "ActivityId is not set on request.", |r, _| r["activityId"] = json!("")),
    row(DONE_BY_ID, "NOT_FOUND", "cannot find pending activity with ActivityID", |r, _| {
        r["activityId"] = json!("nothing")
    }),
    row(
        DONE_BY_ID,
        "NOT_FOUND",
        "workflow execution not found for workflow ID \"probe-nobody\" and run ID \"",
        |r, _| r["workflowId"] = json!("probe-nobody"),
    ),
    row(DONE_BY_ID, "INVALID_ARGUMENT", "Identity length exceeds limit.", |r, _| r["identity"] = long()),
    row(BROKEN_BY_ID, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(BROKEN_BY_ID, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(BROKEN_BY_ID, "NOT_FOUND", "activity not found for ID:", |r, _| r["workflowId"] = json!("")),
    row(BROKEN_BY_ID, "INVALID_ARGUMENT", "ActivityId is not set on request.", |r, _| r["activityId"] = json!("")),
    row(BROKEN_BY_ID, "NOT_FOUND", "cannot find pending activity with ActivityID", |r, _| {
        r["activityId"] = json!("nothing")
    }),
    row(
        BROKEN_BY_ID,
        "NOT_FOUND",
        "workflow execution not found for workflow ID \"probe-nobody\" and run ID \"",
        |r, _| r["workflowId"] = json!("probe-nobody"),
    ),
    row(BROKEN_BY_ID, "INVALID_ARGUMENT", "Identity length exceeds limit.", |r, _| r["identity"] = long()),
    row(DROPPED_BY_ID, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(DROPPED_BY_ID, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(DROPPED_BY_ID, "NOT_FOUND", "activity not found for ID:", |r, _| r["workflowId"] = json!("")),
    row(DROPPED_BY_ID, "INVALID_ARGUMENT", "ActivityId is not set on request.", |r, _| r["activityId"] = json!("")),
    row(DROPPED_BY_ID, "NOT_FOUND", "cannot find pending activity with ActivityID", |r, _| {
        r["activityId"] = json!("nothing")
    }),
    row(
        DROPPED_BY_ID,
        "NOT_FOUND",
        "workflow execution not found for workflow ID \"probe-nobody\" and run ID \"",
        |r, _| r["workflowId"] = json!("probe-nobody"),
    ),
    row(DROPPED_BY_ID, "INVALID_ARGUMENT", "Identity length exceeds limit.", |r, _| r["identity"] = long()),
    row(
        DROPPED_BY_ID,
        "INVALID_ARGUMENT",
        "unable to mark activity as canceled without activity being request canceled first",
        |_, _| {},
    ),
];
