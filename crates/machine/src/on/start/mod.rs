//! Starting a run: what a client's request becomes, whether the workflow id may be used, and the first step.

use model::{Reject, RunKey};
use proto::temporal::api::{
    enums::v1::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
    workflowservice::v1::StartWorkflowExecutionRequest,
};

use crate::{Current, Facts, Run, StartSpec, Step};

/// What the policies say of a start whose workflow id was used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Start a new run.
    Start,
    /// Terminate the open run, then start a new one in the same commit.
    TerminateAndStart,
    /// The same request was accepted before, as this run.
    Repeated { run_id: String },
    /// Answer with the open run.
    UseExisting { run_id: String },
}

/// Decides on the reuse of a workflow id.
///
/// # Errors
/// `WorkflowAlreadyStarted` with the reference's texts.
pub fn decide(
    current: Option<&Current>,
    request_id: &str,
    workflow_id: &str,
    reuse: WorkflowIdReusePolicy,
    conflict: WorkflowIdConflictPolicy,
    facts: &Facts,
) -> Result<Decision, Reject> {
    let _ = (current, request_id, workflow_id, reuse, conflict, facts);
    Err(Reject::unimplemented("start"))
}

impl StartSpec {
    /// What a client's request starts a run with, defaults and limits filled in.
    pub fn from_request(request: &StartWorkflowExecutionRequest, facts: &Facts) -> Self {
        let _ = (request, facts);
        Self::default()
    }
}

impl Run {
    /// The first step of a new run.
    ///
    /// # Errors
    /// A refusal where the spec breaks a rule that only the machine knows.
    pub fn start(key: RunKey, spec: StartSpec, facts: &Facts) -> Result<Step, Reject> {
        let _ = (key, spec, facts);
        Err(Reject::unimplemented("start"))
    }

    /// The row that the next start with this workflow id is decided on.
    pub fn current(&self) -> Current {
        Current::default()
    }
}
