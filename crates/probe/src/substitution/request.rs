//! Requests of the data plane that would do something if they were let: one or more for each method, made of what a
//! tenant has.

use prost_reflect::DynamicMessage;
use serde_json::{Value, json};

use super::{
    places::Content,
    tenant::{Ids, Need},
};
use crate::{
    Fault,
    catalog::{Catalog, Method},
    secured::base64,
};

/// What has to be there for a method's requests.
pub(super) fn need(rpc: &str, is_served: bool) -> Need {
    match rpc {
        _ if !is_served || is_list(rpc) => Need::Names,
        "PollActivityTaskQueue" | "PollWorkflowTaskQueue" => Need::Run,
        _ if rpc.starts_with("RespondWorkflowTask") || rpc == "RespondQueryTaskCompleted" => Need::WorkflowTask,
        _ if rpc.contains("ActivityTask") => Need::Activity,
        _ => Need::Run,
    }
}

/// Whether a method's answer is about all runs of a namespace.
pub(super) fn is_list(rpc: &str) -> bool {
    rpc.contains("WorkflowExecutions") && ["List", "Scan", "Count"].iter().any(|verb| rpc.starts_with(verb))
}

/// The requests of a method in a tenant's name, each with a word for what it is about.
pub(super) fn requests(
    catalog: &Catalog,
    rpc: &str,
    method: &Method,
    ids: &Ids,
) -> Result<Vec<(&'static str, DynamicMessage)>, Fault> {
    let plain = plain(rpc, method, ids);
    let mut requests = Vec::new();
    if rpc == "RespondWorkflowTaskCompleted" {
        for (about, command) in commands(ids) {
            let mut request = plain.clone();
            request["commands"] = json!([command]);
            requests.push((about, request));
        }
    }
    if rpc == "ExecuteMultiOperation" {
        let start = json!({
            "namespace": ids.namespace, "workflowId": ids.start_id, "workflowType": {"name": "Sound"},
            "taskQueue": {"name": ids.queue}, "requestId": "inner",
        });
        let update = json!({
            "namespace": ids.namespace, "workflowExecution": {"workflowId": ids.start_id},
            "request": {"meta": {"updateId": "one"}, "input": {"name": "change"}},
        });
        let mut request = plain.clone();
        request["operations"] = json!([{"startWorkflow": start}, {"updateWorkflow": update}]);
        requests.push(("both", request));
    }
    if requests.is_empty() {
        requests.push(("", plain));
    }
    let decoded = |(about, request): (&'static str, Value)| {
        let body = catalog.encode(method, &request)?;
        Ok((about, DynamicMessage::decode(method.input.clone(), body)?))
    };
    requests.into_iter().map(decoded).collect()
}

fn plain(rpc: &str, method: &Method, ids: &Ids) -> Value {
    let starts = matches!(rpc, "StartWorkflowExecution" | "SignalWithStartWorkflowExecution");
    let execution = json!({"workflowId": ids.workflow_id, "runId": ids.run_id});
    let token = if rpc.contains("Activity") { &ids.activity_token } else { &ids.workflow_token };
    let named = json!({
        "namespace": ids.namespace, "activityId": ids.activity_id, "taskToken": base64(token),
        "workflowId": if starts { &ids.start_id } else { &ids.workflow_id },
        "runId": ids.run_id, "execution": execution, "workflowExecution": execution,
        "workflowType": {"name": "Sound"}, "taskQueue": {"name": ids.queue}, "signalName": "poke",
        "query": {"queryType": "state"}, "workflowExecutionRetentionPeriod": "86400s", "identity": ids.identity,
        "completedType": "QUERY_RESULT_TYPE_ANSWERED", "stickyTaskQueue": ids.queue, "jobId": ids.workflow_id,
        "scheduleId": ids.workflow_id, "reason": "probe",
    });
    let mut request = json!({});
    for field in method.input.fields() {
        let Some(value) = named.get(field.json_name()) else {
            continue;
        };
        let (is_text, is_message) = (value.is_string(), field.kind().as_message().is_some());
        let is_enum = field.kind().as_enum().is_some();
        match field.name() {
            "query" if !is_message => request[field.json_name()] = json!(filter(ids)),
            "task_queue" if !is_message => request[field.json_name()] = json!(ids.queue),
            "completed_type" => request[field.json_name()] = value.clone(),
            _ if is_enum || field.is_list() => {}
            "workflow_execution_retention_period" => request[field.json_name()] = value.clone(),
            _ if is_text != is_message => request[field.json_name()] = value.clone(),
            _ => {}
        }
    }
    request
}

fn filter(ids: &Ids) -> String {
    format!("WorkflowId = '{}'", ids.workflow_id)
}

/// One command of each kind that can reach beyond its own run, and some that can't.
fn commands(ids: &Ids) -> Vec<(&'static str, Value)> {
    let execution = json!({"workflowId": ids.workflow_id, "runId": ids.run_id});
    let kind = json!({"name": "Sound"});
    let queue = json!({"name": ids.queue});
    let command = |kind: &str, field: &str, attributes: Value| json!({"commandType": format!("COMMAND_TYPE_{kind}"), (format!("{field}CommandAttributes")): attributes});
    vec![
        (
            "start a child",
            command(
                "START_CHILD_WORKFLOW_EXECUTION",
                "startChildWorkflowExecution",
                json!({
                    "namespace": ids.namespace, "workflowId": ids.start_id, "workflowType": kind, "taskQueue": queue,
                }),
            ),
        ),
        (
            "signal another",
            command(
                "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION",
                "signalExternalWorkflowExecution",
                json!({
                    "namespace": ids.namespace, "execution": execution, "signalName": "poke",
                }),
            ),
        ),
        (
            "cancel another",
            command(
                "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION",
                "requestCancelExternalWorkflowExecution",
                json!({"namespace": ids.namespace, "workflowId": ids.workflow_id, "runId": ids.run_id}),
            ),
        ),
        (
            "schedule an activity",
            command(
                "SCHEDULE_ACTIVITY_TASK",
                "scheduleActivityTask",
                json!({
                    "activityId": ids.activity_id, "activityType": kind, "taskQueue": queue, "startToCloseTimeout": "60s",
                }),
            ),
        ),
        (
            "continue as new",
            command(
                "CONTINUE_AS_NEW_WORKFLOW_EXECUTION",
                "continueAsNewWorkflowExecution",
                json!({
                    "workflowType": kind, "taskQueue": queue,
                }),
            ),
        ),
        (
            "start a timer",
            command(
                "START_TIMER",
                "startTimer",
                json!({
                    "timerId": ids.activity_id, "startToFireTimeout": "3600s",
                }),
            ),
        ),
        ("complete", command("COMPLETE_WORKFLOW_EXECUTION", "completeWorkflowExecution", json!({}))),
    ]
}

/// What a tenant has for a place that its own request leaves empty, by the name of the field and of those above it.
pub(super) fn value(rpc: &str, place: &str, ids: &Ids) -> Content {
    let text = |text: &str| Content::Text(text.to_owned());
    let leaf = place.rsplit('.').next().unwrap_or(place);
    match leaf {
        "next_page_token" if rpc.starts_with("GetWorkflowExecutionHistory") => {
            Content::Bytes(ids.history_token.clone())
        }
        "next_page_token" => Content::Bytes(ids.list_token.clone()),
        "task_token" if rpc.contains("Activity") => Content::Bytes(ids.activity_token.clone()),
        "task_token" => Content::Bytes(ids.workflow_token.clone()),
        "query" => text(&filter(ids)),
        "id" => text(&ids.namespace_id),
        "workflow_id" if rpc.contains("Start") => text(&ids.start_id),
        _ if leaf.contains("run_id") => text(&ids.run_id),
        _ if leaf.contains("workflow_id") => text(&ids.workflow_id),
        _ if leaf.contains("activity_id") => text(&ids.activity_id),
        _ if leaf.contains("identity") => text(&ids.identity),
        _ if place.contains("queue") => text(&ids.waiting),
        _ => text(&ids.namespace),
    }
}
