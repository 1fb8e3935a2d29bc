//! The worker's side of Activity Tasks: taking them, heartbeating, and closing them by token or by id.

use serde_json::{Value, json};

use super::{
    IDENTITY, NAMESPACE, Program, content, task_queue, text,
    world::{HeldActivity, PendingActivity},
};
use crate::differential::pair::{Answer, Stop};

/// How an Activity can be answered, with the suffix of the RPC.
const ANSWERS: [&str; 4] = ["Heartbeat", "Completed", "Failed", "Canceled"];

impl Program {
    /// Activities that a worker can take, each with its run.
    pub(crate) fn waiting_activities(&self) -> Vec<(usize, PendingActivity)> {
        let mut waiting = Vec::new();
        for (at, run) in self.runs.iter().enumerate().filter(|(_, run)| run.is_open() && !run.reserved) {
            let pending = run.pending_activities().into_iter();
            waiting.extend(
                pending.filter(|one| one.state == "PENDING_ACTIVITY_STATE_SCHEDULED").map(|activity| (at, activity)),
            );
        }
        waiting
    }

    pub(crate) async fn take_activity(&mut self) -> Result<(), Stop> {
        let waiting = self.waiting_activities();
        let Some((_, activity)) = self.seed.pick(&waiting).cloned() else {
            return Ok(());
        };
        self.take_activity_from(&activity.queue).await?;
        Ok(())
    }

    /// Takes the Activity Task that waits in a queue.
    pub(crate) async fn take_activity_from(&mut self, queue: &str) -> Result<Option<HeldActivity>, Stop> {
        let request = json!({"namespace": NAMESPACE, "taskQueue": task_queue(queue), "identity": IDENTITY});
        let request = Self::with_build(request);
        let reply = self.poll("PollActivityTaskQueue", request).await?;
        Ok(self.hold_activity(&reply))
    }

    /// Notes the Activity Task in a reply as held; `None` when the reply has none.
    pub(crate) fn hold_activity(&mut self, reply: &Value) -> Option<HeldActivity> {
        let token = text(reply, "/taskToken");
        let run_id = text(reply, "/workflowExecution/runId");
        let run = self.runs.iter().position(|run| run.run_id == run_id)?;
        let held = HeldActivity { token, run, activity_id: text(reply, "/activityId") };
        self.activities.push(held.clone());
        Some(held)
    }

    /// Answers a held Activity in a random way, by its token or by its id.
    pub(crate) async fn answer_activity(&mut self) -> Result<(), Stop> {
        if self.activities.is_empty() {
            return Ok(());
        }
        let at = self.seed.below(self.activities.len());
        let held = self.activities[at].clone();
        let how = ANSWERS[self.seed.weighted(&[4, 5, 4, 3])];
        let by_id = self.seed.chance(35);
        if how != "Heartbeat" {
            self.activities.remove(at);
        }
        let again = how != "Heartbeat" && self.seed.chance(15);
        let answer = self.answer_with(how, &held, by_id).await?;
        if how == "Canceled" && matches!(answer, Answer::Refusal(_)) {
            // Nobody asked for the cancellation, so the worker still holds the task.
            self.activities.push(held);
        } else if again {
            self.answer_with(how, &held, by_id).await?;
        }
        Ok(())
    }

    /// Answers an Activity: `Heartbeat`, `Completed`, `Failed` or `Canceled`.
    pub(crate) async fn answer_with(&mut self, how: &str, held: &HeldActivity, by_id: bool) -> Result<Answer, Stop> {
        let mut request = if by_id {
            let run = &self.runs[held.run];
            json!({"workflowId": run.workflow_id, "runId": run.run_id, "activityId": held.activity_id})
        } else {
            json!({"taskToken": held.token})
        };
        request["namespace"] = json!(NAMESPACE);
        request["identity"] = json!(IDENTITY);
        match how {
            "Failed" => {
                request["failure"] = content::failure(&mut self.seed);
                if self.seed.chance(20) {
                    request["lastHeartbeatDetails"] = content::payloads("last");
                }
            }
            "Completed" if self.seed.chance(70) => request["result"] = content::payloads("result"),
            "Heartbeat" | "Canceled" if self.seed.chance(60) => request["details"] = content::payloads("progress"),
            _ => {}
        }
        if !by_id && how != "Heartbeat" {
            self.stamp(&mut request, "workerVersion");
        }
        let rpc = activity_rpc(how, by_id);
        self.call(&rpc, request).await
    }
}

/// The RPC that answers an Activity so.
pub(crate) fn activity_rpc(how: &str, by_id: bool) -> String {
    let name =
        if how == "Heartbeat" { "RecordActivityTaskHeartbeat".to_owned() } else { format!("RespondActivityTask{how}") };
    if by_id { name + "ById" } else { name }
}
