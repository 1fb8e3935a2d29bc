//! Whether a workflow id that was used before may be used again.
//!
//! | newest run | policy                                       | the start                        |
//! |------------|----------------------------------------------|----------------------------------|
//! | none       | any                                          | goes on                          |
//! | any        | any, same request id                         | is answered as before            |
//! | open       | conflict: fail                               | is refused                       |
//! | open       | conflict: use existing                       | is answered with the open run    |
//! | open       | conflict: terminate existing, or reuse: terminate if running | terminates it and goes on |
//! | closed     | reuse: allow duplicate, terminate if running | goes on                          |
//! | closed     | reuse: allow duplicate failed only           | goes on if it didn't succeed     |
//! | closed     | reuse: reject duplicate                      | is refused                       |

use model::{Kind, Reject};
use proto::temporal::api::enums::v1::{WorkflowExecutionStatus, WorkflowIdConflictPolicy, WorkflowIdReusePolicy};

use super::is_closed;
use crate::{EarlierRequest, Requests, StepContext};

/// What the policies say of a start whose workflow id was used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Start a new run.
    Start,
    /// Terminate the open run, then start a new one in the same commit.
    TerminateAndStart,
    /// The same request was answered before, with this run; `started` where it had started it. Of a signal with start the
    /// reference says so no more while the run is open, since then it has only been signalled again.
    Repeated { run_id: String, started: bool },
    /// Answer with the open run.
    UseExisting { run_id: String },
}

/// The newest run of a workflow id.
#[derive(Clone, Debug, PartialEq)]
pub struct Current {
    pub run_id: String,
    pub status: WorkflowExecutionStatus,
    /// The request that started it, and those that were attached to it since.
    pub request_ids: Vec<String>,
    /// The requests that started earlier runs of its chain.
    pub earlier_starts: Vec<EarlierRequest>,
    /// Signals that it has taken, by their request ids; those that came with a start among them.
    pub requests: Requests,
    /// The run that its chain of runs began with.
    pub first_execution_run_id: String,
}

/// By what the repetition of a start is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats<'a> {
    /// A start, by its request id; empty for one that is never a repetition.
    Start(&'a str),
    /// A signal with start, by the request id of both: a run has taken the signal, whether it started with it or not.
    SignalWithStart(&'a str),
}

impl Current {
    /// The decision on a request that was answered before.
    fn answered(&self, request: Repeats<'_>) -> Option<Decision> {
        let (Repeats::Start(id) | Repeats::SignalWithStart(id)) = request;
        if id.is_empty() {
            return None;
        }
        let own = self.request_ids.iter().any(|known| known == id).then_some(&self.run_id);
        let earlier =
            || self.earlier_starts.iter().rev().find(|start| start.request_id == id).map(|start| &start.run_id);
        let started = own.or_else(earlier);
        match request {
            Repeats::Start(_) => started.map(|run_id| Decision::Repeated { run_id: run_id.clone(), started: true }),
            // A start that was no signal may have the same id.
            Repeats::SignalWithStart(_) => self.requests.contains(id).then(|| Decision::Repeated {
                run_id: self.requests.earlier_run(id).map_or_else(|| self.run_id.clone(), |run_id| run_id.to_string()),
                started: started.is_some() && is_closed(self.status),
            }),
        }
    }
}

/// Decides on the reuse of a workflow id. An unspecified policy is the API's default: allow duplicate, and fail.
///
/// # Errors
/// `WorkflowAlreadyStarted` with the reference's texts.
pub fn decide(
    current: Option<&Current>,
    request: Repeats<'_>,
    workflow_id: &str,
    reuse: WorkflowIdReusePolicy,
    conflict: WorkflowIdConflictPolicy,
    context: &StepContext,
) -> Result<Decision, Reject> {
    // The reference's least interval between starts with one id is switched off by default, so nothing depends on time.
    let _ = context;
    let Some(current) = current else {
        return Ok(Decision::Start);
    };
    if let Some(decision) = current.answered(request) {
        return Ok(decision);
    }
    if is_closed(current.status) {
        on_closed(current, workflow_id, reuse)
    } else {
        on_open(current, workflow_id, reuse, conflict)
    }
}

fn on_open(
    current: &Current,
    workflow_id: &str,
    reuse: WorkflowIdReusePolicy,
    conflict: WorkflowIdConflictPolicy,
) -> Result<Decision, Reject> {
    if terminates(reuse) {
        return Ok(Decision::TerminateAndStart);
    }
    match conflict {
        WorkflowIdConflictPolicy::UseExisting => Ok(Decision::UseExisting { run_id: current.run_id.clone() }),
        WorkflowIdConflictPolicy::TerminateExisting => Ok(Decision::TerminateAndStart),
        WorkflowIdConflictPolicy::Fail | WorkflowIdConflictPolicy::Unspecified => Err(refusal(
            current,
            format!("Workflow execution is already running. WorkflowId: {workflow_id}, RunId: {}.", current.run_id),
        )),
    }
}

fn on_closed(current: &Current, workflow_id: &str, reuse: WorkflowIdReusePolicy) -> Result<Decision, Reject> {
    let run_id = &current.run_id;
    if reuse == WorkflowIdReusePolicy::AllowDuplicateFailedOnly && !is_failure(current.status) {
        return Err(refusal(
            current,
            format!(
                "Workflow execution already finished successfully. WorkflowId: {workflow_id}, RunId: {run_id}. \
             Workflow Id reuse policy: allow duplicate workflow Id if last run failed."
            ),
        ));
    }
    if reuse == WorkflowIdReusePolicy::RejectDuplicate {
        return Err(refusal(
            current,
            format!(
                "Workflow execution already finished. WorkflowId: {workflow_id}, RunId: {run_id}. \
             Workflow Id reuse policy: reject duplicate workflow Id."
            ),
        ));
    }
    Ok(Decision::Start)
}

/// The policy of old that is a conflict policy now.
fn terminates(reuse: WorkflowIdReusePolicy) -> bool {
    reuse == WorkflowIdReusePolicy::TerminateIfRunning
}

fn is_failure(status: WorkflowExecutionStatus) -> bool {
    match status {
        WorkflowExecutionStatus::Failed
        | WorkflowExecutionStatus::Canceled
        | WorkflowExecutionStatus::Terminated
        | WorkflowExecutionStatus::TimedOut => true,
        WorkflowExecutionStatus::Unspecified
        | WorkflowExecutionStatus::Running
        | WorkflowExecutionStatus::Paused
        | WorkflowExecutionStatus::Completed
        | WorkflowExecutionStatus::ContinuedAsNew => false,
    }
}

fn refusal(current: &Current, message: String) -> Reject {
    Reject::new(
        Kind::WorkflowAlreadyStarted {
            start_request_id: current.request_ids.first().cloned().unwrap_or_default(),
            run_id: current.run_id.clone(),
            first_execution_run_id: current.first_execution_run_id.clone(),
        },
        message,
    )
}
