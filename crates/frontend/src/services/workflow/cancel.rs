//! `RequestCancelWorkflowExecution`.

use engine::Call;
use model::Reject;
use proto::temporal::api::workflowservice::v1::{
    RequestCancelWorkflowExecutionRequest, RequestCancelWorkflowExecutionResponse,
};

use crate::{check, context::Scope};

pub(crate) async fn request_cancel_workflow_execution(
    scope: Scope,
    request: RequestCancelWorkflowExecutionRequest,
) -> Result<RequestCancelWorkflowExecutionResponse, Reject> {
    let execution = check::execution(request.workflow_execution)?;
    check::links(&request.links, scope.limits())?;
    let call = Call::RequestCancel {
        execution,
        first_execution_run_id: request.first_execution_run_id,
        reason: request.reason,
        identity: request.identity,
        request_id: request.request_id,
        links: request.links,
    };
    scope.call(call).await?;
    Ok(RequestCancelWorkflowExecutionResponse {})
}
