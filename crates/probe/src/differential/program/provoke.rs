//! Bringing declared refusals about: each turns a valid request into one that both servers have to refuse alike.

use serde_json::{Value, json};

use super::{
    IDENTITY, NAMESPACE, Program,
    activities::activity_rpc,
    reads::old_list,
    task_queue,
    world::{HeldActivity, HeldTask},
};
use crate::differential::{
    pair::{Answer, Stop},
    refusals::{self, Refusal, Scene},
};

/// Refusals and bad commands that one sweep provokes.
const SWEEP: usize = 90;
const SWEEP_COMMANDS: usize = 21;

impl Program {
    /// Provokes the next declared refusal that the state of the program allows.
    pub(crate) async fn provoke(&mut self) -> Result<(), Stop> {
        let Some(open) = self.any_open() else { return Ok(()) };
        let closed = self
            .runs
            .iter()
            .find(|run| run.info()["status"] == "WORKFLOW_EXECUTION_STATUS_COMPLETED" && !run.deleted && !run.reserved);
        let Some(closed) = closed else { return Ok(()) };
        if self.runs.iter().filter(|run| run.workflow_id == closed.workflow_id).count() > 1 {
            return Ok(());
        }
        let scene = Scene { open: self.runs[open].execution(), closed: closed.execution() };
        let task = self.tasks.iter().find(|task| task.run == open).cloned();
        let activity = self.activities.iter().find(|held| held.run == open).cloned();
        self.provoke_next(&scene, open, task.as_ref(), activity.as_ref()).await
    }

    async fn provoke_next(
        &mut self,
        scene: &Scene,
        open: usize,
        task: Option<&HeldTask>,
        activity: Option<&HeldActivity>,
    ) -> Result<(), Stop> {
        let only = self.only.clone();
        let wanted = |row: &&Refusal| row.provoke.is_some() && only.as_deref().is_none_or(|only| only == row.rpc);
        let rows: Vec<&Refusal> = refusals::declared().filter(wanted).collect();
        for _ in 0..rows.len() {
            let row = rows[self.next_refusal % rows.len()];
            self.next_refusal += 1;
            let Some(mut request) = self.valid_request(row.rpc, scene, open, task, activity) else {
                continue;
            };
            if let Some(provoke) = row.provoke {
                provoke(&mut request, scene);
            }
            return match self.call(row.rpc, request).await? {
                Answer::Refusal(refusal) if is_declared(row, &refusal) => Ok(()),
                answer => Err(Stop::Broken(format!(
                    "{} should have been refused with {} {:?}: {}",
                    row.rpc,
                    row.code,
                    row.text,
                    answer.value()
                ))),
            };
        }
        Ok(())
    }

    /// A request of that RPC that would be granted; `None` when it needs a task that nobody holds.
    fn valid_request(
        &mut self,
        rpc: &str,
        scene: &Scene,
        open: usize,
        task: Option<&HeldTask>,
        activity: Option<&HeldActivity>,
    ) -> Option<Value> {
        let by_token = ["Heartbeat", "Completed", "Failed", "Canceled"].map(|how| activity_rpc(how, false));
        let by_id = ["Heartbeat", "Completed", "Failed", "Canceled"].map(|how| activity_rpc(how, true));
        let request = match rpc {
            "StartWorkflowExecution" => self.start_request(),
            "SignalWithStartWorkflowExecution" => self.signal_with_start_request(),
            "SignalWorkflowExecution" => json!({"workflowExecution": scene.open, "signalName": "poke"}),
            "RequestCancelWorkflowExecution" | "TerminateWorkflowExecution" | "DeleteWorkflowExecution" => {
                json!({"workflowExecution": scene.open})
            }
            "QueryWorkflow" => self.query_request(open),
            "UpdateWorkflowExecution" => self.plain_update(&scene.open),
            "PollWorkflowExecutionUpdate" => {
                json!({"updateRef": {"workflowExecution": scene.open, "updateId": "unheard-of"}})
            }
            "ExecuteMultiOperation" => self.plain_update_with_start(),
            "DescribeTaskQueue" => json!({"taskQueue": task_queue(&format!("{}idle", self.prefix))}),
            "PollWorkflowTaskQueue" | "PollActivityTaskQueue" => {
                json!({"taskQueue": task_queue(&format!("{}idle", self.prefix)), "identity": IDENTITY})
            }
            "RespondWorkflowTaskCompleted" | "RespondWorkflowTaskFailed" => json!({"taskToken": task?.token}),
            "RespondQueryTaskCompleted" => json!({"completedType": "QUERY_RESULT_TYPE_ANSWERED"}),
            "ShutdownWorker" => json!({"stickyTaskQueue": format!("{}sticky", self.prefix), "identity": IDENTITY}),
            "ListWorkflowExecutions"
            | "ListArchivedWorkflowExecutions"
            | "ScanWorkflowExecutions"
            | "CountWorkflowExecutions" => {
                json!({"query": self.filter("")})
            }
            "ListOpenWorkflowExecutions" | "ListClosedWorkflowExecutions" => old_list(&self.runs[open].workflow_id),
            "ListTaskQueuePartitions" => json!({"taskQueue": task_queue(&format!("{}idle", self.prefix))}),
            "RegisterNamespace" => {
                json!({"namespace": self.fresh("n"), "workflowExecutionRetentionPeriod": "259200s"})
            }
            "AddSearchAttributes" => json!({"searchAttributes": {"ProbeMore": "INDEXED_VALUE_TYPE_KEYWORD"}}),
            "RemoveSearchAttributes" => json!({"searchAttributes": ["ProbeMore"]}),
            rpc if by_token.iter().any(|name| name == rpc) => json!({"taskToken": activity?.token}),
            rpc if by_id.iter().any(|name| name == rpc) => {
                let run = &self.runs[open];
                json!({"workflowId": run.workflow_id, "runId": run.run_id, "activityId": activity?.activity_id})
            }
            _ => json!({"execution": scene.open}),
        };
        Some(in_namespace(rpc, request))
    }

    /// Provokes many refusals one after the other, over a run that has all that they need.
    pub(crate) async fn sweep(&mut self, round: usize) -> Result<(), Stop> {
        self.next_refusal = round * SWEEP;
        let closed = self.completed_run().await?;
        let request = self.start_request();
        let Some(open) = self.start_with("StartWorkflowExecution", request).await? else {
            return Ok(());
        };
        let Some(task) = self.take_task_of(open).await? else {
            return Ok(());
        };
        let schedule = self.schedule_activity(open);
        self.tasks.clear();
        let request = json!({
            "namespace": NAMESPACE, "taskToken": task.token, "identity": IDENTITY, "commands": [schedule],
            "forceCreateNewWorkflowTask": true, "returnNewWorkflowTask": true,
        });
        self.respond(request).await?;
        self.settle().await?;
        let queue = self.runs[open].pending_activities().into_iter().next().map(|pending| pending.queue);
        let activity = self.take_activity_from(&queue.unwrap_or_default()).await?;
        self.settle().await?;
        let task = self.tasks.last().cloned();
        let scene = Scene { open: self.runs[open].execution(), closed: self.runs[closed].execution() };
        for _ in 0..SWEEP {
            self.provoke_next(&scene, open, task.as_ref(), activity.as_ref()).await?;
        }
        self.settle().await
    }

    /// Has bad commands refused, each on a run of its own.
    pub(crate) async fn sweep_commands(&mut self, round: usize) -> Result<(), Stop> {
        let first = round * SWEEP_COMMANDS;
        for at in first..first + SWEEP_COMMANDS.min(refusals::bad_commands()) {
            let request = self.start_request();
            let Some(open) = self.start_with("StartWorkflowExecution", request).await? else {
                return Ok(());
            };
            let Some(task) = self.take_task_of(open).await? else {
                return Ok(());
            };
            let commands = refusals::bad_command(at, &self.runs[open]);
            let request = json!({
                "namespace": NAMESPACE, "taskToken": task.token, "identity": IDENTITY, "commands": commands,
            });
            self.respond(request).await?;
            self.settle().await?;
            let request = json!({"namespace": NAMESPACE, "workflowExecution": self.runs[open].execution()});
            if self.runs[open].is_open() {
                self.must("TerminateWorkflowExecution", request).await?;
            }
            self.settle().await?;
        }
        Ok(())
    }

    /// A run that has completed.
    pub(crate) async fn completed_run(&mut self) -> Result<usize, Stop> {
        let request = self.start_request();
        let started = self.start_with("StartWorkflowExecution", request).await?;
        let at = started.ok_or_else(|| Stop::Broken("a plain start was refused".to_owned()))?;
        let task = self.take_task_of(at).await?;
        let token = task.map(|task| task.token).unwrap_or_default();
        let complete = super::commands::command("COMPLETE_WORKFLOW_EXECUTION", json!({}));
        let request = json!({"namespace": NAMESPACE, "taskToken": token, "identity": IDENTITY, "commands": [complete]});
        self.respond(request).await?;
        self.settle().await?;
        Ok(at)
    }
}

fn is_declared(row: &Refusal, refusal: &Value) -> bool {
    refusal["code"] == row.code && refusal["message"].as_str().unwrap_or_default().contains(row.text)
}

/// Adds the namespace to a request that has that field.
fn in_namespace(rpc: &str, mut request: Value) -> Value {
    let administers = rpc.ends_with("Namespace");
    if administers && rpc != "RegisterNamespace" {
        return json!({"namespace": NAMESPACE});
    }
    if rpc == "ListSearchAttributes" {
        return json!({"namespace": NAMESPACE});
    }
    if request.get("namespace").is_none() {
        request["namespace"] = json!(NAMESPACE);
    }
    request
}
