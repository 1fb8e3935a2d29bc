//! The worker's side of Workflow Tasks: taking them, answering them well, badly and not at all.

use std::time::Duration;

use serde_json::{Value, json};

use super::{IDENTITY, NAMESPACE, Program, commands::is_outward, content, task_queue, text, updates, world::HeldTask};
use crate::differential::{
    pair::{Answer, Stop},
    refusals,
};

/// How long a poll may wait for a task that is known to be there.
pub(crate) const POLL_DEADLINE: Duration = Duration::from_secs(20);
/// How long a call that waits is given to reach both servers before the next one follows.
pub(crate) const HEAD_START: Duration = Duration::from_millis(120);
/// From this attempt on the reference delays the next one by seconds.
const LAST_QUICK_ATTEMPT: i64 = 2;

const FAILURE_CAUSES: [&str; 4] = [
    "WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE",
    "WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR",
    "WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED",
    "WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES",
];

impl Program {
    /// Takes a waiting Workflow Task.
    pub(crate) async fn take_task(&mut self) -> Result<(), Stop> {
        let waiting: Vec<usize> = self.waiting().collect();
        let Some(at) = self.seed.pick(&waiting).copied() else {
            return Ok(());
        };
        self.take_task_of(at).await?;
        Ok(())
    }

    /// Takes the Workflow Task of a run from its own queue.
    pub(crate) async fn take_task_of(&mut self, at: usize) -> Result<Option<HeldTask>, Stop> {
        let request = self.poll_request(at);
        let reply = self.poll("PollWorkflowTaskQueue", request).await?;
        let task = self.hold(&reply);
        if task.is_some() {
            self.stale_queues.remove(&self.runs[at].queue);
        }
        Ok(task)
    }

    /// A request for the Workflow Tasks of a run.
    pub(crate) fn poll_request(&self, at: usize) -> Value {
        let queue = task_queue(&self.runs[at].queue);
        Self::with_build(json!({"namespace": NAMESPACE, "taskQueue": queue, "identity": IDENTITY}))
    }

    /// Polls with a deadline that is long enough for a task on its way.
    pub(crate) async fn poll(&mut self, rpc: &str, request: Value) -> Result<Value, Stop> {
        let answer = self.pair.call_within(rpc, request, POLL_DEADLINE).await?;
        Ok(answer.value().clone())
    }

    /// Notes the Workflow Task in a reply as held; `None` when the reply has none.
    pub(crate) fn hold(&mut self, reply: &Value) -> Option<HeldTask> {
        let token = text(reply, "/taskToken");
        if token.is_empty() {
            return None;
        }
        let run_id = text(reply, "/workflowExecution/runId");
        let task = HeldTask {
            token,
            run: self.runs.iter().position(|run| run.run_id == run_id)?,
            attempt: reply["attempt"].as_i64().unwrap_or(1),
            queries: reply["queries"].as_object().into_iter().flatten().map(|(id, _)| id.clone()).collect(),
            updates: updates::brought(reply),
        };
        self.tasks.push(task.clone());
        Some(task)
    }

    /// Takes one of the held tasks out of the worker's hands.
    fn release(&mut self) -> Option<HeldTask> {
        if self.tasks.is_empty() {
            return None;
        }
        let at = self.seed.below(self.tasks.len());
        Some(self.tasks.remove(at))
    }

    /// Completes a held task with random commands.
    pub(crate) async fn complete_task(&mut self) -> Result<(), Stop> {
        let Some(task) = self.release() else { return Ok(()) };
        let commands = self.random_commands(task.run);
        let outward = commands.iter().any(is_outward);
        let mut request = self.completion(&task, commands);
        if outward {
            without_new_task(&mut request);
        }
        self.speak_of_updates(&task, &mut request);
        self.respond_to(task, request).await
    }

    /// Sends a completion of a task; where it is refused the worker keeps what it has, until a server shows that it was taken
    /// back.
    async fn respond_to(&mut self, task: HeldTask, request: Value) -> Result<(), Stop> {
        if let Answer::Refusal(_) = self.respond(request).await? {
            self.tasks.push(task);
        }
        Ok(())
    }

    /// A completion of a task with those commands and random other fields.
    pub(crate) fn completion(&mut self, task: &HeldTask, commands: Vec<Value>) -> Value {
        let mut request = json!({
            "namespace": NAMESPACE, "taskToken": task.token, "identity": IDENTITY, "commands": commands,
        });
        if !task.queries.is_empty() {
            let results = task.queries.iter().map(|id| (id.clone(), self.query_result()));
            request["queryResults"] = Value::Object(results.collect());
        }
        if self.seed.chance(20) {
            request["sdkMetadata"] = json!({
                "coreUsedFlags": [1, 2], "langUsedFlags": [3], "sdkName": "probe-sdk", "sdkVersion": "1.2.3",
            });
        }
        if self.seed.chance(10) {
            request["meteringMetadata"] = json!({"nonfirstLocalActivityExecutionAttempts": 2});
        }
        if self.seed.chance(10) {
            request["forceCreateNewWorkflowTask"] = json!(true);
        }
        if self.seed.chance(25) {
            request["returnNewWorkflowTask"] = json!(true);
        }
        if self.seed.chance(10) {
            request["binaryChecksum"] = json!("checksum");
        }
        self.stamp(&mut request, "workerVersionStamp");
        request
    }

    /// Sends a completion, and keeps what comes with the reply.
    pub(crate) async fn respond(&mut self, request: Value) -> Result<Answer, Stop> {
        let answer = self.pair.call_within("RespondWorkflowTaskCompleted", request, POLL_DEADLINE).await?;
        if let Some(next) = answer.reply().and_then(|reply| reply.get("workflowTask")).cloned() {
            self.hold(&next);
        }
        let eager = answer.reply().and_then(|reply| reply["activityTasks"].as_array()).cloned().unwrap_or_default();
        for task in &eager {
            self.hold_activity(task);
        }
        Ok(answer)
    }

    /// Answers a held task with a command that both servers must refuse, and so fail the task.
    pub(crate) async fn spoil_task(&mut self) -> Result<(), Stop> {
        let Some(task) = self.release() else { return Ok(()) };
        if task.attempt >= LAST_QUICK_ATTEMPT {
            let request = self.completion(&task, Vec::new());
            return self.respond_to(task, request).await;
        }
        let bad = refusals::bad_command(self.next_refusal, &self.runs[task.run]);
        self.next_refusal += 1;
        let mut commands = if self.seed.chance(30) { vec![self.marker()] } else { Vec::new() };
        commands.extend(bad);
        let request = self.completion(&task, commands);
        self.respond_to(task, request).await
    }

    pub(crate) async fn fail_task(&mut self) -> Result<(), Stop> {
        let Some(task) = self.release() else { return Ok(()) };
        if task.attempt >= LAST_QUICK_ATTEMPT {
            let request = self.completion(&task, Vec::new());
            return self.respond_to(task, request).await;
        }
        let cause = self.seed.pick(&FAILURE_CAUSES).copied();
        let mut request = json!({
            "namespace": NAMESPACE, "taskToken": task.token, "identity": IDENTITY, "cause": cause,
            "failure": content::failure(&mut self.seed),
        });
        self.stamp(&mut request, "workerVersion");
        self.must("RespondWorkflowTaskFailed", request).await?;
        Ok(())
    }
}

/// Takes back the wish for a new task: while a worker holds one, what happens to the run is buffered and cannot be seen.
pub(crate) fn without_new_task(request: &mut Value) {
    if let Some(fields) = request.as_object_mut() {
        fields.remove("forceCreateNewWorkflowTask");
        fields.remove("returnNewWorkflowTask");
    }
}
