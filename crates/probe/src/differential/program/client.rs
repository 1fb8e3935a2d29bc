//! The calls of a client that start, address and end Workflow Executions.

use std::time::Duration;

use serde_json::{Value, json};

use super::{IDENTITY, NAMESPACE, Program, content, task_queue, text};
use crate::differential::pair::{Answer, Stop};

const REUSE_POLICIES: [&str; 3] = [
    "WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE",
    "WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY",
    "WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE",
];
const CONFLICT_POLICIES: [&str; 3] = [
    "WORKFLOW_ID_CONFLICT_POLICY_FAIL",
    "WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING",
    "WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING",
];

/// How long a deletion is watched. The reference puts it off for minutes when other work on the run is not done.
const DELETION_LIMIT: Duration = Duration::from_secs(8);

impl Program {
    /// The least request that starts a run under a fresh id.
    pub(crate) fn start_request(&mut self) -> Value {
        let workflow_id = self.fresh("w");
        json!({
            "namespace": NAMESPACE,
            "workflowId": workflow_id,
            "workflowType": {"name": "ProbeWorkflow"},
            "taskQueue": task_queue(&format!("{workflow_id}q")),
            "workflowTaskTimeout": "90s",
            "identity": IDENTITY,
            "requestId": format!("{workflow_id}r"),
        })
    }

    /// Starts a run with random options, under a fresh id or one that is taken.
    pub(crate) async fn start(&mut self) -> Result<(), Stop> {
        let mut request = self.start_request();
        self.decorate(&mut request);
        if self.seed.chance(20) {
            self.take_known_id(&mut request);
        }
        self.start_with("StartWorkflowExecution", request).await?;
        Ok(())
    }

    /// Sends a request that may start a run, and learns of the run. `None` when both refused.
    pub(crate) async fn start_with(&mut self, rpc: &str, request: Value) -> Result<Option<usize>, Stop> {
        let workflow_id = text(&request, "/workflowId");
        let queue = text(&request, "/taskQueue/name");
        match self.call(rpc, request).await? {
            Answer::Reply(reply) => {
                let at = self.learn(&workflow_id, &text(&reply, "/runId"), &queue);
                self.settle_other_runs_of(&workflow_id);
                Ok(Some(at))
            }
            Answer::Refusal(_) => Ok(None),
        }
    }

    /// A start under a taken id can end the run that had it.
    fn settle_other_runs_of(&mut self, workflow_id: &str) {
        for run in self.runs.iter_mut().filter(|run| run.workflow_id == workflow_id && !run.deleted) {
            run.at_rest = false;
        }
    }

    fn take_known_id(&mut self, request: &mut Value) {
        let Some(at) = self.any_run() else { return };
        request["workflowId"] = json!(self.runs[at].workflow_id);
        request["taskQueue"] = task_queue(&self.runs[at].queue);
        if let Some(policy) = self.seed.pick(&REUSE_POLICIES) {
            request["workflowIdReusePolicy"] = json!(policy);
        }
        if self.seed.chance(60)
            && let Some(policy) = self.seed.pick(&CONFLICT_POLICIES)
        {
            request["workflowIdConflictPolicy"] = json!(policy);
        }
        let conflict = text(request, "/workflowIdConflictPolicy");
        if conflict == CONFLICT_POLICIES[1] && request.get("signalName").is_none() && self.seed.chance(40) {
            request["onConflictOptions"] = json!({"attachRequestId": true});
        }
        if self.seed.chance(25) {
            // The same request once more: the run that it started is the answer. Perdure knows it longer than the reference: a
            // signal with start after the end and where it would terminate the run, and all of them when other runs have
            // followed.
            let run = &self.runs[at];
            let is_with_signal = request.get("signalName").is_some();
            let is_known_here_alone = (is_with_signal && (!run.is_open() || conflict == CONFLICT_POLICIES[2]))
                || self.runs.iter().filter(|other| other.workflow_id == run.workflow_id).count() > 1;
            let first = run.events("WORKFLOW_EXECUTION_STARTED").next();
            if first.is_some() && !is_known_here_alone {
                request["requestId"] = json!(format!("{}r", self.runs[at].workflow_id));
            }
        }
    }

    /// Adds random options to a request that starts a run.
    pub(crate) fn decorate(&mut self, request: &mut Value) {
        let options: [(&str, u64, Value); 10] = [
            ("input", 60, content::payloads("input")),
            ("workflowExecutionTimeout", 20, json!("7200s")),
            ("workflowRunTimeout", 20, json!("3600s")),
            ("memo", 25, content::fields("fields", "note", &json!("memo"))),
            ("searchAttributes", 30, content::search_attributes(&mut self.seed)),
            ("header", 20, content::fields("fields", "trace", &json!("header"))),
            ("userMetadata", 15, content::user_metadata()),
            ("retryPolicy", 15, json!({"initialInterval": "1s", "maximumAttempts": 2, "backoffCoefficient": 2})),
            ("priority", 10, json!({"priorityKey": 2, "fairnessKey": "tenant", "fairnessWeight": 1.5})),
            (
                "links",
                10,
                json!([{"workflowEvent": {
                    "namespace": NAMESPACE, "workflowId": "linked", "runId": "linked-run",
                    "eventRef": {"eventId": 1, "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"},
                }}]),
            ),
        ];
        for (name, percent, value) in options {
            if self.seed.chance(percent) {
                request[name] = value;
            }
        }
        if self.seed.chance(10) {
            request["workflowTaskTimeout"] = json!("200s");
        }
        if self.seed.chance(10)
            && let Some(policy) = self.seed.pick(&REUSE_POLICIES)
        {
            request["workflowIdReusePolicy"] = json!(policy);
        }
    }

    /// The least request that signals a run, starting it under a fresh id if need be.
    pub(crate) fn signal_with_start_request(&mut self) -> Value {
        let mut request = self.start_request();
        request["signalName"] = json!("poke");
        request["signalInput"] = content::payloads("poked");
        request
    }

    pub(crate) async fn signal_with_start(&mut self) -> Result<(), Stop> {
        let mut request = self.signal_with_start_request();
        self.decorate(&mut request);
        if self.seed.chance(50) {
            self.take_known_id(&mut request);
            if text(&request, "/workflowIdConflictPolicy") == CONFLICT_POLICIES[0] {
                request["workflowIdConflictPolicy"] = json!(CONFLICT_POLICIES[1]);
            }
        }
        self.start_with("SignalWithStartWorkflowExecution", request).await?;
        Ok(())
    }

    /// The run to address: mostly by its id alone or with its run id, at times one that has closed.
    fn addressed(&mut self) -> Option<(usize, Value)> {
        let at = if self.seed.chance(85) { self.any_open() } else { self.any_run() }?;
        let latest = self.runs.iter().rposition(|run| run.workflow_id == self.runs[at].workflow_id) == Some(at);
        let mut execution = self.runs[at].execution();
        if latest && self.seed.chance(50) {
            execution["runId"] = json!("");
        }
        Some((at, execution))
    }

    pub(crate) async fn signal(&mut self) -> Result<(), Stop> {
        let Some((at, execution)) = self.addressed() else {
            return Ok(());
        };
        let mut request = json!({
            "namespace": NAMESPACE, "workflowExecution": execution, "signalName": "poke", "identity": IDENTITY,
            "requestId": self.fresh("s"),
        });
        if self.seed.chance(70) {
            request["input"] = content::payloads("poked");
        }
        if self.seed.chance(20) {
            request["header"] = content::fields("fields", "trace", &json!("signal"));
        }
        let twice = self.seed.chance(15);
        self.call("SignalWorkflowExecution", request.clone()).await?;
        if twice {
            self.call("SignalWorkflowExecution", request).await?;
        }
        self.touch(at);
        Ok(())
    }

    pub(crate) async fn request_cancel(&mut self) -> Result<(), Stop> {
        let Some((at, execution)) = self.addressed() else {
            return Ok(());
        };
        let mut request = json!({
            "namespace": NAMESPACE, "workflowExecution": execution, "identity": IDENTITY,
            "requestId": self.fresh("c"), "reason": "enough",
        });
        if self.seed.chance(20) {
            request["firstExecutionRunId"] = self.runs[at].info()["firstRunId"].clone();
        }
        self.call("RequestCancelWorkflowExecution", request).await?;
        self.touch(at);
        Ok(())
    }

    pub(crate) async fn terminate(&mut self) -> Result<(), Stop> {
        let Some((at, execution)) = self.addressed() else {
            return Ok(());
        };
        let mut request = json!({
            "namespace": NAMESPACE, "workflowExecution": execution, "identity": IDENTITY, "reason": "over",
        });
        if self.seed.chance(50) {
            request["details"] = content::payloads("why");
        }
        if self.seed.chance(20) {
            request["firstExecutionRunId"] = self.runs[at].info()["firstRunId"].clone();
        }
        self.call("TerminateWorkflowExecution", request).await?;
        self.touch(at);
        Ok(())
    }

    /// Deletes a run that has neither parent nor children, and waits until it is gone from both servers.
    pub(crate) async fn delete(&mut self) -> Result<(), Stop> {
        let Some(at) = self.any_run() else { return Ok(()) };
        let run = &self.runs[at];
        let related = run.info().get("parentExecution").is_some()
            || run.description.get("pendingChildren").is_some()
            || self.runs.iter().filter(|other| other.workflow_id == run.workflow_id).count() > 1;
        if related {
            return Ok(());
        }
        let execution = run.execution();
        let request = json!({"namespace": NAMESPACE, "workflowExecution": execution});
        if self.call("DeleteWorkflowExecution", request).await?.reply().is_some() {
            let request = json!({"namespace": NAMESPACE, "execution": execution});
            let gone = |answer: &Value| answer["code"] == "NOT_FOUND";
            self.pair.read_within("DescribeWorkflowExecution", request, gone, DELETION_LIMIT).await?;
            self.runs[at].deleted = true;
            self.runs[at].at_rest = true;
            self.tasks.retain(|task| task.run != at);
            self.activities.retain(|held| held.run != at);
        }
        Ok(())
    }

    /// Has a run read again, even if it was at rest.
    fn touch(&mut self, at: usize) {
        if !self.runs[at].deleted {
            self.runs[at].at_rest = false;
        }
    }
}
