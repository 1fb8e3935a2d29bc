//! Queries: asked by a client, answered by a worker that takes them either alone or together with a Workflow Task.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    IDENTITY, NAMESPACE, Program, content, task_queue, text,
    worker::{HEAD_START, POLL_DEADLINE, without_new_task},
    world::HeldTask,
};
use crate::differential::pair::{Answer, Pending, Stop};

/// How long a client waits for the answer to a query, longer than any step of a program takes.
const QUERY_DEADLINE: Duration = Duration::from_secs(30);

impl Program {
    /// A query as a client sends it.
    pub(crate) fn query_request(&self, at: usize) -> Value {
        json!({
            "namespace": NAMESPACE, "execution": self.runs[at].execution(),
            "query": {"queryType": "state", "queryArgs": content::payloads("which")},
        })
    }

    /// Asks an open run, plays the worker, and hands the answer back.
    pub(crate) async fn query(&mut self) -> Result<(), Stop> {
        let Some(at) = self.any_open() else { return Ok(()) };
        let held = self.runs[at].task_is_held();
        if self.seed.chance(15) {
            return self.query_with_condition(at).await;
        }
        let never_worked = self.runs[at].events("WORKFLOW_TASK_COMPLETED").next().is_none();
        if held || never_worked || self.stale_queues.contains(&self.runs[at].queue) {
            // The answer would wait for a task that the walk has no reason to answer now.
            return Ok(());
        }
        self.ask_and_answer(at).await
    }

    /// Asks, and answers as the worker that polls the queue of the run.
    pub(crate) async fn ask_and_answer(&mut self, at: usize) -> Result<(), Stop> {
        let request = self.query_request(at);
        let poll = self.poll_request(at);
        let (polling, asking) = if self.runs[at].task_is_waiting() {
            let asking = self.pair.begin("QueryWorkflow", request, QUERY_DEADLINE)?;
            // The query joins the task once both servers have it; a poll before that would miss it.
            tokio::time::sleep(HEAD_START * 3).await;
            (self.pair.begin("PollWorkflowTaskQueue", poll, POLL_DEADLINE)?, asking)
        } else {
            // Without a worker in sight the servers refuse the query.
            let polling = self.pair.begin("PollWorkflowTaskQueue", poll, POLL_DEADLINE)?;
            self.await_poller(at).await?;
            (polling, self.pair.begin("QueryWorkflow", request, QUERY_DEADLINE)?)
        };
        let reply = self.pair.finish(polling).await?.value().clone();
        self.answer_query_in(&reply).await?;
        self.pair.finish(asking).await?;
        Ok(())
    }

    /// Asks a run whose queue no worker has polled: its first task came with the reply to its start.
    pub(crate) async fn query_without_worker(&mut self) -> Result<(), Stop> {
        let mut start = self.start_request();
        start["requestEagerExecution"] = json!(true);
        let reply = self.must("StartWorkflowExecution", start.clone()).await?;
        let at = self.learn(&text(&start, "/workflowId"), &text(&reply, "/runId"), &text(&start, "/taskQueue/name"));
        self.answer_task(&text(&reply, "/eagerWorkflowTask/taskToken"), Vec::new()).await?;
        self.settle().await?;
        let request = self.query_request(at);
        self.pair.call_within("QueryWorkflow", request, QUERY_DEADLINE).await?;
        Ok(())
    }

    /// Asks a run, and lets the client wait.
    pub(crate) fn ask(&mut self, at: usize) -> Result<Pending, Stop> {
        let request = self.query_request(at);
        self.pair.begin("QueryWorkflow", request, QUERY_DEADLINE)
    }

    /// Waits until both servers show a poller on the queue of a run.
    pub(crate) async fn await_poller(&mut self, at: usize) -> Result<(), Stop> {
        let queue = json!({"namespace": NAMESPACE, "taskQueue": task_queue(&self.runs[at].queue)});
        let seen = |reply: &Value| reply["pollers"].as_array().is_some_and(|pollers| !pollers.is_empty());
        self.pair.read("DescribeTaskQueue", queue, seen).await?;
        tokio::time::sleep(HEAD_START).await;
        Ok(())
    }

    /// A query that the state of the run decides, without a worker.
    async fn query_with_condition(&mut self, at: usize) -> Result<(), Stop> {
        let mut request = self.query_request(at);
        request["queryRejectCondition"] = json!("QUERY_REJECT_CONDITION_NOT_OPEN");
        if let Some(closed) = (0..self.runs.len()).find(|at| !self.runs[*at].is_open() && !self.runs[*at].deleted) {
            request["execution"] = self.runs[closed].execution();
            if self.seed.chance(50) && self.runs[closed].info()["status"] != "WORKFLOW_EXECUTION_STATUS_COMPLETED" {
                request["queryRejectCondition"] = json!("QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY");
            }
            self.call("QueryWorkflow", request).await?;
        }
        Ok(())
    }

    /// Answers the query in a task, whether it came alone or with a Workflow Task.
    pub(crate) async fn answer_query_in(&mut self, reply: &Value) -> Result<(), Stop> {
        if reply.get("query").is_some() {
            self.answer_query_task(reply).await
        } else if let Some(task) = self.hold(reply) {
            self.tasks.retain(|held| held.token != task.token);
            self.complete_with_results(task).await
        } else {
            Ok(())
        }
    }

    async fn complete_with_results(&mut self, task: HeldTask) -> Result<(), Stop> {
        let mut request = self.completion(&task, Vec::new());
        // What follows the completion must not wait for another worker.
        without_new_task(&mut request);
        self.respond(request).await?;
        Ok(())
    }

    /// Answers a query that came as a task of its own.
    pub(crate) async fn answer_query_task(&mut self, reply: &Value) -> Result<(), Stop> {
        let mut request = json!({"namespace": NAMESPACE, "taskToken": text(reply, "/taskToken")});
        if self.seed.chance(70) {
            request["completedType"] = json!("QUERY_RESULT_TYPE_ANSWERED");
            request["queryResult"] = content::payloads("state is fine");
        } else {
            request["completedType"] = json!("QUERY_RESULT_TYPE_FAILED");
            request["errorMessage"] = json!("unknown query");
            if self.seed.chance(50) {
                request["failure"] = content::failure(&mut self.seed);
            }
        }
        let again = self.seed.chance(15);
        self.must("RespondQueryTaskCompleted", request.clone()).await?;
        if again && let Answer::Reply(reply) = self.call("RespondQueryTaskCompleted", request).await? {
            return Err(Stop::Broken(format!("a query was answered twice: {reply}")));
        }
        Ok(())
    }

    /// The answer of a worker to a query that came with a Workflow Task.
    pub(crate) fn query_result(&mut self) -> Value {
        if self.seed.chance(70) {
            json!({"resultType": "QUERY_RESULT_TYPE_ANSWERED", "answer": content::payloads("state is fine")})
        } else {
            json!({"resultType": "QUERY_RESULT_TYPE_FAILED", "errorMessage": "unknown query"})
        }
    }

    /// A query that waits while a worker holds the Workflow Task, and is answered by its completion or after it.
    pub(crate) async fn query_during_task(&mut self, at: usize) -> Result<(), Stop> {
        let Some(task) = self.take_task_of(at).await? else {
            return Ok(());
        };
        self.tasks.retain(|held| held.token != task.token);
        let request = self.query_request(at);
        let poll = self.poll_request(at);
        let asking = self.pair.begin("QueryWorkflow", request, QUERY_DEADLINE)?;
        tokio::time::sleep(HEAD_START * 3).await;
        let request = json!({
            "namespace": NAMESPACE, "taskToken": task.token, "identity": IDENTITY, "returnNewWorkflowTask": true,
        });
        let answer = self.pair.call("RespondWorkflowTaskCompleted", request).await?;
        let next = match answer.reply().and_then(|reply| reply.get("workflowTask")).cloned() {
            Some(next) => next,
            None => self.pair.call_within("PollWorkflowTaskQueue", poll, POLL_DEADLINE).await?.value().clone(),
        };
        self.answer_query_in(&next).await?;
        self.pair.finish(asking).await?;
        Ok(())
    }
}
