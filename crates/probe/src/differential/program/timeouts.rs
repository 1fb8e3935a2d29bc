//! Scenes in which time passes: the walk waits for what the clock brings before it goes on, so that no call races it.

use serde_json::{Value, json};

use super::{IDENTITY, NAMESPACE, Program, commands::command, content, text};
use crate::differential::pair::Stop;

impl Program {
    /// A worker that does not answer loses its Workflow Task.
    pub(crate) async fn time_out_task(&mut self) -> Result<(), Stop> {
        let at = self.scene(|request| request["workflowTaskTimeout"] = json!("1s")).await?;
        let Some(task) = self.take_task_of(at).await? else {
            return Ok(());
        };
        self.tasks.retain(|held| held.token != task.token);
        self.wait_for(at, "WORKFLOW_TASK_TIMED_OUT", 1).await?;
        self.answer_task(&task.token, Vec::new()).await?;
        self.end(at).await
    }

    async fn end(&mut self, at: usize) -> Result<(), Stop> {
        let request = json!({"namespace": NAMESPACE, "workflowExecution": self.runs[at].execution()});
        self.must("TerminateWorkflowExecution", request).await?;
        self.settle().await
    }

    /// Each of the four timeouts of an Activity.
    pub(crate) async fn time_out_activity(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let mut schedule = self.schedule_activity(at);
        let attributes = &mut schedule["scheduleActivityTaskCommandAttributes"];
        for name in ["scheduleToCloseTimeout", "scheduleToStartTimeout", "heartbeatTimeout"] {
            attributes[name] = Value::Null;
        }
        let which = ["scheduleToCloseTimeout", "scheduleToStartTimeout", "startToCloseTimeout", "heartbeatTimeout"];
        let which = which[self.seed.below(which.len())];
        attributes[which] = json!("1s");
        let attempts = if self.seed.chance(30) { 2 } else { 1 };
        attributes["retryPolicy"] = json!({"maximumAttempts": attempts, "initialInterval": "0.010s"});
        self.step(at, vec![schedule]).await?;
        let needs_worker = which == "startToCloseTimeout" || which == "heartbeatTimeout";
        self.refresh(at, |_| true).await?;
        let queue = self.runs[at].pending_activities().into_iter().next().map(|pending| pending.queue);
        let mut held = None;
        if needs_worker && let Some(queue) = queue {
            for _ in 0..attempts {
                held = self.take_activity_from(&queue).await?;
            }
        }
        self.wait_for(at, "ACTIVITY_TASK_TIMED_OUT", 1).await?;
        self.settle().await?;
        self.activities.retain(|activity| activity.run != at);
        if let Some(held) = held {
            self.answer_with("Completed", &held, false).await?;
        }
        self.end(at).await
    }

    /// A run that does not end in time.
    pub(crate) async fn time_out_run(&mut self) -> Result<(), Stop> {
        let whole = self.seed.chance(50);
        let retried = self.seed.chance(40);
        let at = self
            .scene(|request| {
                request[if whole { "workflowExecutionTimeout" } else { "workflowRunTimeout" }] = json!("1s");
                if retried {
                    request["retryPolicy"] = json!({"initialInterval": "1s", "maximumAttempts": 2});
                }
            })
            .await?;
        self.wait_for(at, "WORKFLOW_EXECUTION_TIMED_OUT", 1).await?;
        if retried && !whole {
            self.settle_successor(at).await?;
            let next = self.runs.len() - 1;
            return self.wait_for(next, "WORKFLOW_EXECUTION_TIMED_OUT", 1).await;
        }
        Ok(())
    }

    /// Waits for the first Workflow Task of the run that follows.
    async fn settle_successor(&mut self, at: usize) -> Result<(), Stop> {
        let next = self.runs.len() - 1;
        if next == at {
            return Ok(());
        }
        self.wait_for(next, "WORKFLOW_TASK_SCHEDULED", 1).await
    }

    pub(crate) async fn fire_timer(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let timer = json!({"timerId": "short", "startToFireTimeout": "1s"});
        let long = json!({"timerId": "long", "startToFireTimeout": "3600s"});
        self.step(at, vec![command("START_TIMER", timer), command("START_TIMER", long)]).await?;
        self.wait_for(at, "TIMER_FIRED", 1).await?;
        self.settle().await
    }

    /// A failed run is tried again after its backoff.
    pub(crate) async fn retry_run(&mut self) -> Result<(), Stop> {
        let at = self
            .scene(|request| {
                request["retryPolicy"] = json!({
                    "initialInterval": "1s", "maximumAttempts": 2, "nonRetryableErrorTypes": ["Fatal"],
                });
            })
            .await?;
        let kind = if self.seed.chance(20) { "Fatal" } else { "Passing" };
        let failure = json!({"message": "again", "applicationFailureInfo": {"type": kind}});
        self.step(at, vec![command("FAIL_WORKFLOW_EXECUTION", json!({"failure": failure}))]).await?;
        self.settle().await
    }

    /// A run with a schedule is followed by the next one, whatever its end.
    pub(crate) async fn repeat_by_cron(&mut self) -> Result<(), Stop> {
        // Days apart, so that the walk is over before the second run begins.
        let at = self.scene(|request| request["cronSchedule"] = json!("@every 50h")).await?;
        self.refresh(at, |_| true).await?;
        let signal = json!({
            "namespace": NAMESPACE, "workflowExecution": self.runs[at].execution(), "signalName": "early",
            "requestId": self.fresh("s"), "identity": IDENTITY,
        });
        self.call("SignalWorkflowExecution", signal).await?;
        self.settle().await?;
        self.end(at).await
    }

    /// A run whose first task is put off; a signal does not hasten it unless it came with the start.
    pub(crate) async fn delay_start(&mut self) -> Result<(), Stop> {
        let mut request = if self.seed.chance(50) { self.start_request() } else { self.signal_with_start_request() };
        request["workflowStartDelay"] = json!("1s");
        let rpc = if request.get("signalName").is_some() {
            "SignalWithStartWorkflowExecution"
        } else {
            "StartWorkflowExecution"
        };
        let signalled = rpc != "StartWorkflowExecution";
        let Some(at) = self.start_with(rpc, request).await? else {
            return Ok(());
        };
        if !signalled {
            let request = json!({
                "namespace": NAMESPACE, "workflowExecution": self.runs[at].execution(), "signalName": "during",
                "input": content::payloads("delay"), "requestId": self.fresh("s"),
            });
            self.call("SignalWorkflowExecution", request).await?;
        }
        self.wait_for(at, "WORKFLOW_TASK_SCHEDULED", 1).await?;
        self.settle().await?;
        debug_assert!(!text(&self.runs[at].execution(), "/runId").is_empty());
        Ok(())
    }
}
