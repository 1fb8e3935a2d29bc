//! `DeleteWorkflowExecution`.

use engine::Call;
use model::Reject;
use proto::temporal::api::workflowservice::v1::{DeleteWorkflowExecutionRequest, DeleteWorkflowExecutionResponse};

use crate::{check, context::Scope};

pub(crate) async fn delete_workflow_execution(
    scope: Scope,
    request: DeleteWorkflowExecutionRequest,
) -> Result<DeleteWorkflowExecutionResponse, Reject> {
    let execution = check::execution(request.workflow_execution)?;
    scope.call(Call::Delete { execution }).await?;
    Ok(DeleteWorkflowExecutionResponse {})
}
