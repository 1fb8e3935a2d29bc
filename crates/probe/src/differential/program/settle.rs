//! Waiting until both servers are at rest: the reference starts children, delivers messages and closes children of a
//! closed parent in the background, and the next call must not depend on how far it has come.

use serde_json::{Value, json};

use super::{
    NAMESPACE, Program, text,
    worker::HEAD_START,
    world::{attributes, is_type},
};
use crate::differential::pair::{Answer, Stop};

/// Types of event that announce work on another run, each with the types that conclude it.
const ANNOUNCED: [(&str, [&str; 2]); 3] = [
    (
        "START_CHILD_WORKFLOW_EXECUTION_INITIATED",
        ["CHILD_WORKFLOW_EXECUTION_STARTED", "START_CHILD_WORKFLOW_EXECUTION_FAILED"],
    ),
    (
        "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED",
        ["EXTERNAL_WORKFLOW_EXECUTION_SIGNALED", "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED"],
    ),
    (
        "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED",
        ["EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED", "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED"],
    ),
];

/// Types of event by which a parent learns that a child has closed.
const CHILD_CLOSED: [&str; 5] = [
    "CHILD_WORKFLOW_EXECUTION_COMPLETED",
    "CHILD_WORKFLOW_EXECUTION_FAILED",
    "CHILD_WORKFLOW_EXECUTION_CANCELED",
    "CHILD_WORKFLOW_EXECUTION_TIMED_OUT",
    "CHILD_WORKFLOW_EXECUTION_TERMINATED",
];

/// What has to have reached a run in the background before its history is read.
#[derive(Debug, Clone, Default)]
struct Awaited {
    /// Each closed child whose closing the parent has to have seen, by its workflow id, with the number of times.
    closed_children: Vec<(String, usize)>,
    /// The parent has closed and asks this for it.
    parent_close_policy: Option<String>,
}

impl Program {
    /// Reads every run that can still change until both servers show the same and nothing is under way.
    pub(crate) async fn settle(&mut self) -> Result<(), Stop> {
        for _ in 0..6 {
            let before = (self.runs.len(), self.closed());
            let mut at = 0;
            while at < self.runs.len() {
                if !self.runs[at].at_rest {
                    self.settle_run(at).await?;
                }
                at += 1;
            }
            if before == (self.runs.len(), self.closed()) {
                break;
            }
        }
        for run in &mut self.runs {
            if !run.is_open() {
                run.at_rest = true;
            }
        }
        self.forget_lost_tasks();
        Ok(())
    }

    fn closed(&self) -> usize {
        self.runs.iter().filter(|run| !run.is_open()).count()
    }

    /// Describes a run, and reads its history where the description has moved or something is under way.
    async fn settle_run(&mut self, at: usize) -> Result<(), Stop> {
        let awaited = self.awaited(at);
        let request = json!({"namespace": NAMESPACE, "execution": self.runs[at].execution()});
        let before = self.runs[at].description.clone();
        let Answer::Reply(now) = self.pair.read("DescribeWorkflowExecution", request, |_| true).await? else {
            self.runs[at].deleted = true;
            self.runs[at].at_rest = true;
            return Ok(());
        };
        let history = json!({"history": {"events": self.runs[at].history}});
        if now == before && (is_held(&history) || is_quiet(&history, &awaited)) {
            return self.wait_for_buffered(at, &awaited).await;
        }
        let known = awaited.clone();
        self.refresh(at, move |history| is_held(history) || is_quiet(history, &known)).await?;
        self.wait_for_buffered(at, &awaited).await
    }

    /// What arrives while a worker holds the Workflow Task is buffered, and shows nowhere; time has to do.
    async fn wait_for_buffered(&self, at: usize, awaited: &Awaited) -> Result<(), Stop> {
        let history = json!({"history": {"events": self.runs[at].history}});
        if is_held(&history) && !is_quiet(&history, awaited) {
            tokio::time::sleep(HEAD_START * 2).await;
        }
        Ok(())
    }

    /// Reads the history and then the description of a run until `accept` holds for the history.
    pub(crate) async fn refresh(&mut self, at: usize, accept: impl Fn(&Value) -> bool) -> Result<(), Stop> {
        let execution = self.runs[at].execution();
        let request = json!({"namespace": NAMESPACE, "execution": execution});
        let answer = self.pair.read("GetWorkflowExecutionHistory", request.clone(), accept).await?;
        let Answer::Reply(reply) = answer else {
            self.runs[at].deleted = true;
            self.runs[at].at_rest = true;
            return Ok(());
        };
        self.runs[at].history = reply["history"]["events"].as_array().cloned().unwrap_or_default();
        let was_open = self.runs[at].is_open();
        if let Answer::Reply(reply) = self.pair.read("DescribeWorkflowExecution", request, |_| true).await? {
            self.runs[at].description = reply;
        }
        if was_open && !self.runs[at].is_open() {
            self.announce_close(at);
        }
        self.discover(at);
        Ok(())
    }

    /// Notes for the open children of a run that has closed what its parent close policy brings them.
    fn announce_close(&mut self, at: usize) {
        let parent = self.runs[at].clone();
        for child in self.runs.iter_mut().filter(|child| child.is_open()) {
            if child.info()["parentExecution"]["runId"] != parent.run_id {
                continue;
            }
            let starts = parent.events("START_CHILD_WORKFLOW_EXECUTION_INITIATED").map(attributes);
            let start = starts.filter(|details| details["workflowId"] == child.workflow_id).last();
            child.parent_close_policy = start.map(|details| text(details, "/parentClosePolicy"));
        }
    }

    /// Waits until the history of a run holds `count` events of a type.
    pub(crate) async fn wait_for(&mut self, at: usize, name: &str, count: usize) -> Result<(), Stop> {
        let name = name.to_owned();
        self.refresh(at, move |reply| {
            let events = reply["history"]["events"].as_array().into_iter().flatten();
            events.filter(|event| is_type(event, &name)).count() >= count
        })
        .await
    }

    /// Learns of the runs that the history of a run names: children and successors.
    fn discover(&mut self, at: usize) {
        let run = self.runs[at].clone();
        for event in &run.history {
            let details = attributes(event);
            let successor = text(details, "/newExecutionRunId");
            if !successor.is_empty() {
                self.learn(&run.workflow_id, &successor, &run.queue);
            }
            if is_type(event, "CHILD_WORKFLOW_EXECUTION_STARTED") {
                let initiated = run.history.iter().find(|other| other["eventId"] == details["initiatedEventId"]);
                let queue = initiated.map(|event| text(attributes(event), "/taskQueue/name")).unwrap_or_default();
                let child = &details["workflowExecution"];
                self.learn(&text(child, "/workflowId"), &text(child, "/runId"), &queue);
            }
        }
    }

    fn awaited(&self, at: usize) -> Awaited {
        let run = &self.runs[at];
        let mut awaited = Awaited::default();
        for child in self.runs.iter().filter(|child| child.info()["parentExecution"]["runId"] == run.run_id) {
            let final_close = !child.is_open() && !child.deleted && !has_successor(&child.history);
            if final_close && !child.history.is_empty() {
                match awaited.closed_children.iter_mut().find(|(id, _)| *id == child.workflow_id) {
                    Some((_, times)) => *times += 1,
                    None => awaited.closed_children.push((child.workflow_id.clone(), 1)),
                }
            }
        }
        awaited.parent_close_policy = run.parent_close_policy.clone();
        awaited
    }

    /// Drops what the workers hold of runs that have closed, and what a server took back.
    fn forget_lost_tasks(&mut self) {
        let runs = &self.runs;
        self.tasks.retain(|task| {
            let pending = &runs[task.run].description["pendingWorkflowTask"];
            runs[task.run].is_open() && pending["state"] == "PENDING_WORKFLOW_TASK_STATE_STARTED"
        });
        self.activities.retain(|held| {
            runs[held.run].is_open()
                && runs[held.run].pending_activities().iter().any(|pending| {
                    pending.activity_id == held.activity_id && pending.state != "PENDING_ACTIVITY_STATE_SCHEDULED"
                })
        });
    }
}

fn has_successor(history: &[Value]) -> bool {
    history.last().is_some_and(|event| !text(attributes(event), "/newExecutionRunId").is_empty())
}

/// True if a worker holds the Workflow Task of the run.
fn is_held(reply: &Value) -> bool {
    let last = reply["history"]["events"].as_array().and_then(|events| events.last());
    last.is_some_and(|event| is_type(event, "WORKFLOW_TASK_STARTED"))
}

/// True if nothing that concerns this history is under way in the background.
fn is_quiet(reply: &Value, awaited: &Awaited) -> bool {
    let Some(events) = reply["history"]["events"].as_array() else {
        return true;
    };
    let count = |name: &str| events.iter().filter(|event| is_type(event, name)).count();
    let closed = events.last().is_some_and(|event| {
        let name = event["eventType"].as_str().unwrap_or_default();
        name.starts_with("EVENT_TYPE_WORKFLOW_EXECUTION_")
            && ["COMPLETED", "FAILED", "TIMED_OUT", "CANCELED", "TERMINATED", "CONTINUED_AS_NEW"]
                .iter()
                .any(|end| name.ends_with(end))
    });
    let asked_to_cancel = count("WORKFLOW_EXECUTION_CANCEL_REQUESTED") > 0;
    let policy_is_done = match awaited.parent_close_policy.as_deref() {
        Some("PARENT_CLOSE_POLICY_TERMINATE") => closed,
        Some("PARENT_CLOSE_POLICY_REQUEST_CANCEL") => closed || asked_to_cancel,
        _ => true,
    };
    if closed {
        return policy_is_done;
    }
    let first_task_is_due = events.first().is_some_and(|event| {
        let backoff = text(attributes(event), "/firstWorkflowTaskBackoff");
        matches!(backoff.as_str(), "" | "0s" | "1s")
    });
    if first_task_is_due && count("WORKFLOW_TASK_SCHEDULED") == 0 {
        return false;
    }
    let announced = ANNOUNCED
        .iter()
        .all(|(initiated, concluded)| count(initiated) == concluded.iter().map(|name| count(name)).sum::<usize>());
    let children = awaited.closed_children.iter().all(|(workflow_id, times)| {
        let seen = events.iter().filter(|event| {
            CHILD_CLOSED.iter().any(|name| is_type(event, name))
                && attributes(event)["workflowExecution"]["workflowId"] == **workflow_id
        });
        seen.count() >= *times
    });
    announced && children && policy_is_done
}
