//! Refusals of the calls that start, address and end Workflow Executions.

use serde_json::json;

use super::{NO_RUN, NOWHERE, Refusal, long, met, oversized, row};

const START: &str = "StartWorkflowExecution";
const SIGNAL_START: &str = "SignalWithStartWorkflowExecution";
const SIGNAL: &str = "SignalWorkflowExecution";
const CANCEL: &str = "RequestCancelWorkflowExecution";
const TERMINATE: &str = "TerminateWorkflowExecution";
const DELETE: &str = "DeleteWorkflowExecution";

/// What the two calls that start refuse.
pub(super) const ROWS: &[Refusal] = &[
    row(START, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(START, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(START, "INVALID_ARGUMENT", "WorkflowId is not set on request.", |r, _| r["workflowId"] = json!("")),
    row(START, "INVALID_ARGUMENT", "WorkflowId exceeds maximum allowed length (1001/1000)", |r, _| {
        r["workflowId"] = long()
    }),
    row(START, "INVALID_ARGUMENT", "WorkflowType is not set on request.", |r, _| r["workflowType"] = json!(null)),
    row(START, "INVALID_ARGUMENT", "WorkflowType length exceeds limit.", |r, _| r["workflowType"]["name"] = long()),
    row(START, "INVALID_ARGUMENT", "taskQueue is not set", |r, _| r["taskQueue"] = json!(null)),
    row(START, "INVALID_ARGUMENT", "missing task queue name", |r, _| r["taskQueue"]["name"] = json!("")),
    row(START, "INVALID_ARGUMENT", "taskQueue length exceeds limit", |r, _| r["taskQueue"]["name"] = long()),
    row(START, "INVALID_ARGUMENT", "task queue name cannot start with reserved prefix /_sys/", |r, _| {
        r["taskQueue"]["name"] = json!("/_sys/probe")
    }),
    row(START, "INVALID_ARGUMENT", "RequestId length exceeds limit.", |r, _| r["requestId"] = long()),
    row(
        START,
        "INVALID_ARGUMENT",
        "An invalid WorkflowExecutionTimeoutSeconds is set on request. cause: negative duration",
        |r, _| r["workflowExecutionTimeout"] = json!("-1s"),
    ),
    row(
        START,
        "INVALID_ARGUMENT",
        "An invalid WorkflowRunTimeoutSeconds is set on request. cause: negative duration",
        |r, _| r["workflowRunTimeout"] = json!("-1s"),
    ),
    row(
        START,
        "INVALID_ARGUMENT",
        "An invalid WorkflowTaskTimeoutSeconds is set on request. cause: negative duration",
        |r, _| r["workflowTaskTimeout"] = json!("-1s"),
    ),
    row(START, "INVALID_ARGUMENT", "BackoffCoefficient cannot be less than 1 on retry policy.", |r, _| {
        r["retryPolicy"] = json!({"backoffCoefficient": 0.5})
    }),
    row(START, "INVALID_ARGUMENT", "MaximumAttempts cannot be negative on retry policy.", |r, _| {
        r["retryPolicy"] = json!({"maximumAttempts": -1})
    }),
    row(START, "INVALID_ARGUMENT", "invalid InitialInterval set on retry policy: negative duration", |r, _| {
        r["retryPolicy"] = json!({"initialInterval": "-1s"})
    }),
    row(START, "INVALID_ARGUMENT", "invalid MaximumInterval set on retry policy: negative duration", |r, _| {
        r["retryPolicy"] = json!({"maximumInterval": "-1s"})
    }),
    row(START, "INVALID_ARGUMENT", "MaximumInterval cannot be less than InitialInterval on retry policy.", |r, _| {
        r["retryPolicy"] = json!({"initialInterval": "9s", "maximumInterval": "1s"})
    }),
    row(START, "INVALID_ARGUMENT", "Invalid timeout type value: Nonsense.", |r, _| {
        r["retryPolicy"] = json!({"nonRetryableErrorTypes": ["TemporalTimeout:Nonsense"]})
    }),
    row(START, "INVALID_ARGUMENT", "invalid CronSchedule.", |r, _| r["cronSchedule"] = json!("every now and then")),
    row(
        START,
        "INVALID_ARGUMENT",
        "An invalid WorkflowStartDelaySeconds is set on request. cause: negative duration",
        |r, _| r["workflowStartDelay"] = json!("-1s"),
    ),
    row(START, "INVALID_ARGUMENT", "CronSchedule and WorkflowStartDelay may not be used together.", |r, _| {
        r["cronSchedule"] = json!("@every 60s");
        r["workflowStartDelay"] = json!("1s");
    }),
    row(START, "INVALID_ARGUMENT", "Namespace default has no mapping defined for search attribute NoSuch", |r, _| {
        r["searchAttributes"] = json!({"indexedFields": {"NoSuch": {"data": "MQ=="}}})
    }),
    row(
        START,
        "INVALID_ARGUMENT",
        "invalid value for search attribute ProbeInt of type Int: value from <data:\"\\\"text\\\"\">",
        |r, _| {
            r["searchAttributes"] = json!({"indexedFields": {"ProbeInt": {"data": "InRleHQi"}}});
        },
    ),
    row(START, "INVALID_ARGUMENT", "ExecutionStatus attribute can't be set in SearchAttributes", |r, _| {
        r["searchAttributes"] = json!({"indexedFields": {"ExecutionStatus": {"data": "IlJ1bm5pbmci"}}});
    }),
    row(
        START,
        "INVALID_ARGUMENT",
        "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used",
        |r, _| {
            r["workflowIdReusePolicy"] = json!("WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING");
            r["workflowIdConflictPolicy"] = json!("WORKFLOW_ID_CONFLICT_POLICY_FAIL");
        },
    ),
    row(
        START,
        "INVALID_ARGUMENT",
        "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together",
        |r, _| {
            r["workflowIdReusePolicy"] = json!("WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE");
            r["workflowIdConflictPolicy"] = json!("WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING");
        },
    ),
    row(START, "INVALID_ARGUMENT", "Blob data size exceeds limit.", |r, _| r["input"] = oversized()),
    row(START, "INVALID_ARGUMENT", "Memo size exceeds limit.", |r, _| {
        r["memo"] = json!({"fields": {"big": oversized()["payloads"][0]}})
    }),
    row(START, "INVALID_ARGUMENT", "priority key can't be negative", |r, _| r["priority"] = json!({"priorityKey": -1})),
    row(START, "INVALID_ARGUMENT", "fairness key length exceeds limit", |r, _| {
        r["priority"] = json!({"fairnessKey": "x".repeat(65)})
    }),
    row(START, "INVALID_ARGUMENT", "workflow event link must not have an empty namespace field", |r, _| {
        r["links"] = json!([{"workflowEvent": {"namespace": ""}}])
    }),
    row(START, "INVALID_ARGUMENT", "unsupported link variant", |r, _| r["links"] = json!([{}])),
    row(START, "ALREADY_EXISTS", "Workflow execution is already running. WorkflowId:", |r, scene| {
        r["workflowId"] = scene.open["workflowId"].clone()
    }),
    row(START, "ALREADY_EXISTS", "Workflow execution already finished. WorkflowId:", |r, scene| {
        r["workflowId"] = scene.closed["workflowId"].clone();
        r["workflowIdReusePolicy"] = json!("WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE");
    }),
    row(START, "ALREADY_EXISTS", "Workflow execution already finished successfully. WorkflowId:", |r, scene| {
        r["workflowId"] = scene.closed["workflowId"].clone();
        r["workflowIdReusePolicy"] = json!("WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY");
    }),
    row(SIGNAL_START, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(SIGNAL_START, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(SIGNAL_START, "INVALID_ARGUMENT", "WorkflowId is not set on request.", |r, _| r["workflowId"] = json!("")),
    row(SIGNAL_START, "INVALID_ARGUMENT", "WorkflowId exceeds maximum allowed length (1001/1000)", |r, _| {
        r["workflowId"] = long()
    }),
    row(SIGNAL_START, "INVALID_ARGUMENT", "signal not set", |r, _| r["signalName"] = json!("")),
    row(SIGNAL_START, "INVALID_ARGUMENT", "signal name exceeds maximum allowed length (1001/1000)", |r, _| {
        r["signalName"] = long()
    }),
    row(SIGNAL_START, "INVALID_ARGUMENT", "workflow type not set", |r, _| r["workflowType"] = json!(null)),
    row(SIGNAL_START, "INVALID_ARGUMENT", "workflow type name exceeds maximum allowed length (1001/1000)", |r, _| {
        r["workflowType"]["name"] = long()
    }),
    row(SIGNAL_START, "INVALID_ARGUMENT", "taskQueue is not set", |r, _| r["taskQueue"] = json!(null)),
    row(SIGNAL_START, "INVALID_ARGUMENT", "taskQueue length exceeds limit", |r, _| r["taskQueue"]["name"] = long()),
    row(SIGNAL_START, "INVALID_ARGUMENT", "Request ID exceeds maximum allowed length (1001/1000)", |r, _| {
        r["requestId"] = long()
    }),
    row(
        SIGNAL_START,
        "INVALID_ARGUMENT",
        "An invalid WorkflowExecutionTimeoutSeconds is set on request. cause: negative duration",
        |r, _| r["workflowExecutionTimeout"] = json!("-1s"),
    ),
    row(
        SIGNAL_START,
        "INVALID_ARGUMENT",
        "An invalid WorkflowRunTimeoutSeconds is set on request. cause: negative duration",
        |r, _| r["workflowRunTimeout"] = json!("-1s"),
    ),
    row(
        SIGNAL_START,
        "INVALID_ARGUMENT",
        "An invalid WorkflowTaskTimeoutSeconds is set on request. cause: negative duration",
        |r, _| r["workflowTaskTimeout"] = json!("-1s"),
    ),
    row(SIGNAL_START, "INVALID_ARGUMENT", "BackoffCoefficient cannot be less than 1 on retry policy.", |r, _| {
        r["retryPolicy"] = json!({"backoffCoefficient": 0.5})
    }),
    row(SIGNAL_START, "INVALID_ARGUMENT", "invalid CronSchedule.", |r, _| {
        r["cronSchedule"] = json!("every now and then")
    }),
    row(
        SIGNAL_START,
        "INVALID_ARGUMENT",
        "An invalid WorkflowStartDelaySeconds is set on request. cause: negative duration",
        |r, _| r["workflowStartDelay"] = json!("-1s"),
    ),
    row(SIGNAL_START, "INVALID_ARGUMENT", "CronSchedule and WorkflowStartDelay may not be used together.", |r, _| {
        r["cronSchedule"] = json!("@every 60s");
        r["workflowStartDelay"] = json!("1s");
    }),
    row(
        SIGNAL_START,
        "INVALID_ARGUMENT",
        "Namespace default has no mapping defined for search attribute NoSuch",
        |r, _| {
            r["searchAttributes"] = json!({"indexedFields": {"NoSuch": {"data": "MQ=="}}});
        },
    ),
    row(
        SIGNAL_START,
        "INVALID_ARGUMENT",
        "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported for this",
        |r, _| {
            r["workflowIdConflictPolicy"] = json!("WORKFLOW_ID_CONFLICT_POLICY_FAIL");
        },
    ),
    row(
        SIGNAL_START,
        "INVALID_ARGUMENT",
        "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used",
        |r, _| {
            r["workflowIdReusePolicy"] = json!("WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING");
            r["workflowIdConflictPolicy"] = json!("WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING");
        },
    ),
    row(
        SIGNAL_START,
        "INVALID_ARGUMENT",
        "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together",
        |r, _| {
            r["workflowIdReusePolicy"] = json!("WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE");
            r["workflowIdConflictPolicy"] = json!("WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING");
        },
    ),
    row(SIGNAL_START, "INVALID_ARGUMENT", "Blob data size exceeds limit.", |r, _| r["signalInput"] = oversized()),
    row(SIGNAL_START, "INVALID_ARGUMENT", "Blob data size exceeds limit.", |r, _| r["input"] = oversized()),
    row(SIGNAL_START, "ALREADY_EXISTS", "Workflow execution already finished. WorkflowId:", |r, scene| {
        r["workflowId"] = scene.closed["workflowId"].clone();
        r["workflowIdReusePolicy"] = json!("WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE");
    }),
    row(SIGNAL_START, "ALREADY_EXISTS", "Workflow execution already finished successfully. WorkflowId:", |r, scene| {
        r["workflowId"] = scene.closed["workflowId"].clone();
        r["workflowIdReusePolicy"] = json!("WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY");
    }),
];

/// What the calls that address a run refuse.
pub(super) const ADDRESSED: &[Refusal] = &[
    met(SIGNAL, "RESOURCE_EXHAUSTED", "workflow operation can not be applied because workflow is closing"),
    row(SIGNAL, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(SIGNAL, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(SIGNAL, "INVALID_ARGUMENT", "Execution is not set on request.", |r, _| r["workflowExecution"] = json!(null)),
    row(SIGNAL, "INVALID_ARGUMENT", "WorkflowId is not set on request.", |r, _| {
        r["workflowExecution"]["workflowId"] = json!("")
    }),
    row(SIGNAL, "NOT_FOUND", "workflow execution not found for workflow ID \"", |r, _| {
        r["workflowExecution"]["workflowId"] = long()
    }),
    row(SIGNAL, "INVALID_ARGUMENT", "Invalid RunId.", |r, _| r["workflowExecution"]["runId"] = json!("not-a-run")),
    row(SIGNAL, "NOT_FOUND", "workflow execution not found for workflow ID \"", |r, _| {
        r["workflowExecution"]["runId"] = json!(NO_RUN)
    }),
    row(SIGNAL, "NOT_FOUND", "workflow not found for ID: probe-nobody", |r, _| {
        r["workflowExecution"] = json!({"workflowId": "probe-nobody"})
    }),
    row(SIGNAL, "INVALID_ARGUMENT", "SignalName is not set on request.", |r, _| r["signalName"] = json!("")),
    row(SIGNAL, "INVALID_ARGUMENT", "SignalName length exceeds limit.", |r, _| r["signalName"] = long()),
    row(SIGNAL, "INVALID_ARGUMENT", "RequestId length exceeds limit.", |r, _| r["requestId"] = long()),
    row(SIGNAL, "INVALID_ARGUMENT", "Blob data size exceeds limit.", |r, _| r["input"] = oversized()),
    row(SIGNAL, "NOT_FOUND", "workflow execution already completed", |r, scene| {
        r["workflowExecution"] = scene.closed.clone()
    }),
    row(CANCEL, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(CANCEL, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(CANCEL, "INVALID_ARGUMENT", "Execution is not set on request.", |r, _| r["workflowExecution"] = json!(null)),
    row(CANCEL, "INVALID_ARGUMENT", "WorkflowId is not set on request.", |r, _| {
        r["workflowExecution"]["workflowId"] = json!("")
    }),
    row(CANCEL, "INVALID_ARGUMENT", "Invalid RunId.", |r, _| r["workflowExecution"]["runId"] = json!("not-a-run")),
    row(CANCEL, "NOT_FOUND", "workflow not found for ID: probe-nobody", |r, _| {
        r["workflowExecution"] = json!({"workflowId": "probe-nobody"})
    }),
    row(CANCEL, "NOT_FOUND", "workflow execution not found", |r, _| r["firstExecutionRunId"] = json!(NO_RUN)),
    row(CANCEL, "NOT_FOUND", "workflow execution not found", |r, _| r["firstExecutionRunId"] = json!("not-a-run")),
    row(TERMINATE, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(TERMINATE, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(TERMINATE, "INVALID_ARGUMENT", "Execution is not set on request.", |r, _| r["workflowExecution"] = json!(null)),
    row(TERMINATE, "INVALID_ARGUMENT", "WorkflowId is not set on request.", |r, _| {
        r["workflowExecution"]["workflowId"] = json!("")
    }),
    row(TERMINATE, "INVALID_ARGUMENT", "Invalid RunId.", |r, _| r["workflowExecution"]["runId"] = json!("not-a-run")),
    row(TERMINATE, "NOT_FOUND", "workflow not found for ID: probe-nobody", |r, _| {
        r["workflowExecution"] = json!({"workflowId": "probe-nobody"})
    }),
    row(TERMINATE, "NOT_FOUND", "workflow execution not found", |r, _| r["firstExecutionRunId"] = json!(NO_RUN)),
    row(TERMINATE, "NOT_FOUND", "workflow execution already completed", |r, scene| {
        r["workflowExecution"] = scene.closed.clone()
    }),
    row(DELETE, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(DELETE, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(DELETE, "INVALID_ARGUMENT", "Execution is not set on request.", |r, _| r["workflowExecution"] = json!(null)),
    row(DELETE, "INVALID_ARGUMENT", "WorkflowId is not set on request.", |r, _| {
        r["workflowExecution"]["workflowId"] = json!("")
    }),
    row(DELETE, "INVALID_ARGUMENT", "Invalid RunId.", |r, _| r["workflowExecution"]["runId"] = json!("not-a-run")),
    row(DELETE, "NOT_FOUND", "workflow not found for ID: probe-nobody", |r, _| {
        r["workflowExecution"] = json!({"workflowId": "probe-nobody"})
    }),
];
