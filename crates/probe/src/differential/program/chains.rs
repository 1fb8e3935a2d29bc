//! Runs that follow one another, and runs that wait before their first Workflow Task: retry, cron, continue-as-new and delay,
//! and what a client does meanwhile.

use serde_json::{Value, json};

use super::{IDENTITY, NAMESPACE, Program, commands::command, content};
use crate::differential::pair::Stop;

/// Far enough that the program is over before.
const LATER: &str = "180000s";

/// Calls, each with its method.
pub(crate) type Requests = [(&'static str, Value); 3];

impl Program {
    /// A run that waits for its first task, and what is done to it meanwhile.
    pub(crate) async fn wait_and_hasten(&mut self) -> Result<(), Stop> {
        let Some(at) = self.waiting_run().await? else { return Ok(()) };
        self.settle().await?;
        for _ in 0..1 + self.seed.below(4) {
            if !self.runs[at].is_open() || !self.is_put_off(at) {
                break;
            }
            self.disturb(at).await?;
            self.settle().await?;
        }
        if self.runs[at].is_open() && self.is_put_off(at) {
            self.hasten(at).await?;
            self.settle().await?;
        }
        if self.runs[at].task_is_waiting() {
            let commands =
                if self.seed.chance(50) { vec![command("COMPLETE_WORKFLOW_EXECUTION", json!({}))] } else { Vec::new() };
            self.step(at, commands).await?;
            self.settle().await?;
        }
        self.end_chain(at).await
    }

    /// A run that waits: for a delay, a schedule, the interval of a retry policy or of a continue-as-new.
    pub(crate) async fn waiting_run(&mut self) -> Result<Option<usize>, Stop> {
        let kind = self.seed.below(5);
        let mut request = if self.seed.chance(70) { self.start_request() } else { self.signal_with_start_request() };
        match kind {
            0 | 1 => request["workflowStartDelay"] = json!(LATER),
            2 => request["cronSchedule"] = json!("@every 50h"),
            3 => request["retryPolicy"] = json!({"initialInterval": LATER, "maximumAttempts": 3}),
            _ => {}
        }
        let rpc = if request.get("signalName").is_some() {
            "SignalWithStartWorkflowExecution"
        } else {
            "StartWorkflowExecution"
        };
        let Some(at) = self.start_with(rpc, request).await? else { return Ok(None) };
        self.settle().await?;
        if kind < 3 {
            return Ok(Some(at));
        }
        let end = if kind == 3 {
            let failure = json!({"message": "again", "applicationFailureInfo": {"type": "Passing"}});
            command("FAIL_WORKFLOW_EXECUTION", json!({"failure": failure}))
        } else {
            let mut next = self.continue_as_new(at);
            next["continueAsNewWorkflowExecutionCommandAttributes"]["backoffStartInterval"] = json!(LATER);
            next
        };
        let before = self.runs.len();
        self.step(at, vec![end]).await?;
        self.settle().await?;
        Ok((self.runs.len() > before).then_some(before))
    }

    /// Something that may or may not end the wait.
    async fn disturb(&mut self, at: usize) -> Result<(), Stop> {
        let execution = self.runs[at].execution();
        match self.seed.below(7) {
            0 | 1 => self.signal_run(at).await,
            2 => self.request_cancel_of(at).await,
            3 => {
                let mut request = self.query_request(at);
                request["execution"] = execution;
                self.call("QueryWorkflow", request).await?;
                Ok(())
            }
            4 => {
                let request = json!({"namespace": NAMESPACE, "execution": execution});
                self.call("ResetStickyTaskQueue", request).await?;
                Ok(())
            }
            5 => {
                // The start once more, by an id that is taken.
                let mut request = self.start_request();
                request["workflowId"] = execution["workflowId"].clone();
                request["taskQueue"] = super::task_queue(&self.runs[at].queue);
                request["workflowIdConflictPolicy"] = json!("WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING");
                self.start_with("StartWorkflowExecution", request).await?;
                Ok(())
            }
            _ => self.hasten(at).await,
        }
    }

    /// A signal with start, which finds the run waiting.
    pub(crate) async fn hasten(&mut self, at: usize) -> Result<(), Stop> {
        let mut request = self.signal_with_start_request();
        request["workflowId"] = json!(self.runs[at].workflow_id);
        request["taskQueue"] = super::task_queue(&self.runs[at].queue);
        if self.seed.chance(30) {
            request["workflowStartDelay"] = json!(LATER);
        }
        self.start_with("SignalWithStartWorkflowExecution", request.clone()).await?;
        if self.seed.chance(30) {
            self.start_with("SignalWithStartWorkflowExecution", request).await?;
        }
        Ok(())
    }

    /// Ends what still runs under the id of a run.
    pub(crate) async fn end_chain(&mut self, at: usize) -> Result<(), Stop> {
        let workflow_id = self.runs[at].workflow_id.clone();
        if self.runs.iter().any(|run| run.workflow_id == workflow_id && run.is_open()) {
            let request = json!({
                "namespace": NAMESPACE, "workflowExecution": {"workflowId": workflow_id}, "identity": IDENTITY,
            });
            self.call("TerminateWorkflowExecution", request).await?;
        }
        for run in self.runs.iter_mut().filter(|run| run.workflow_id == workflow_id && !run.deleted) {
            run.at_rest = false;
        }
        self.settle().await
    }

    /// A few runs one after the other, each closed in another way.
    pub(crate) async fn chain_of_runs(&mut self) -> Result<(), Stop> {
        let cron = self.seed.chance(35);
        let policies = [
            Value::Null,
            json!({"initialInterval": "1s", "maximumAttempts": 2}),
            json!({"initialInterval": "1s", "maximumAttempts": 3, "backoffCoefficient": 1.0}),
            json!({"initialInterval": "0.100s", "maximumAttempts": 3, "nonRetryableErrorTypes": ["Odd"]}),
            json!({"initialInterval": LATER}),
        ];
        let policy = policies[self.seed.below(policies.len())].clone();
        let delay = ["", "0s", "1s", LATER][self.seed.weighted(&[5, 2, 2, 2])];
        let timeout = self.seed.chance(15);
        let at = self
            .scene(|request| {
                if cron {
                    request["cronSchedule"] = json!("@every 50h");
                } else if !delay.is_empty() {
                    request["workflowStartDelay"] = json!(delay);
                }
                request["retryPolicy"] = policy;
                if timeout {
                    request["workflowExecutionTimeout"] = json!("360000s");
                }
            })
            .await?;
        let workflow_id = self.runs[at].workflow_id.clone();
        for _ in 0..4 {
            self.settle().await?;
            let Some(at) = self.runs.iter().rposition(|run| run.workflow_id == workflow_id && run.is_open()) else {
                break;
            };
            if self.is_put_off(at) {
                if self.is_due_soon(at) {
                    self.wait_for(at, "WORKFLOW_TASK_SCHEDULED", 1).await?;
                } else {
                    self.hasten(at).await?;
                }
                self.settle().await?;
            }
            if self.runs[at].task_is_waiting() {
                let end = self.end_of_run(at, cron);
                self.step(at, vec![end]).await?;
            }
        }
        self.settle().await?;
        self.end_chain(at).await
    }

    /// True if the first Workflow Task of a run comes by itself while the program runs.
    fn is_due_soon(&self, at: usize) -> bool {
        let first = self.runs[at].history.first().map(super::world::attributes);
        let backoff = first.map(|details| super::text(details, "/firstWorkflowTaskBackoff")).unwrap_or_default();
        let seconds = backoff.trim_end_matches('s').parse::<f64>().unwrap_or_default();
        seconds < 5.0
    }

    fn end_of_run(&mut self, at: usize, cron: bool) -> Value {
        match self.seed.below(8) {
            0 => command("COMPLETE_WORKFLOW_EXECUTION", json!({"result": content::payloads("once more")})),
            1 => command("CANCEL_WORKFLOW_EXECUTION", json!({})),
            2..6 => {
                let mut failure = content::failure(&mut self.seed);
                if self.seed.chance(20) {
                    failure["applicationFailureInfo"]["nextRetryDelay"] =
                        json!(["0.200s", "1s", LATER][self.seed.below(3)]);
                }
                command("FAIL_WORKFLOW_EXECUTION", json!({"failure": failure}))
            }
            _ => {
                let mut next = self.continue_as_new(at);
                let attributes = &mut next["continueAsNewWorkflowExecutionCommandAttributes"];
                if cron {
                    // Where the command does not name the schedule, the reference ends it.
                    attributes["cronSchedule"] = json!("@every 50h");
                }
                match self.seed.below(4) {
                    0 => attributes["backoffStartInterval"] = json!("1s"),
                    1 => attributes["backoffStartInterval"] = json!(LATER),
                    _ => {}
                }
                next
            }
        }
    }

    /// Starts a run; gives it, and requests that can be sent again: its start, a signal, and a signal with start of its workflow.
    pub(super) async fn begin_repeatable(&mut self) -> Result<Option<(usize, Requests)>, Stop> {
        let start = self.start_request();
        let Some(at) = self.start_with("StartWorkflowExecution", start.clone()).await? else { return Ok(None) };
        let signal = json!({
            "namespace": NAMESPACE, "workflowExecution": self.runs[at].execution(), "signalName": "poke",
            "input": content::payloads("poked"), "identity": IDENTITY, "requestId": self.fresh("s"),
        });
        let mut with_start = self.signal_with_start_request();
        with_start["workflowId"] = start["workflowId"].clone();
        with_start["taskQueue"] = start["taskQueue"].clone();
        let requests = [
            ("StartWorkflowExecution", start),
            ("SignalWorkflowExecution", signal),
            ("SignalWithStartWorkflowExecution", with_start),
        ];
        Ok(Some((at, requests)))
    }

    /// Requests that are sent again: while the run goes on, and after its end.
    pub(crate) async fn requests_again(&mut self) -> Result<(), Stop> {
        let Some((at, requests)) = self.begin_repeatable().await? else { return Ok(()) };
        let held = if self.seed.chance(40) { self.take_task_of(at).await? } else { None };
        for _ in 0..3 + self.seed.below(4) {
            let (rpc, request) = requests[self.seed.below(requests.len())].clone();
            self.call(rpc, request).await?;
            if self.seed.chance(30) {
                self.settle().await?;
            }
        }
        if let Some(task) = held {
            self.tasks.retain(|held| held.token != task.token);
            let marker = self.marker();
            self.answer_task(&task.token, vec![marker]).await?;
        }
        self.settle().await?;
        let (rpc, request) = requests[self.seed.below(requests.len())].clone();
        self.call(rpc, request).await?;
        self.settle().await?;
        if self.runs[at].task_is_waiting() {
            self.step(at, vec![command("COMPLETE_WORKFLOW_EXECUTION", json!({}))]).await?;
            self.settle().await?;
        }
        if !self.runs[at].is_open() {
            // What else is known here after the end is not known to the reference.
            let (rpc, request) = requests[0].clone();
            self.call(rpc, request).await?;
        }
        self.settle().await
    }
}
