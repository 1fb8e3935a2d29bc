//! Refusals of the calls that administer namespaces and search attributes.

use serde_json::json;

use super::{NOWHERE, Refusal, long, row};

const REGISTER: &str = "RegisterNamespace";
const DESCRIBE: &str = "DescribeNamespace";
const UPDATE: &str = "UpdateNamespace";
const DEPRECATE: &str = "DeprecateNamespace";
const DELETE: &str = "DeleteNamespace";
const ADD: &str = "AddSearchAttributes";
const REMOVE: &str = "RemoveSearchAttributes";
const LIST: &str = "ListSearchAttributes";

pub(super) const ROWS: &[Refusal] = &[
    row(REGISTER, "INVALID_ARGUMENT", "Namespace not set on request.", |r, _| r["namespace"] = json!("")),
    row(REGISTER, "INVALID_ARGUMENT", "Namespace length exceeds limit.", |r, _| r["namespace"] = long()),
    row(REGISTER, "ALREADY_EXISTS", "already exists", |r, _| r["namespace"] = json!("default")),
    row(REGISTER, "INVALID_ARGUMENT", "A valid retention period is not set on request.", |r, _| {
        r["workflowExecutionRetentionPeriod"] = json!("-1s")
    }),
    row(REGISTER, "INVALID_ARGUMENT", "A valid retention period is not set on request.", |r, _| {
        r["workflowExecutionRetentionPeriod"] = json!("60s")
    }),
    row(REGISTER, "INVALID_ARGUMENT", "A valid retention period is not set on request.", |r, _| {
        r["workflowExecutionRetentionPeriod"] = json!(null)
    }),
    row(REGISTER, "INVALID_ARGUMENT", "Invalid cluster name: elsewhere", |r, _| {
        r["activeClusterName"] = json!("elsewhere")
    }),
    row(DESCRIBE, "INVALID_ARGUMENT", "Namespace not set on request.", |r, _| r["namespace"] = json!("")),
    row(DESCRIBE, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(DESCRIBE, "NOT_FOUND", "Namespace", |r, _| *r = json!({"id": "00000000-0000-4000-8000-000000000000"})),
    row(UPDATE, "INVALID_ARGUMENT", "Namespace not set on request.", |r, _| r["namespace"] = json!("")),
    row(UPDATE, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(UPDATE, "INVALID_ARGUMENT", "A valid retention period is not set on request.", |r, _| {
        r["config"] = json!({"workflowExecutionRetentionTtl": "60s"})
    }),
    row(UPDATE, "INVALID_ARGUMENT", "A valid retention period is not set on request.", |r, _| {
        r["config"] = json!({"workflowExecutionRetentionTtl": "-1s"})
    }),
    row(DEPRECATE, "INVALID_ARGUMENT", "Namespace not set on request.", |r, _| r["namespace"] = json!("")),
    row(DEPRECATE, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(DELETE, "INVALID_ARGUMENT", "Namespace not set on request.", |r, _| r["namespace"] = json!("")),
    row(DELETE, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(DELETE, "FAILED_PRECONDITION", "unable to delete system namespace", |r, _| {
        r["namespace"] = json!("temporal-system")
    }),
    row(DELETE, "FAILED_PRECONDITION", "unable to delete system namespace", |r, _| {
        *r = json!({"namespaceId": "32049b68-7872-4094-8e63-d0dd59896a83"})
    }),
    row(ADD, "INVALID_ARGUMENT", "Namespace is not set on request.", |r, _| r["namespace"] = json!("")),
    row(ADD, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(ADD, "INVALID_ARGUMENT", "SearchAttributes are not set on request.", |r, _| r["searchAttributes"] = json!({})),
    row(ADD, "INVALID_ARGUMENT", "Search attribute WorkflowId is reserved by system.", |r, _| {
        r["searchAttributes"] = json!({"WorkflowId": "INDEXED_VALUE_TYPE_KEYWORD"})
    }),
    row(
        ADD,
        "INVALID_ARGUMENT",
        "Unable to create search attributes: cannot have more than 0 search attribute of type Unspecified.",
        |r, _| r["searchAttributes"] = json!({"ProbeNew": "INDEXED_VALUE_TYPE_UNSPECIFIED"}),
    ),
    row(REMOVE, "INVALID_ARGUMENT", "Namespace is not set on request.", |r, _| r["namespace"] = json!("")),
    row(REMOVE, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
    row(REMOVE, "INVALID_ARGUMENT", "SearchAttributes are not set on request.", |r, _| {
        r["searchAttributes"] = json!([])
    }),
    row(REMOVE, "INVALID_ARGUMENT", "Unable to remove non-custom search attributes: WorkflowId.", |r, _| {
        r["searchAttributes"] = json!(["WorkflowId"])
    }),
    row(LIST, "INVALID_ARGUMENT", "Namespace is not set on request.", |r, _| r["namespace"] = json!("")),
    row(LIST, "NOT_FOUND", "Namespace probe-nowhere is not found.", |r, _| r["namespace"] = json!(NOWHERE)),
];
