//! Scenes of updates that a random walk would seldom reach: in the first task and during one, spoiled, unknown, at the end
//! of a run, after it, and together with a start.

use serde_json::{Value, json};

use super::{STAGES, UPDATE_DEADLINE, Word, poll_request, protocol_message};
use crate::differential::{
    pair::{Answer, Pending, Stop},
    program::{
        IDENTITY, NAMESPACE, Program, commands::command, content, task_queue, text, worker::without_new_task,
        world::HeldTask,
    },
};

impl Program {
    /// One scene of updates, drawn at random.
    pub(crate) async fn update_scene(&mut self) -> Result<(), Stop> {
        match self.seed.below(9) {
            0 => self.update_before_first_task().await,
            1 => self.update_during_task().await,
            2 => self.update_of_closing_run().await,
            3 => self.update_unknown().await,
            4 => self.update_spoiled().await,
            5 => self.update_and_task_failure().await,
            6 => self.update_by_a_stale_id().await,
            _ => self.update_with_start().await,
        }
    }

    async fn update_before_first_task(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let execution = self.runs[at].execution();
        self.update_run(at, &execution).await
    }

    /// A worker holds the task when the update comes, and gets it with the next one.
    async fn update_during_task(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let Some(task) = self.take_task_of(at).await? else {
            return Ok(());
        };
        let execution = self.runs[at].execution();
        let request = self.update_request(&execution, STAGES[1]);
        let pending = self.begin_update(&request).await?;
        self.tasks.retain(|held| held.token != task.token);
        let signalled = self.seed.chance(30);
        if signalled {
            self.signal_run(at).await?;
        }
        if self.seed.chance(20) {
            self.settle().await?;
        }
        let commands = if self.seed.chance(30) { vec![self.marker()] } else { Vec::new() };
        let mut request = self.completion(&task, commands);
        without_new_task(&mut request);
        let returns = self.seed.chance(40);
        request["returnNewWorkflowTask"] = json!(returns);
        self.respond(request).await?;
        let next = match self.tasks.iter().position(|held| held.run == at) {
            Some(place) => Some(self.tasks.remove(place)),
            None => self.take_task_of(at).await?,
        };
        let Some(next) = next else { return Err(Stop::Broken("no task came for an update".to_owned())) };
        self.tasks.retain(|held| held.token != next.token);
        let word = if self.seed.chance(50) { Word::Complete } else { Word::Reject };
        let request = self.completion_with(&next, Vec::new(), |_| word);
        self.respond(request).await?;
        self.pair.finish(pending).await?;
        self.settle().await
    }

    /// A worker that has the run in its cache gets the update on its own queue, with only what is new.
    pub(crate) async fn update_in_cache(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let Some((_, polling)) = self.keep_in_cache(at).await? else {
            return Ok(());
        };
        let signalled = self.seed.chance(20);
        let execution = self.runs[at].execution();
        let request = self.update_request(&execution, STAGES[1]);
        let pending = self.begin_update(&request).await?;
        let reply = self.pair.finish(polling).await?.value().clone();
        let Some(task) = self.hold(&reply) else {
            return Err(Stop::Broken("no task came for an update".to_owned()));
        };
        self.tasks.retain(|held| held.token != task.token);
        if signalled {
            self.signal_run(at).await?;
        }
        let word = if self.seed.chance(60) { Word::Complete } else { Word::Reject };
        let completion = self.completion_with(&task, Vec::new(), |_| word);
        self.respond(completion).await?;
        self.pair.finish(pending).await?;
        self.leave_cache(at).await
    }

    /// The run closes before, or with, the worker's word.
    async fn update_of_closing_run(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let execution = self.runs[at].execution();
        if self.seed.chance(50) {
            self.step(at, Vec::new()).await?;
            self.settle().await?;
        }
        let word = [Word::Complete, Word::Accept, Word::Reject, Word::Ignore][self.seed.below(4)];
        let stage = if word == Word::Accept { STAGES[0] } else { STAGES[1] };
        let request = self.update_request(&execution, stage);
        let pending = self.begin_update(&request).await?;
        if self.seed.chance(25) {
            let terminate = json!({"namespace": NAMESPACE, "workflowExecution": execution});
            self.must("TerminateWorkflowExecution", terminate).await?;
        } else {
            let Some(task) = self.take_task_of(at).await? else { return Ok(()) };
            self.tasks.retain(|held| held.token != task.token);
            let end = match self.seed.below(3) {
                0 => command("FAIL_WORKFLOW_EXECUTION", json!({"failure": content::failure(&mut self.seed)})),
                1 => command("CANCEL_WORKFLOW_EXECUTION", json!({})),
                _ => command("COMPLETE_WORKFLOW_EXECUTION", json!({})),
            };
            let mut completion = self.completion_with(&task, Vec::new(), |_| word);
            if let Some(commands) = completion["commands"].as_array_mut() {
                let place = if self.seed.chance(80) { commands.len() } else { 0 };
                commands.insert(place, end);
            }
            self.respond(completion).await?;
        }
        self.pair.finish(pending).await?;
        self.settle().await?;
        self.call("PollWorkflowExecutionUpdate", poll_request(&request, Some(stage))).await?;
        self.call("UpdateWorkflowExecution", request).await?;
        Ok(())
    }

    /// Asks after updates that there are not, of runs that there are and are not.
    async fn update_unknown(&mut self) -> Result<(), Stop> {
        let at = if self.seed.chance(50) { self.completed_run().await? } else { self.scene(|_| {}).await? };
        self.settle().await?;
        let mut execution = self.runs[at].execution();
        if self.seed.chance(30) {
            execution["workflowId"] = json!(format!("{}nobody", self.prefix));
        }
        let request = self.update_request(&execution, STAGES[1]);
        let stage = STAGES[self.seed.below(STAGES.len())];
        self.call("PollWorkflowExecutionUpdate", poll_request(&request, Some(stage))).await?;
        if !self.runs[at].is_open() || execution["workflowId"] != self.runs[at].workflow_id.as_str() {
            self.call("UpdateWorkflowExecution", request).await?;
        }
        Ok(())
    }

    /// An update of a run that has had a task before in so many of a hundred scenes, and the task that a worker takes then.
    async fn update_taken(&mut self, has_begun: u64) -> Result<Option<(usize, Pending, HeldTask)>, Stop> {
        let at = self.scene(|_| {}).await?;
        if self.seed.chance(has_begun) {
            self.step(at, Vec::new()).await?;
            self.settle().await?;
        }
        let execution = self.runs[at].execution();
        let request = self.update_request(&execution, STAGES[1]);
        let pending = self.begin_update(&request).await?;
        let Some(task) = self.take_task_of(at).await? else { return Ok(None) };
        self.tasks.retain(|held| held.token != task.token);
        Ok(Some((at, pending, task)))
    }

    /// A worker's word that makes no sense fails its task, and the update's client is told.
    async fn update_spoiled(&mut self) -> Result<(), Stop> {
        let Some((_, pending, task)) = self.update_taken(50).await? else { return Ok(()) };
        let Some(update) = task.updates.first().cloned() else {
            return Err(Stop::Broken("a task without the update".to_owned()));
        };
        let accept = self.acceptance(&update);
        let respond = self.response(&update.update_id);
        let mut unknown = self.acceptance(&update);
        unknown["protocolInstanceId"] = json!("unheard-of");
        let mut unnamed = self.acceptance(&update);
        unnamed["body"]["acceptedRequestMessageId"] = json!("");
        let messages = match self.seed.below(6) {
            0 => vec![respond],
            1 => vec![accept.clone(), accept],
            2 => vec![accept, respond.clone(), respond],
            3 => vec![unknown],
            4 => vec![unnamed],
            _ => Vec::new(),
        };
        let mut completion = self.completion(&task, Vec::new());
        without_new_task(&mut completion);
        if messages.is_empty() {
            completion["commands"] = json!([protocol_message(&json!("unheard-of"))]);
        }
        completion["messages"] = Value::Array(messages);
        self.respond(completion).await?;
        self.pair.finish(pending).await?;
        self.settle().await
    }

    /// The task that brought the update fails or times out; the next attempt brings it again.
    async fn update_and_task_failure(&mut self) -> Result<(), Stop> {
        let Some((at, pending, task)) = self.update_taken(60).await? else { return Ok(()) };
        let failing = json!({
            "namespace": NAMESPACE, "taskToken": task.token, "identity": IDENTITY,
            "cause": "WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE",
            "failure": content::failure(&mut self.seed),
        });
        self.must("RespondWorkflowTaskFailed", failing).await?;
        self.settle().await?;
        let Some(task) = self.take_task_of(at).await? else { return Ok(()) };
        self.tasks.retain(|held| held.token != task.token);
        let completion = self.completion_with(&task, Vec::new(), |_| Word::Complete);
        self.respond(completion).await?;
        self.pair.finish(pending).await?;
        self.settle().await
    }

    /// An update is asked for again after its run has closed, and after another run has followed.
    async fn update_by_a_stale_id(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let execution = self.runs[at].execution();
        let request = self.update_request(&execution, STAGES[1]);
        let pending = self.begin_update(&request).await?;
        let Some(task) = self.take_task_of(at).await? else { return Ok(()) };
        self.tasks.retain(|held| held.token != task.token);
        let completion = self.completion_with(&task, Vec::new(), |_| Word::Complete);
        self.respond(completion).await?;
        self.pair.finish(pending).await?;
        self.signal_run(at).await?;
        self.settle().await?;
        let end = if self.seed.chance(50) {
            command("COMPLETE_WORKFLOW_EXECUTION", json!({}))
        } else {
            self.continue_as_new(at)
        };
        self.step(at, vec![end]).await?;
        self.settle().await?;
        for stage in [Some(STAGES[1]), None] {
            self.call("PollWorkflowExecutionUpdate", poll_request(&request, stage)).await?;
        }
        self.call("UpdateWorkflowExecution", request).await?;
        Ok(())
    }

    /// A start and an update as one call, for an id that is free or taken.
    async fn update_with_start(&mut self) -> Result<(), Stop> {
        let mut start = self.start_request();
        self.decorate(&mut start);
        let before = self.seed.below(3);
        let known = match before {
            1 => Some(self.scene(|_| {}).await?),
            2 => Some(self.completed_run().await?),
            _ => None,
        };
        if let Some(at) = known {
            start["workflowId"] = json!(self.runs[at].workflow_id);
            start["taskQueue"] = task_queue(&self.runs[at].queue);
            self.settle().await?;
        }
        start["workflowIdReusePolicy"] = Value::Null;
        let policies = ["WORKFLOW_ID_CONFLICT_POLICY_FAIL", "WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING"];
        let policy = policies[self.seed.below(policies.len())];
        start["workflowIdConflictPolicy"] = json!(policy);
        let is_refused = before == 1 && policy == policies[0];
        let execution = json!({"workflowId": start["workflowId"], "runId": ""});
        let stage = STAGES[self.seed.below(2)];
        let mut update = self.update_request(&execution, stage);
        update["firstExecutionRunId"] = Value::Null;
        let request = json!({
            "namespace": NAMESPACE, "operations": [{"startWorkflow": start}, {"updateWorkflow": update}],
        });
        if is_refused {
            self.call("ExecuteMultiOperation", request).await?;
            return Ok(());
        }
        let pending = self.pair.begin("ExecuteMultiOperation", request.clone(), UPDATE_DEADLINE)?;
        self.await_admission(&update).await?;
        let poll =
            Self::with_build(json!({"namespace": NAMESPACE, "taskQueue": start["taskQueue"], "identity": IDENTITY}));
        let task = self.poll("PollWorkflowTaskQueue", poll).await?;
        let workflow_id = text(&start, "/workflowId");
        let queue = text(&start, "/taskQueue/name");
        self.learn(&workflow_id, &text(&task, "/workflowExecution/runId"), &queue);
        let Some(task) = self.hold(&task) else {
            return Err(Stop::Broken("no task came for an update with start".to_owned()));
        };
        self.tasks.retain(|held| held.token != task.token);
        let word = if self.seed.chance(70) { Word::Complete } else { Word::Reject };
        let completion = self.completion_with(&task, Vec::new(), |_| word);
        self.respond(completion).await?;
        let answer = self.pair.finish(pending).await?;
        self.settle().await?;
        if matches!(answer, Answer::Reply(_)) && word == Word::Complete && self.seed.chance(50) {
            self.call("ExecuteMultiOperation", request).await?;
            self.settle().await?;
        }
        Ok(())
    }
}
