//! Refusals of the calls about Workflow Updates.

use serde_json::{Value, json};

use super::{NO_RUN, NOWHERE, Refusal, Scene, long, row};

const UPDATE: &str = "UpdateWorkflowExecution";
const POLL: &str = "PollWorkflowExecutionUpdate";
const MULTI: &str = "ExecuteMultiOperation";
/// What the call of two operations says itself; what each operation says is in its details.
const MULTI_TEXT: &str = "Update-with-Start could not be executed.";

pub(super) const ROWS: &[Refusal] = &[
    row(UPDATE, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(UPDATE, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(UPDATE, "INVALID_ARGUMENT", "Execution is not set on request.", |r, _| r["workflowExecution"] = Value::Null),
    row(UPDATE, "INVALID_ARGUMENT", "WorkflowId is not set on request.", |r, _| {
        r["workflowExecution"]["workflowId"] = json!("")
    }),
    row(UPDATE, "INVALID_ARGUMENT", "Invalid RunId.", |r, _| r["workflowExecution"]["runId"] = json!("no-uuid")),
    row(UPDATE, "NOT_FOUND", "workflow execution not found for workflow ID", |r, _| {
        r["workflowExecution"]["runId"] = json!(NO_RUN)
    }),
    row(UPDATE, "NOT_FOUND", "workflow execution already completed", |r, scene| {
        r["workflowExecution"] = scene.closed.clone();
        r["firstExecutionRunId"] = Value::Null;
    }),
    row(UPDATE, "INVALID_ARGUMENT", "Update meta is not set on request.", |r, _| r["request"]["meta"] = Value::Null),
    row(UPDATE, "INVALID_ARGUMENT", "Update input is not set on request.", |r, _| r["request"]["input"] = Value::Null),
    row(UPDATE, "INVALID_ARGUMENT", "Update name is not set on request.", |r, _| {
        r["request"]["input"]["name"] = json!("")
    }),
    row(UPDATE, "INVALID_ARGUMENT", "UpdateId length exceeds limit.", |r, _| r["request"]["meta"]["updateId"] = long()),
    row(UPDATE, "PERMISSION_DENIED", "waiting on update admitted is not supported.", |r, _| {
        r["waitPolicy"]["lifecycleStage"] = json!("UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED")
    }),
    row(POLL, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(POLL, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(POLL, "INVALID_ARGUMENT", "UpdateRef is not set on request.", |r, _| r["updateRef"] = Value::Null),
    row(POLL, "INVALID_ARGUMENT", "Can't load workflow execution.  WorkflowId not set.", |r, _| {
        r["updateRef"]["workflowExecution"] = Value::Null
    }),
    row(POLL, "INVALID_ARGUMENT", "RunId is not valid UUID.", |r, _| {
        r["updateRef"]["workflowExecution"]["runId"] = json!("no-uuid")
    }),
    row(POLL, "NOT_FOUND", "workflow execution not found for workflow ID", |r, _| {
        r["updateRef"]["workflowExecution"]["runId"] = json!(NO_RUN)
    }),
    row(POLL, "NOT_FOUND", "update \"unheard-of\" not found", |_, _| ()),
    row(MULTI, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(MULTI, "INVALID_ARGUMENT", "Operations have to be exactly [Start, Update].", swap),
    row(MULTI, "INVALID_ARGUMENT", MULTI_TEXT, |r, _| update(r)["workflowExecution"]["workflowId"] = json!("another")),
    row(MULTI, "INVALID_ARGUMENT", MULTI_TEXT, |r, _| update(r)["workflowExecution"]["runId"] = json!(NO_RUN)),
    row(MULTI, "INVALID_ARGUMENT", MULTI_TEXT, |r, _| update(r)["firstExecutionRunId"] = json!(NO_RUN)),
    row(MULTI, "INVALID_ARGUMENT", MULTI_TEXT, |r, _| update(r)["request"]["input"] = Value::Null),
    row(MULTI, "INVALID_ARGUMENT", MULTI_TEXT, |r, _| start(r)["cronSchedule"] = json!("@every 50h")),
    row(MULTI, "INVALID_ARGUMENT", MULTI_TEXT, |r, _| start(r)["requestEagerExecution"] = json!(true)),
    row(MULTI, "INVALID_ARGUMENT", MULTI_TEXT, |r, _| start(r)["workflowStartDelay"] = json!("5s")),
    row(MULTI, "INVALID_ARGUMENT", MULTI_TEXT, |r, _| start(r)["workflowRunTimeout"] = json!("-1s")),
    row(MULTI, "INVALID_ARGUMENT", MULTI_TEXT, |r, _| start(r)["workflowType"] = Value::Null),
];

fn start(request: &mut Value) -> &mut Value {
    &mut request["operations"][0]["startWorkflow"]
}

fn update(request: &mut Value) -> &mut Value {
    &mut request["operations"][1]["updateWorkflow"]
}

fn swap(request: &mut Value, _scene: &Scene) {
    if let Some(operations) = request["operations"].as_array_mut() {
        operations.reverse();
    }
}
