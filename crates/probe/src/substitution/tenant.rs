//! A tenant at work: what it has in its namespace, by the names under which requests ask for it.

use std::{sync::Arc, time::Duration};

use base64::Engine;
use serde_json::{Value, json};

use crate::{
    Fault,
    catalog::Catalog,
    secured::{base64, text},
    wire::Wire,
};

/// Deadline of the calls that prepare something.
const DEADLINE: Duration = Duration::from_secs(30);
/// What only the other tenant's own answers may contain.
pub(super) const SECRET_TYPE: &str = "TypeOfBravo";
pub(super) const SECRET_IDENTITY: &str = "worker-of-bravo";

/// What requests can name.
#[derive(Debug, Clone, Default)]
pub(super) struct Ids {
    pub(super) namespace: String,
    pub(super) namespace_id: String,
    pub(super) workflow_id: String,
    /// The Workflow Id that a start asks for.
    pub(super) start_id: String,
    pub(super) run_id: String,
    pub(super) queue: String,
    /// A queue in which tasks wait for a worker.
    pub(super) waiting: String,
    pub(super) activity_id: String,
    pub(super) identity: String,
    pub(super) workflow_token: Vec<u8>,
    pub(super) activity_token: Vec<u8>,
    pub(super) list_token: Vec<u8>,
    pub(super) history_token: Vec<u8>,
    /// Tokens of tasks that are over.
    pub(super) spent: [Vec<u8>; 2],
}

impl Ids {
    /// Names of the same shape for which there is nothing.
    pub(super) fn absent(&self, namespace: &str) -> Ids {
        let other = |text: &str| text.replace("bravo", "nobdy");
        let run_id: String = self
            .run_id
            .chars()
            .map(|c| {
                if c == '0' {
                    '1'
                } else if c == '1' {
                    '0'
                } else {
                    c
                }
            })
            .collect();
        let elsewhere = |token: &[u8]| replaced(token, &raw(&self.run_id), &raw(&run_id));
        let [workflow_token, activity_token] = self.spent.clone();
        Ids {
            namespace: namespace.to_owned(),
            namespace_id: run_id.clone(),
            workflow_id: other(&self.workflow_id),
            start_id: other(&self.start_id),
            queue: other(&self.queue),
            waiting: other(&self.waiting),
            activity_id: other(&self.activity_id),
            identity: other(&self.identity),
            workflow_token,
            activity_token,
            list_token: elsewhere(&self.list_token),
            history_token: elsewhere(&self.history_token),
            spent: Default::default(),
            run_id,
        }
    }

    /// Each value as it can appear in an answer, with the word that stands for it.
    pub(super) fn known(&self, whose: &'static str) -> Vec<(String, &'static str)> {
        let tokens = [&self.workflow_token, &self.activity_token, &self.list_token, &self.history_token];
        let texts = [
            &self.workflow_id,
            &self.start_id,
            &self.run_id,
            &self.queue,
            &self.waiting,
            &self.activity_id,
            &self.identity,
            &self.namespace_id,
            &self.namespace,
        ];
        let tokens = tokens.into_iter().filter(|token| !token.is_empty()).map(|token| base64(token));
        texts.into_iter().cloned().chain(tokens).map(|value| (value, whose)).collect()
    }

    /// What answers to others must not contain.
    pub(super) fn secrets(&self) -> Vec<String> {
        let own = [&self.workflow_id, &self.run_id, &self.queue, &self.waiting, &self.namespace, &self.namespace_id];
        let own = own.into_iter().cloned();
        own.chain([SECRET_TYPE, SECRET_IDENTITY].map(str::to_owned)).filter(|secret| !secret.is_empty()).collect()
    }
}

/// The sixteen bytes of an id as text.
fn raw(id: &str) -> Vec<u8> {
    let digits: Vec<u8> = id.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(&String::from_utf8_lossy(pair), 16).unwrap_or_default();
    digits.chunks(2).map(byte).collect()
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if !from.is_empty()
        && let Some(at) = bytes.windows(from.len()).position(|window| window == from)
    {
        bytes[at..at + from.len()].copy_from_slice(to);
    }
    bytes
}

/// How much has to be there for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// Nothing: the method is not served.
    Names,
    /// A run.
    Run,
    /// A Workflow Task in a worker's hands.
    WorkflowTask,
    /// An Activity in a worker's hands.
    Activity,
}

/// Somebody who may do everything in one namespace.
#[derive(Debug, Clone)]
pub(super) struct Tenant {
    pub(super) catalog: Arc<Catalog>,
    pub(super) wire: Wire,
    pub(super) namespace: String,
    /// What its names begin with.
    pub(super) name: &'static str,
}

impl Tenant {
    pub(super) async fn call(&self, rpc: &str, request: Value) -> Result<Value, Fault> {
        let method = self.catalog.method(rpc)?;
        let body = self.catalog.encode(method, &request)?;
        let reply = self.wire.call(&method.path, body, DEADLINE).await;
        let reply = reply.map_err(|status| {
            format!("{rpc} of {}: {:?} {} in {request}", self.name, status.code(), status.message())
        })?;
        self.catalog.decode(method, reply)
    }

    fn identity(&self) -> String {
        format!("worker-of-{}", self.name)
    }

    /// The names of what a run with this number would have.
    fn names(&self, number: usize) -> Ids {
        let named = |kind: &str| format!("{kind}-{}-{number:06}", self.name);
        Ids {
            namespace: self.namespace.clone(),
            workflow_id: named("run"),
            start_id: named("new"),
            queue: named("queue"),
            waiting: named("waiting"),
            activity_id: named("activity"),
            identity: self.identity(),
            run_id: format!("00000000-0000-4000-8000-{number:012}"),
            ..Ids::default()
        }
    }

    async fn start(&self, workflow_id: &str, queue: &str) -> Result<String, Fault> {
        let kind = if self.name == "bravo" { SECRET_TYPE } else { "Sound" };
        let request = json!({
            "namespace": self.namespace, "workflowId": workflow_id, "workflowType": {"name": kind},
            "taskQueue": {"name": queue}, "requestId": workflow_id, "workflowTaskTimeout": "120s",
            "identity": self.identity(),
        });
        text(&self.call("StartWorkflowExecution", request).await?, "runId")
    }

    async fn task(&self, rpc: &str, queue: &str) -> Result<Vec<u8>, Fault> {
        let request = json!({"namespace": self.namespace, "taskQueue": {"name": queue}, "identity": self.identity()});
        let token = text(&self.call(rpc, request).await?, "taskToken")?;
        Ok(base64::engine::general_purpose::STANDARD.decode(token)?)
    }

    async fn completed(&self, token: &[u8], commands: Vec<Value>) -> Result<(), Fault> {
        let request = json!({"namespace": self.namespace, "taskToken": base64(token), "commands": commands});
        self.call("RespondWorkflowTaskCompleted", request).await.map(drop)
    }

    async fn activity_completed(&self, token: &[u8]) -> Result<(), Fault> {
        let request = json!({"namespace": self.namespace, "taskToken": base64(token)});
        self.call("RespondActivityTaskCompleted", request).await.map(drop)
    }

    /// Makes what a request needs, with names of its own.
    pub(super) async fn live(&self, number: usize, need: Need) -> Result<Ids, Fault> {
        let mut ids = self.names(number);
        if need == Need::Names {
            return Ok(ids);
        }
        ids.run_id = self.start(&ids.workflow_id, &ids.queue).await?;
        if need >= Need::WorkflowTask {
            ids.workflow_token = self.task("PollWorkflowTaskQueue", &ids.queue).await?;
        }
        if need == Need::Activity {
            self.completed(&ids.workflow_token, vec![schedule(&ids.activity_id, &ids.queue)]).await?;
            ids.activity_token = self.task("PollActivityTaskQueue", &ids.queue).await?;
        }
        Ok(ids)
    }

    /// Makes everything that a request could name: a run with a Workflow Task and an Activity in a worker's hands,
    /// tasks that are over, tasks that wait, and lists that go on.
    pub(super) async fn victim(&self, number: usize) -> Result<Ids, Fault> {
        let mut ids = self.live(number, Need::WorkflowTask).await?;
        ids.start_id = ids.workflow_id.clone();
        ids.spent[0] = ids.workflow_token.clone();
        let scheduled = vec![schedule("spent", &ids.queue), schedule("idle", &ids.waiting)];
        self.completed(&ids.workflow_token, scheduled).await?;
        ids.spent[1] = self.task("PollActivityTaskQueue", &ids.queue).await?;
        self.activity_completed(&ids.spent[1]).await?;
        ids.workflow_token = self.task("PollWorkflowTaskQueue", &ids.queue).await?;
        self.completed(&ids.workflow_token, vec![schedule(&ids.activity_id, &ids.queue)]).await?;
        ids.activity_token = self.task("PollActivityTaskQueue", &ids.queue).await?;
        let execution = json!({"workflowId": ids.workflow_id, "runId": ids.run_id});
        let signal = json!({
            "namespace": self.namespace, "workflowExecution": execution, "signalName": "go", "requestId": "go",
        });
        self.call("SignalWorkflowExecution", signal).await?;
        ids.workflow_token = self.task("PollWorkflowTaskQueue", &ids.queue).await?;
        self.start(&format!("{}-waits", ids.workflow_id), &ids.waiting).await?;
        let page = json!({"namespace": self.namespace, "execution": execution, "maximumPageSize": 1});
        ids.history_token = decoded(&self.call("GetWorkflowExecutionHistory", page).await?)?;
        ids.list_token =
            decoded(&self.call("ListWorkflowExecutions", json!({"namespace": self.namespace, "pageSize": 1})).await?)?;
        let described = self.call("DescribeNamespace", json!({"namespace": self.namespace})).await?;
        ids.namespace_id = text(&described["namespaceInfo"], "id")?;
        Ok(ids)
    }

    /// Everything that the tenant can see of a victim.
    pub(super) async fn state(&self, ids: &Ids) -> Result<Value, Fault> {
        let mut state = Vec::new();
        for workflow_id in [ids.workflow_id.clone(), format!("{}-waits", ids.workflow_id)] {
            let execution = json!({"namespace": self.namespace, "execution": {"workflowId": workflow_id}});
            state.push(self.call("DescribeWorkflowExecution", execution.clone()).await?);
            state.push(self.call("GetWorkflowExecutionHistory", execution).await?);
        }
        for queue in [&ids.queue, &ids.waiting] {
            for kind in ["TASK_QUEUE_TYPE_WORKFLOW", "TASK_QUEUE_TYPE_ACTIVITY"] {
                let asked = json!({"namespace": self.namespace, "taskQueue": {"name": queue}, "taskQueueType": kind});
                let mut described = self.call("DescribeTaskQueue", asked).await?;
                // When a poller came last is the tenant's own doing; who it is must stay.
                for poller in described["pollers"].as_array_mut().into_iter().flatten() {
                    poller["lastAccessTime"] = Value::Null;
                }
                state.push(described);
            }
        }
        Ok(state.into())
    }

    /// Uses up everything that the tenant holds in its hands: nobody has taken it away.
    pub(super) async fn finish(&self, ids: &Ids) -> Result<(), Fault> {
        self.activity_completed(&ids.activity_token).await?;
        self.completed(&ids.workflow_token, Vec::new()).await?;
        self.task("PollWorkflowTaskQueue", &ids.waiting).await?;
        self.task("PollActivityTaskQueue", &ids.waiting).await.map(drop)
    }
}

fn decoded(reply: &Value) -> Result<Vec<u8>, Fault> {
    Ok(base64::engine::general_purpose::STANDARD.decode(text(reply, "nextPageToken")?)?)
}

fn schedule(activity_id: &str, queue: &str) -> Value {
    json!({
        "commandType": "COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK",
        "scheduleActivityTaskCommandAttributes": {
            "activityId": activity_id, "activityType": {"name": "Sound"}, "taskQueue": {"name": queue},
            "startToCloseTimeout": "3600s",
        },
    })
}
