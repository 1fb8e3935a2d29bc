//! Valid requests to start from, over runs and tasks that exist, and the canary that shows that a server still works.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};

use crate::{
    Fault,
    catalog::{Catalog, Method},
    wire::Wire,
};

/// Deadline of the calls around the malformed ones.
const DEADLINE: Duration = Duration::from_secs(20);

/// A client and a worker that do nothing wrong.
#[derive(Debug)]
pub(super) struct Actors {
    catalog: Arc<Catalog>,
    port: u16,
}

impl Actors {
    /// Actors for the server on a port.
    pub(super) fn new(port: u16, catalog: Arc<Catalog>) -> Result<Actors, Fault> {
        Ok(Actors { catalog, port })
    }

    async fn call(&self, rpc: &str, request: Value) -> Result<Value, Fault> {
        let method = self.catalog.method(rpc)?;
        let body = self.catalog.encode(method, &request)?;
        let reply: Bytes = Wire::to(self.port)?
            .call(&method.path, body, DEADLINE)
            .await
            .map_err(|status| format!("{rpc}: {:?} {}", status.code(), status.message()))?;
        self.catalog.decode(method, reply)
    }

    async fn start(&self, workflow_id: &str) -> Result<String, Fault> {
        let request = json!({
            "namespace": "default", "workflowId": workflow_id, "workflowType": {"name": "Sound"},
            "taskQueue": {"name": workflow_id}, "requestId": workflow_id, "workflowTaskTimeout": "100s",
        });
        let reply = self.call("StartWorkflowExecution", request).await?;
        Ok(reply["runId"].as_str().unwrap_or_default().to_owned())
    }

    async fn task_token(&self, rpc: &str, queue: &str) -> Result<String, Fault> {
        let request = json!({"namespace": "default", "taskQueue": {"name": queue}, "identity": "probe"});
        let reply = self.call(rpc, request).await?;
        match reply["taskToken"].as_str() {
            Some(token) => Ok(token.to_owned()),
            None => Err(format!("{rpc}: no task came for queue {queue:?}").into()),
        }
    }

    /// Runs a workflow from its start to its end, as a client and a worker would.
    pub(super) async fn canary(&self, name: &str) -> Result<(), Fault> {
        let workflow_id = format!("canary-{name}");
        self.start(&workflow_id).await?;
        let token = self.task_token("PollWorkflowTaskQueue", &workflow_id).await?;
        let complete = json!({
            "commandType": "COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION",
            "completeWorkflowExecutionCommandAttributes": {},
        });
        let request = json!({"namespace": "default", "taskToken": token, "commands": [complete]});
        self.call("RespondWorkflowTaskCompleted", request).await?;
        let execution = json!({"namespace": "default", "execution": {"workflowId": workflow_id}});
        let reply = self.call("DescribeWorkflowExecution", execution).await?;
        let status = &reply["workflowExecutionInfo"]["status"];
        if status == "WORKFLOW_EXECUTION_STATUS_COMPLETED" {
            Ok(())
        } else {
            Err(format!("the canary is {status}").into())
        }
    }

    /// A valid request of that RPC, over a run of its own with a task and an Activity in a worker's hands.
    pub(super) async fn valid(&self, rpc: &str, method: &Method) -> Result<DynamicMessage, Fault> {
        let workflow_id = format!("sound-{rpc}");
        let run_id = self.start(&workflow_id).await?;
        let execution = json!({"workflowId": workflow_id, "runId": run_id});
        let mut token = String::new();
        if rpc.starts_with("RespondWorkflowTask") {
            token = self.task_token("PollWorkflowTaskQueue", &workflow_id).await?;
        } else if rpc.contains("ActivityTask") && rpc != "PollActivityTaskQueue" {
            token = self.activity_token(&workflow_id).await?;
        }
        let named = json!({
            "namespace": if rpc.ends_with("Namespace") && rpc != "DescribeNamespace" { "probe-sound" } else { "default" },
            "workflowId": workflow_id, "runId": run_id, "activityId": "one", "taskToken": token,
            "execution": execution, "workflowExecution": execution, "workflowType": {"name": "Sound"},
            "taskQueue": {"name": workflow_id}, "signalName": "poke", "query": {"queryType": "state"},
            "workflowExecutionRetentionPeriod": "86400s", "identity": "probe",
            "input": {"payloads": [{"data": "MQ=="}]},
        });
        let mut request = json!({});
        for field in method.input.fields() {
            let Some(value) = named.get(field.json_name()) else {
                continue;
            };
            let is_text = field.kind().as_message().is_none();
            request[field.json_name()] = match field.name() {
                "query" if is_text => json!("WorkflowType = 'Sound'"),
                "task_queue" if is_text => json!(workflow_id),
                _ => value.clone(),
            };
        }
        let body = self.catalog.encode(method, &request)?;
        Ok(DynamicMessage::decode(method.input.clone(), body)?)
    }

    /// Has an Activity scheduled and taken.
    async fn activity_token(&self, workflow_id: &str) -> Result<String, Fault> {
        let token = self.task_token("PollWorkflowTaskQueue", workflow_id).await?;
        let schedule = json!({
            "commandType": "COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK",
            "scheduleActivityTaskCommandAttributes": {
                "activityId": "one", "activityType": {"name": "Sound"}, "taskQueue": {"name": workflow_id},
                "startToCloseTimeout": "600s",
            },
        });
        let request = json!({"namespace": "default", "taskToken": token, "commands": [schedule]});
        self.call("RespondWorkflowTaskCompleted", request).await?;
        self.task_token("PollActivityTaskQueue", workflow_id).await
    }
}
