//! Refusals of the calls that read.

use serde_json::json;

use super::{NO_RUN, NOWHERE, Refusal, long, met, row};

const DESCRIBE: &str = "DescribeWorkflowExecution";
const HISTORY: &str = "GetWorkflowExecutionHistory";
const REVERSE: &str = "GetWorkflowExecutionHistoryReverse";
const QUERY: &str = "QueryWorkflow";
const LIST: &str = "ListWorkflowExecutions";
const COUNT: &str = "CountWorkflowExecutions";
const SCAN: &str = "ScanWorkflowExecutions";
const OPEN: &str = "ListOpenWorkflowExecutions";
const CLOSED: &str = "ListClosedWorkflowExecutions";
const ARCHIVED: &str = "ListArchivedWorkflowExecutions";
const PARTITIONS: &str = "ListTaskQueuePartitions";
const QUEUE: &str = "DescribeTaskQueue";

pub(super) const ROWS: &[Refusal] = &[
    met(QUERY, "INVALID_ARGUMENT", "unknown query"),
    met(QUERY, "FAILED_PRECONDITION", "no poller seen for task queue recently, worker may be down"),
    row(DESCRIBE, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(DESCRIBE, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(DESCRIBE, "INVALID_ARGUMENT", "Execution is not set on request.", |r, _| r["execution"] = json!(null)),
    row(DESCRIBE, "INVALID_ARGUMENT", "WorkflowId is not set on request.", |r, _| {
        r["execution"]["workflowId"] = json!("")
    }),
    row(DESCRIBE, "INVALID_ARGUMENT", "Invalid RunId.", |r, _| r["execution"]["runId"] = json!("not-a-run")),
    row(DESCRIBE, "NOT_FOUND", "workflow execution not found for workflow ID \"", |r, _| {
        r["execution"]["runId"] = json!(NO_RUN)
    }),
    row(DESCRIBE, "NOT_FOUND", "workflow not found for ID: probe-nobody", |r, _| {
        r["execution"] = json!({"workflowId": "probe-nobody"})
    }),
    row(HISTORY, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(HISTORY, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(HISTORY, "INVALID_ARGUMENT", "Execution is not set on request.", |r, _| r["execution"] = json!(null)),
    row(HISTORY, "INVALID_ARGUMENT", "WorkflowId is not set on request.", |r, _| {
        r["execution"]["workflowId"] = json!("")
    }),
    row(HISTORY, "INVALID_ARGUMENT", "Invalid RunId.", |r, _| r["execution"]["runId"] = json!("not-a-run")),
    row(HISTORY, "NOT_FOUND", "workflow execution not found for workflow ID \"", |r, _| {
        r["execution"]["runId"] = json!(NO_RUN)
    }),
    row(HISTORY, "NOT_FOUND", "workflow not found for ID: probe-nobody", |r, _| {
        r["execution"] = json!({"workflowId": "probe-nobody"})
    }),
    row(HISTORY, "INVALID_ARGUMENT", "Invalid NextPageToken.", |r, _| r["nextPageToken"] = json!("AAAA")),
    row(ARCHIVED, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(ARCHIVED, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(ARCHIVED, "INVALID_ARGUMENT", "Cluster is not configured for visibility archival.", |_, _| {}),
    row(ARCHIVED, "INVALID_ARGUMENT", "PageSize is larger than allowed 10000.", |r, _| r["pageSize"] = json!(10_001)),
    row(REVERSE, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(REVERSE, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(REVERSE, "INVALID_ARGUMENT", "Execution is not set on request.", |r, _| r["execution"] = json!(null)),
    row(REVERSE, "INVALID_ARGUMENT", "WorkflowId is not set on request.", |r, _| {
        r["execution"]["workflowId"] = json!("")
    }),
    row(REVERSE, "INVALID_ARGUMENT", "Invalid RunId.", |r, _| r["execution"]["runId"] = json!("not-a-run")),
    row(REVERSE, "NOT_FOUND", "workflow execution not found for workflow ID \"", |r, _| {
        r["execution"]["runId"] = json!(NO_RUN)
    }),
    row(REVERSE, "NOT_FOUND", "workflow not found for ID: probe-nobody", |r, _| {
        r["execution"] = json!({"workflowId": "probe-nobody"})
    }),
    row(REVERSE, "INVALID_ARGUMENT", "Invalid NextPageToken.", |r, _| r["nextPageToken"] = json!("AAAA")),
    row(QUERY, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(QUERY, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(QUERY, "INVALID_ARGUMENT", "Execution is not set on request.", |r, _| r["execution"] = json!(null)),
    row(QUERY, "INVALID_ARGUMENT", "WorkflowId is not set on request.", |r, _| {
        r["execution"]["workflowId"] = json!("")
    }),
    row(QUERY, "INVALID_ARGUMENT", "Invalid RunId.", |r, _| r["execution"]["runId"] = json!("not-a-run")),
    row(QUERY, "NOT_FOUND", "workflow not found for ID: probe-nobody", |r, _| {
        r["execution"] = json!({"workflowId": "probe-nobody"})
    }),
    row(QUERY, "INVALID_ARGUMENT", "WorkflowQuery is not set on request.", |r, _| r["query"] = json!(null)),
    row(QUERY, "INVALID_ARGUMENT", "QueryType is not set on request.", |r, _| r["query"]["queryType"] = json!("")),
    row(LIST, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(LIST, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(LIST, "INVALID_ARGUMENT", "invalid query: invalid search attribute: NoSuch", |r, _| {
        r["query"] = json!("NoSuch = 1")
    }),
    row(LIST, "INVALID_ARGUMENT", "invalid query: malformed SQL query: syntax error at position 40", |r, _| {
        r["query"] = json!("WorkflowId = ")
    }),
    row(LIST, "INVALID_ARGUMENT", "invalid query: invalid expression: incomplete expression", |r, _| {
        r["query"] = json!("WorkflowId")
    }),
    row(
        LIST,
        "INVALID_ARGUMENT",
        "invalid query: malformed SQL query: syntax error at position 50 near 'unclosed'",
        |r, _| r["query"] = json!("WorkflowId = 'unclosed"),
    ),
    row(
        LIST,
        "INVALID_ARGUMENT",
        "invalid query: invalid expression: invalid value type for search attribute ProbeInt of type Int:",
        |r, _| r["query"] = json!("ProbeInt = 'text'"),
    ),
    row(
        LIST,
        "INVALID_ARGUMENT",
        "invalid query: invalid expression: invalid value type for search attribute ProbeBool of type Bool:",
        |r, _| r["query"] = json!("ProbeBool = 'text'"),
    ),
    row(LIST, "INVALID_ARGUMENT", "invalid query: invalid expression: unable to parse datetime 'yesterday'", |r, _| {
        r["query"] = json!("ProbeDatetime > 'yesterday'")
    }),
    row(
        LIST,
        "INVALID_ARGUMENT",
        "invalid query: invalid expression: invalid ExecutionStatus value 'Nonsense'",
        |r, _| r["query"] = json!("ExecutionStatus = 'Nonsense'"),
    ),
    row(
        LIST,
        "INVALID_ARGUMENT",
        "invalid query: operation is not supported: operator 'LIKE' not supported for Keyword type search",
        |r, _| r["query"] = json!("WorkflowId LIKE 'a%'"),
    ),
    row(
        LIST,
        "INVALID_ARGUMENT",
        "invalid query: invalid expression: invalid value type for search attribute ProbeInt of type Int:",
        |r, _| r["query"] = json!("ProbeInt STARTS_WITH '1'"),
    ),
    row(
        LIST,
        "INVALID_ARGUMENT",
        "invalid query: operation is not supported: operator '>' not supported for KeywordList type search",
        |r, _| r["query"] = json!("ProbeKeywordList > 'a'"),
    ),
    row(
        LIST,
        "INVALID_ARGUMENT",
        "invalid query: operation is not supported: operator 'STARTS_WITH' not supported for Text type",
        |r, _| r["query"] = json!("ProbeText STARTS_WITH 'a'"),
    ),
    row(
        LIST,
        "INVALID_ARGUMENT",
        "invalid query: operation is not supported: column name on the right side of comparison expression",
        |r, _| r["query"] = json!("WorkflowId = WorkflowType"),
    ),
    row(LIST, "INVALID_ARGUMENT", "invalid query: operation is not supported: 'ORDER BY' clause", |r, _| {
        r["query"] = json!("WorkflowId = 'a' ORDER BY StartTime")
    }),
    row(LIST, "INVALID_ARGUMENT", "invalid query: operation is not supported: 'LIMIT' clause", |r, _| {
        r["query"] = json!("WorkflowId = 'a' LIMIT 3")
    }),
    row(COUNT, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(COUNT, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(COUNT, "INVALID_ARGUMENT", "invalid query: invalid search attribute: NoSuch", |r, _| {
        r["query"] = json!("NoSuch = 1")
    }),
    row(COUNT, "INVALID_ARGUMENT", "invalid query: malformed SQL query: syntax error at position 40", |r, _| {
        r["query"] = json!("WorkflowId = ")
    }),
    row(
        COUNT,
        "INVALID_ARGUMENT",
        "invalid query: operation is not supported: 'GROUP BY' clause is not supported for search attribute",
        |r, _| r["query"] = json!("GROUP BY WorkflowType"),
    ),
    row(
        COUNT,
        "INVALID_ARGUMENT",
        "invalid query: operation is not supported: 'GROUP BY' clause supports only a single field",
        |r, _| r["query"] = json!("GROUP BY ExecutionStatus, WorkflowType"),
    ),
    row(SCAN, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(SCAN, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(SCAN, "INVALID_ARGUMENT", "invalid query: invalid search attribute: NoSuch", |r, _| {
        r["query"] = json!("NoSuch = 1")
    }),
    row(SCAN, "INVALID_ARGUMENT", "invalid query: malformed SQL query: syntax error at position 40", |r, _| {
        r["query"] = json!("WorkflowId = ")
    }),
    row(QUEUE, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(QUEUE, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(QUEUE, "INVALID_ARGUMENT", "taskQueue is not set", |r, _| r["taskQueue"] = json!(null)),
    row(QUEUE, "INVALID_ARGUMENT", "missing task queue name", |r, _| r["taskQueue"]["name"] = json!("")),
    row(QUEUE, "INVALID_ARGUMENT", "taskQueue length exceeds limit", |r, _| r["taskQueue"]["name"] = long()),
    row(OPEN, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(OPEN, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(OPEN, "INVALID_ARGUMENT", "EarliestTime in StartTimeFilter should not be larger than LatestTime.", |r, _| {
        r["startTimeFilter"] = json!({"earliestTime": "2030-01-01T00:00:00Z", "latestTime": "2020-01-01T00:00:00Z"});
    }),
    row(CLOSED, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(CLOSED, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(CLOSED, "INVALID_ARGUMENT", "EarliestTime in StartTimeFilter should not be larger than LatestTime.", |r, _| {
        r["startTimeFilter"] = json!({"earliestTime": "2030-01-01T00:00:00Z", "latestTime": "2020-01-01T00:00:00Z"});
    }),
    row(CLOSED, "INVALID_ARGUMENT", "StatusFilter must be specified and must be not Running.", |r, _| {
        r["executionFilter"] = json!(null);
        r["statusFilter"] = json!({"status": "WORKFLOW_EXECUTION_STATUS_RUNNING"});
    }),
    row(PARTITIONS, "INVALID_ARGUMENT", "Namespace is empty.", |r, _| r["namespace"] = json!("")),
    row(PARTITIONS, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
];
