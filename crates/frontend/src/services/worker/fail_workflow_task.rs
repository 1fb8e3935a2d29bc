//! `RespondWorkflowTaskFailed`.

use engine::Call;
use model::{Reject, Token};
use proto::temporal::api::workflowservice::v1::{RespondWorkflowTaskFailedRequest, RespondWorkflowTaskFailedResponse};

use super::failure::within;
use crate::{check, context::Scope};

pub(crate) async fn respond_workflow_task_failed(
    scope: Scope,
    token: Token,
    mut request: RespondWorkflowTaskFailedRequest,
) -> Result<RespondWorkflowTaskFailedResponse, Reject> {
    check::identity(&request.identity, scope.limits())?;
    request.failure = request.failure.map(|failure| within(failure, scope.limits()).0);
    scope.call(Call::FailWorkflowTask { token, request: Box::new(request) }).await?;
    Ok(RespondWorkflowTaskFailedResponse {})
}
