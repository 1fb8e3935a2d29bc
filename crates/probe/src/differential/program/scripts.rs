//! Short scenes that a random walk would seldom reach: each starts runs of its own and leaves them to the walk.

use serde_json::{Value, json};

use super::{
    IDENTITY, NAMESPACE, Program,
    commands::command,
    content, task_queue, text,
    worker::{HEAD_START, POLL_DEADLINE},
};
use crate::differential::pair::{Answer, Pending, Stop};

impl Program {
    /// One scene, drawn at random.
    pub(crate) async fn script(&mut self) -> Result<(), Stop> {
        match self.seed.below(46) {
            0 => self.signal_while_task_is_held().await,
            1 => self.stick().await,
            2 => self.poll_before_start().await,
            3 => self.heartbeat_task().await,
            4 => self.start_eagerly().await,
            5 => self.schedule_eagerly().await,
            6 => self.child_to_its_end().await,
            7 => self.cancel_activity().await,
            8 => self.wait_for_close().await,
            9 => self.query_scene().await,
            10 => self.start_too_soon().await,
            11 => self.answer_stale_task().await,
            12 => self.time_out_task().await,
            13 => self.time_out_activity().await,
            14 => self.time_out_run().await,
            15 => self.fire_timer().await,
            16 => self.retry_run().await,
            17 => self.repeat_by_cron().await,
            18 => self.delay_start().await,
            19..24 => self.update_scene().await,
            24..30 => self.odd_scene().await,
            30..32 => self.cancel_in_one_completion().await,
            32..34 => self.query_meets_waiting_poll().await,
            34..37 => self.wait_and_hasten().await,
            37..40 => self.chain_of_runs().await,
            40..43 => self.requests_again().await,
            43 => self.query_in_cache().await,
            _ => self.update_in_cache().await,
        }
    }

    /// Starts a plain run, changed by `change`; the walk keeps its hands off it.
    pub(crate) async fn scene(&mut self, change: impl FnOnce(&mut Value)) -> Result<usize, Stop> {
        let mut request = self.start_request();
        change(&mut request);
        let started = self.start_with("StartWorkflowExecution", request).await?;
        started.ok_or_else(|| Stop::Broken("a plain start was refused".to_owned()))
    }

    /// Takes the Workflow Task of a run and answers it with those commands and nothing else.
    pub(crate) async fn step(&mut self, at: usize, commands: Vec<Value>) -> Result<Answer, Stop> {
        let token = match self.take_task_of(at).await? {
            Some(task) => task.token,
            None => return Err(Stop::Broken("no task came where one was due".to_owned())),
        };
        self.tasks.retain(|held| held.token != token);
        self.answer_task(&token, commands).await
    }

    /// Completes a Workflow Task by its token.
    pub(crate) async fn answer_task(&mut self, token: &str, commands: Vec<Value>) -> Result<Answer, Stop> {
        let mut request =
            json!({"namespace": NAMESPACE, "taskToken": token, "identity": IDENTITY, "commands": commands});
        self.stamp(&mut request, "workerVersionStamp");
        self.pair.call_within("RespondWorkflowTaskCompleted", request, POLL_DEADLINE).await
    }

    pub(crate) async fn signal_run(&mut self, at: usize) -> Result<(), Stop> {
        let request = json!({
            "namespace": NAMESPACE, "workflowExecution": self.runs[at].execution(), "signalName": "poke",
            "input": content::payloads("poked"), "identity": IDENTITY, "requestId": self.fresh("s"),
        });
        // A run that is about to close takes none.
        self.call("SignalWorkflowExecution", request).await?;
        Ok(())
    }

    /// What arrives while a worker holds the task is buffered, and a run cannot close over it.
    async fn signal_while_task_is_held(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let Some(task) = self.take_task_of(at).await? else {
            return Ok(());
        };
        self.signal_run(at).await?;
        if self.seed.chance(50) {
            self.signal_run(at).await?;
        }
        self.settle().await?;
        self.tasks.retain(|held| held.token != task.token);
        let commands = if self.seed.chance(60) {
            vec![command("COMPLETE_WORKFLOW_EXECUTION", json!({}))]
        } else {
            vec![self.marker()]
        };
        let answer = self.answer_task(&task.token, commands).await?;
        self.settle().await?;
        if answer.reply().is_none() {
            // While the next task is held, a run that is about to close takes no more signals.
            self.take_task_of(at).await?;
            let request = json!({
                "namespace": NAMESPACE, "workflowExecution": self.runs[at].execution(), "signalName": "late",
                "requestId": self.fresh("s"), "identity": IDENTITY,
            });
            self.call("SignalWorkflowExecution", request).await?;
        }
        self.settle().await
    }

    /// A worker that keeps the run in its cache gets the next task on its own queue, with only what is new.
    async fn stick(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let Some((sticky, pending)) = self.keep_in_cache(at).await? else {
            return Ok(());
        };
        self.signal_run(at).await?;
        let reply = self.pair.finish(pending).await?;
        let token = text(reply.value(), "/taskToken");
        self.settle().await?;
        self.answer_task(&token, Vec::new()).await?;
        self.settle().await?;
        if self.seed.chance(50) {
            let request = json!({"namespace": NAMESPACE, "execution": self.runs[at].execution()});
            self.call("ResetStickyTaskQueue", request).await?;
        } else {
            let request = json!({
                "namespace": NAMESPACE, "stickyTaskQueue": sticky, "identity": IDENTITY, "reason": "going",
            });
            self.call("ShutdownWorker", request).await?;
        }
        self.settle().await
    }

    /// Completes the first task of a run for a worker that keeps the run in its cache. Its own queue, and a poll that waits
    /// there.
    pub(crate) async fn keep_in_cache(&mut self, at: usize) -> Result<Option<(String, Pending)>, Stop> {
        let sticky = self.fresh("sticky");
        let Some(task) = self.take_task_of(at).await? else {
            return Ok(None);
        };
        self.tasks.retain(|held| held.token != task.token);
        let own = json!({"name": sticky, "kind": "TASK_QUEUE_KIND_STICKY", "normalName": self.runs[at].queue});
        let poll = Self::with_build(json!({"namespace": NAMESPACE, "taskQueue": own, "identity": IDENTITY}));
        let pending = self.pair.begin("PollWorkflowTaskQueue", poll, POLL_DEADLINE)?;
        tokio::time::sleep(HEAD_START).await;
        let attributes = json!({"workerTaskQueue": own, "scheduleToStartTimeout": "60s"});
        let mut request = json!({
            "namespace": NAMESPACE, "taskToken": task.token, "identity": IDENTITY, "stickyAttributes": attributes,
        });
        self.stamp(&mut request, "workerVersionStamp");
        self.must("RespondWorkflowTaskCompleted", request).await?;
        self.settle().await?;
        Ok(Some((sticky, pending)))
    }

    /// A query that finds the run in a worker's cache.
    async fn query_in_cache(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let Some((_, polling)) = self.keep_in_cache(at).await? else {
            return Ok(());
        };
        let asking = self.ask(at)?;
        let reply = self.pair.finish(polling).await?.value().clone();
        self.answer_query_in(&reply).await?;
        self.pair.finish(asking).await?;
        self.leave_cache(at).await
    }

    /// The walk polls the common queue only, so the run must not wait for the worker that has it in its cache.
    pub(crate) async fn leave_cache(&mut self, at: usize) -> Result<(), Stop> {
        let request = json!({"namespace": NAMESPACE, "execution": self.runs[at].execution()});
        self.call("ResetStickyTaskQueue", request).await?;
        self.settle().await
    }

    /// A poll that waits gets the task at once.
    async fn poll_before_start(&mut self) -> Result<(), Stop> {
        let request = self.start_request();
        let poll =
            Self::with_build(json!({"namespace": NAMESPACE, "taskQueue": request["taskQueue"], "identity": IDENTITY}));
        let pending = self.pair.begin("PollWorkflowTaskQueue", poll, POLL_DEADLINE)?;
        tokio::time::sleep(HEAD_START).await;
        self.start_with("StartWorkflowExecution", request).await?;
        let reply = self.pair.finish(pending).await?;
        self.hold(&reply.value().clone());
        Ok(())
    }

    /// A worker that is not done keeps the task by asking for a new one.
    async fn heartbeat_task(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let Some(task) = self.take_task_of(at).await? else {
            return Ok(());
        };
        let mut token = task.token;
        for _ in 0..2 {
            self.tasks.retain(|held| held.token != token);
            let request = json!({
                "namespace": NAMESPACE, "taskToken": token, "identity": IDENTITY,
                "forceCreateNewWorkflowTask": true, "returnNewWorkflowTask": true,
            });
            let reply = self.must("RespondWorkflowTaskCompleted", request).await?;
            token = text(&reply, "/workflowTask/taskToken");
            self.settle().await?;
        }
        self.answer_task(&token, vec![]).await?;
        Ok(())
    }

    async fn start_eagerly(&mut self) -> Result<(), Stop> {
        let mut request = self.start_request();
        request["requestEagerExecution"] = json!(true);
        let workflow_id = text(&request, "/workflowId");
        let queue = text(&request, "/taskQueue/name");
        let reply = self.must("StartWorkflowExecution", request).await?;
        self.learn(&workflow_id, &text(&reply, "/runId"), &queue);
        if let Some(task) = reply.get("eagerWorkflowTask").cloned() {
            self.hold(&task);
        }
        Ok(())
    }

    /// An Activity on the queue of its workflow can come back with the completion.
    async fn schedule_eagerly(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let mut schedule = self.schedule_activity(at);
        let attributes = &mut schedule["scheduleActivityTaskCommandAttributes"];
        attributes["requestEagerExecution"] = json!(true);
        attributes["taskQueue"] = task_queue(&self.runs[at].queue);
        let answer = self.step(at, vec![schedule]).await?;
        let eager = answer.reply().and_then(|reply| reply["activityTasks"].as_array()).cloned().unwrap_or_default();
        for task in &eager {
            self.hold_activity(task);
        }
        Ok(())
    }

    /// A parent sees how its child ends, or the child is told of the end of its parent.
    async fn child_to_its_end(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let before = self.runs.len();
        let start = self.start_child(at);
        self.step(at, vec![start]).await?;
        self.settle().await?;
        if self.runs.len() == before {
            return Ok(());
        }
        let child = before;
        if self.seed.chance(35) {
            self.step(at, vec![command("COMPLETE_WORKFLOW_EXECUTION", json!({}))]).await?;
            return self.settle().await;
        }
        let execution = json!({"namespace": NAMESPACE, "workflowExecution": self.runs[child].execution()});
        match self.seed.below(5) {
            0 => {
                self.must("TerminateWorkflowExecution", execution).await?;
            }
            1 => {
                let request = json!({"workflowId": self.runs[child].workflow_id, "childWorkflowOnly": true});
                self.step(at, vec![command("REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION", request)]).await?;
                self.settle().await?;
                self.step(child, vec![command("CANCEL_WORKFLOW_EXECUTION", json!({}))]).await?;
            }
            2 => {
                let failure = content::failure(&mut self.seed);
                self.step(child, vec![command("FAIL_WORKFLOW_EXECUTION", json!({"failure": failure}))]).await?;
            }
            3 => {
                let next = self.continue_as_new(child);
                self.step(child, vec![next]).await?;
            }
            _ => {
                let result = json!({"result": content::payloads("from the child")});
                self.step(child, vec![command("COMPLETE_WORKFLOW_EXECUTION", result)]).await?;
            }
        }
        self.settle().await
    }

    /// A worker learns from its heartbeat that its Activity shall end.
    async fn cancel_activity(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let schedule = self.schedule_activity(at);
        self.step(at, vec![schedule]).await?;
        self.settle().await?;
        let Some(pending) = self.runs[at].pending_activities().into_iter().next() else {
            return Ok(());
        };
        let Some(held) = self.take_activity_from(&pending.queue).await? else {
            return Ok(());
        };
        self.activities.retain(|other| other.token != held.token);
        self.signal_run(at).await?;
        self.settle().await?;
        let request = json!({"scheduledEventId": pending.scheduled_event_id});
        self.step(at, vec![command("REQUEST_CANCEL_ACTIVITY_TASK", request)]).await?;
        self.settle().await?;
        let by_id = self.seed.chance(50);
        self.answer_with("Heartbeat", &held, by_id).await?;
        let end = if self.seed.chance(70) { "Canceled" } else { "Completed" };
        self.answer_with(end, &held, by_id).await?;
        self.settle().await?;
        // A worker that comes too late.
        for how in ["Heartbeat", "Completed", "Failed", "Canceled"] {
            self.answer_with(how, &held, by_id).await?;
        }
        Ok(())
    }

    /// A client waits for the close event while the run goes on.
    async fn wait_for_close(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let request = json!({
            "namespace": NAMESPACE, "execution": self.runs[at].execution(), "waitNewEvent": true,
            "historyEventFilterType": "HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT",
        });
        let pending = self.pair.begin("GetWorkflowExecutionHistory", request, POLL_DEADLINE)?;
        tokio::time::sleep(HEAD_START).await;
        self.step(at, vec![command("COMPLETE_WORKFLOW_EXECUTION", json!({"result": content::payloads("end")}))])
            .await?;
        self.pair.finish(pending).await?;
        self.settle().await
    }

    async fn query_scene(&mut self) -> Result<(), Stop> {
        if self.seed.chance(30) {
            return self.query_without_worker().await;
        }
        let at = self.scene(|_| {}).await?;
        self.step(at, Vec::new()).await?;
        self.settle().await?;
        if self.seed.chance(40) {
            self.signal_run(at).await?;
            self.settle().await?;
            return self.query_during_task(at).await;
        }
        self.ask_and_answer(at).await
    }

    /// The answer to a task that the server has taken back.
    async fn answer_stale_task(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let Some(task) = self.take_task_of(at).await? else {
            return Ok(());
        };
        self.tasks.retain(|held| held.token != task.token);
        self.answer_task(&task.token, Vec::new()).await?;
        self.answer_task(&task.token, Vec::new()).await?;
        let request = json!({"namespace": NAMESPACE, "taskToken": task.token, "identity": IDENTITY});
        self.call("RespondWorkflowTaskFailed", request).await?;
        Ok(())
    }

    /// Two starts of an id within the second: both servers make the client wait.
    async fn start_too_soon(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let mut request = self.start_request();
        request["workflowId"] = json!(self.runs[at].workflow_id);
        request["workflowIdConflictPolicy"] = json!("WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING");
        self.start_with("StartWorkflowExecution", request).await?;
        self.settle().await
    }
}
