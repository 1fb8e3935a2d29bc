//! Workflow Updates: asked for by a client, and accepted, rejected, completed, ignored or spoiled by a worker.

mod across;
mod scenes;

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    IDENTITY, NAMESPACE, Program,
    commands::command,
    content, text,
    world::{HeldTask, attributes},
};
use crate::differential::pair::{Pending, Stop};

/// How long a client waits for an update, longer than any step of a program takes.
const UPDATE_DEADLINE: Duration = Duration::from_secs(30);

/// An update on its way to a worker, as the worker was told of it.
#[derive(Debug, Clone)]
pub(crate) struct Brought {
    pub(crate) update_id: String,
    message_id: String,
    event_id: i64,
}

/// What a worker does about an update.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Word {
    Complete,
    Accept,
    Reject,
    /// No word at all.
    Ignore,
}

/// What a client waits for.
const STAGES: [&str; 3] = [
    "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED",
    "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED",
    "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_UNSPECIFIED",
];

/// The updates that come with a Workflow Task.
pub(crate) fn brought(task: &Value) -> Vec<Brought> {
    let messages = task["messages"].as_array().into_iter().flatten();
    messages
        .map(|message| Brought {
            update_id: text(message, "/protocolInstanceId"),
            message_id: text(message, "/id"),
            event_id: message["eventId"].as_i64().unwrap_or_default(),
        })
        .collect()
}

impl Program {
    /// The least request for an update of a run.
    pub(crate) fn plain_update(&mut self, execution: &Value) -> Value {
        json!({
            "namespace": NAMESPACE, "workflowExecution": execution,
            "request": {"meta": {"updateId": self.fresh("u"), "identity": IDENTITY}, "input": {"name": "change"}},
        })
    }

    /// The least request for an update and the start of its run.
    pub(crate) fn plain_update_with_start(&mut self) -> Value {
        let start = self.start_request();
        let update = self.plain_update(&json!({"workflowId": start["workflowId"], "runId": ""}));
        json!({"namespace": NAMESPACE, "operations": [{"startWorkflow": start}, {"updateWorkflow": update}]})
    }

    /// A request for an update of a run.
    pub(crate) fn update_request(&mut self, execution: &Value, stage: &str) -> Value {
        let mut request = self.plain_update(execution);
        request["waitPolicy"] = json!({"lifecycleStage": stage});
        if self.seed.chance(60) {
            request["request"]["input"]["args"] = content::payloads("changed");
        }
        if self.seed.chance(20) {
            request["request"]["input"]["header"] = content::fields("fields", "trace", &json!("update"));
        }
        if self.seed.chance(15)
            && let Some(run) = self.runs.iter().find(|run| execution["runId"] == run.run_id.as_str())
        {
            request["firstExecutionRunId"] = run.info()["firstRunId"].clone();
        }
        request
    }

    /// Asks for an update and lets its client wait, once both servers have admitted it.
    async fn begin_update(&mut self, request: &Value) -> Result<Pending, Stop> {
        let pending = self.pair.begin("UpdateWorkflowExecution", request.clone(), UPDATE_DEADLINE)?;
        self.await_admission(request).await?;
        Ok(pending)
    }

    /// Waits until both servers know an update.
    async fn await_admission(&mut self, request: &Value) -> Result<(), Stop> {
        let admitted = |reply: &Value| reply.get("stage").is_some();
        self.pair.read("PollWorkflowExecutionUpdate", poll_request(request, None), admitted).await?;
        Ok(())
    }

    /// Updates an open run of the walk, with a worker that answers at once.
    pub(crate) async fn update(&mut self) -> Result<(), Stop> {
        let Some(at) = self.any_open() else { return Ok(()) };
        if self.runs[at].task_is_held() || self.is_put_off(at) || self.stale_queues.contains(&self.runs[at].queue) {
            // What a worker has, no poll brings.
            return Ok(());
        }
        let mut execution = self.runs[at].execution();
        let latest = self.runs.iter().rposition(|run| run.workflow_id == self.runs[at].workflow_id) == Some(at);
        if latest && self.seed.chance(50) {
            execution["runId"] = json!("");
        }
        self.update_run(at, &execution).await
    }

    /// True if the first Workflow Task of a run waits for its time.
    pub(crate) fn is_put_off(&self, at: usize) -> bool {
        self.runs[at].is_open() && self.runs[at].events("WORKFLOW_TASK_SCHEDULED").next().is_none()
    }

    /// Asks for one update or two, takes the Workflow Task that brings them, and answers it.
    async fn update_run(&mut self, at: usize, execution: &Value) -> Result<(), Stop> {
        let word = [Word::Complete, Word::Accept, Word::Reject, Word::Ignore][self.seed.weighted(&[5, 3, 3, 1])];
        // A client must not wait for what does not come.
        let stage = if word == Word::Accept { STAGES[0] } else { STAGES[self.seed.below(STAGES.len())] };
        let mut waiting = Vec::new();
        for _ in 0..1 + usize::from(self.seed.chance(20)) {
            let request = self.update_request(execution, stage);
            waiting.push((self.begin_update(&request).await?, request));
        }
        if self.seed.chance(20) {
            self.settle().await?;
        }
        if self.seed.chance(15) {
            self.signal_run(at).await?;
        }
        let Some(task) = self.take_task_of(at).await? else {
            return Err(Stop::Broken("no task came for an update".to_owned()));
        };
        self.tasks.retain(|held| held.token != task.token);
        if self.seed.chance(20) {
            self.settle().await?;
        }
        if self.seed.chance(15) {
            self.signal_run(at).await?;
        }
        let mut commands = Vec::new();
        if word != Word::Reject && self.seed.chance(30) {
            commands.push(self.marker());
        }
        let request = self.completion_with(&task, commands, |_| word);
        self.respond(request).await?;
        for (pending, request) in waiting {
            self.pair.finish(pending).await?;
            self.ask_about(&request, word).await?;
        }
        self.settle().await
    }

    /// Asks for an update once more, or how far it is.
    async fn ask_about(&mut self, request: &Value, word: Word) -> Result<(), Stop> {
        if self.seed.chance(50) {
            let stage = if word == Word::Complete { STAGES[self.seed.below(STAGES.len())] } else { STAGES[0] };
            let stage = self.seed.chance(70).then_some(stage);
            self.call("PollWorkflowExecutionUpdate", poll_request(request, stage)).await?;
        }
        if word == Word::Complete && self.seed.chance(25) {
            self.call("UpdateWorkflowExecution", request.clone()).await?;
        }
        Ok(())
    }

    /// A completion of a task with a word on each update that it brought, and the outcomes of some that it did not.
    fn completion_with(&mut self, task: &HeldTask, mut commands: Vec<Value>, word: impl Fn(&Brought) -> Word) -> Value {
        let mut messages = Vec::new();
        for update_id in self.under_way(task.run) {
            if self.seed.chance(50) {
                messages.push(self.response(&update_id));
            }
        }
        for update in &task.updates {
            match word(update) {
                Word::Complete => messages.extend([self.acceptance(update), self.response(&update.update_id)]),
                Word::Accept => messages.push(self.acceptance(update)),
                Word::Reject => messages.push(self.rejection(update)),
                Word::Ignore => {}
            }
        }
        // A rejection has no place among the commands.
        let said = |message: &&Value| !text(message, "/body/@type").ends_with("Rejection");
        if self.seed.chance(80) {
            let of_messages = messages.iter().filter(said).map(|message| protocol_message(&message["id"]));
            commands.splice(0..0, of_messages.collect::<Vec<_>>());
        }
        let mut request = self.completion(task, commands);
        super::worker::without_new_task(&mut request);
        request["messages"] = Value::Array(messages);
        if self.seed.chance(60) {
            // As SDKs of today do.
            request["capabilities"] = json!({"discardSpeculativeWorkflowTaskWithEvents": true});
        }
        request
    }

    /// Says of the updates that a task brought what the walk draws for them.
    pub(crate) fn speak_of_updates(&mut self, task: &HeldTask, request: &mut Value) {
        let mut messages = Vec::new();
        for update in &task.updates {
            match self.seed.below(5) {
                0 => messages.push(self.rejection(update)),
                1 => messages.push(self.acceptance(update)),
                _ => messages.extend([self.acceptance(update), self.response(&update.update_id)]),
            }
        }
        for update_id in self.under_way(task.run) {
            if self.seed.chance(30) {
                messages.push(self.response(&update_id));
            }
        }
        if !messages.is_empty() {
            request["messages"] = Value::Array(messages);
        }
    }

    /// Updates of a run that a worker has accepted and not completed.
    fn under_way(&self, at: usize) -> Vec<String> {
        let run = &self.runs[at];
        let is_done = |id: &Value| {
            run.events("WORKFLOW_EXECUTION_UPDATE_COMPLETED").any(|event| attributes(event)["meta"]["updateId"] == *id)
        };
        let accepted = run.events("WORKFLOW_EXECUTION_UPDATE_ACCEPTED");
        let ids = accepted.map(|event| &attributes(event)["protocolInstanceId"]).filter(|id| !is_done(id));
        ids.filter_map(|id| id.as_str().map(str::to_owned)).collect()
    }

    fn acceptance(&mut self, update: &Brought) -> Value {
        message(
            &update.update_id,
            "Acceptance",
            json!({
                "acceptedRequestMessageId": update.message_id, "acceptedRequestSequencingEventId": update.event_id,
            }),
        )
    }

    fn rejection(&mut self, update: &Brought) -> Value {
        let failure = content::failure(&mut self.seed);
        message(
            &update.update_id,
            "Rejection",
            json!({
                "rejectedRequestMessageId": update.message_id, "rejectedRequestSequencingEventId": update.event_id,
                "failure": failure,
            }),
        )
    }

    fn response(&mut self, update_id: &str) -> Value {
        let outcome = if self.seed.chance(75) {
            json!({"success": content::payloads("changed indeed")})
        } else {
            json!({"failure": content::failure(&mut self.seed)})
        };
        let body = json!({"meta": {"updateId": update_id, "identity": IDENTITY}, "outcome": outcome});
        message(update_id, "Response", body)
    }
}

/// Asks how far the update of a request is; without a stage it waits for nothing.
fn poll_request(request: &Value, stage: Option<&str>) -> Value {
    let mut poll = json!({
        "namespace": NAMESPACE, "identity": IDENTITY,
        "updateRef": {
            "workflowExecution": request["workflowExecution"], "updateId": request["request"]["meta"]["updateId"],
        },
    });
    if let Some(stage) = stage {
        poll["waitPolicy"] = json!({"lifecycleStage": stage});
    }
    poll
}

/// A message of the update protocol, as a worker sends it.
fn message(update_id: &str, kind: &str, mut body: Value) -> Value {
    body["@type"] = json!(format!("type.googleapis.com/temporal.api.update.v1.{kind}"));
    json!({"id": format!("{update_id}/{}", kind.to_lowercase()), "protocolInstanceId": update_id, "body": body})
}

/// The place of a message among the commands.
fn protocol_message(message_id: &Value) -> Value {
    command("PROTOCOL_MESSAGE", json!({"messageId": message_id}))
}
