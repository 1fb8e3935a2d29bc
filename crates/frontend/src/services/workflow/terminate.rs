//! `TerminateWorkflowExecution`.

use engine::Call;
use model::Reject;
use proto::temporal::api::workflowservice::v1::{
    TerminateWorkflowExecutionRequest, TerminateWorkflowExecutionResponse,
};

use crate::{check, context::Scope};

/// What stands in the history where the caller says neither why nor who.
const REASON: &str = "terminated by user via frontend";
const IDENTITY: &str = "frontend-service";

pub(crate) async fn terminate_workflow_execution(
    scope: Scope,
    request: TerminateWorkflowExecutionRequest,
) -> Result<TerminateWorkflowExecutionResponse, Reject> {
    let execution = check::execution(request.workflow_execution)?;
    check::links(&request.links, scope.limits())?;
    let call = Call::Terminate {
        execution,
        first_execution_run_id: request.first_execution_run_id,
        reason: or_default(request.reason, REASON),
        details: request.details,
        identity: or_default(request.identity, IDENTITY),
        links: request.links,
    };
    scope.call(call).await?;
    Ok(TerminateWorkflowExecutionResponse {})
}

fn or_default(given: String, default: &str) -> String {
    if given.is_empty() { default.to_owned() } else { given }
}
