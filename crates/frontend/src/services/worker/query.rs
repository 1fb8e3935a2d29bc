//! `RespondQueryTaskCompleted`.

use engine::Call;
use model::{Reject, Token};
use proto::temporal::api::{
    enums::v1::QueryResultType,
    workflowservice::v1::{RespondQueryTaskCompletedRequest, RespondQueryTaskCompletedResponse},
};

use crate::{check, context::Scope};

pub(crate) async fn respond_query_task_completed(
    scope: Scope,
    token: Token,
    mut request: RespondQueryTaskCompletedRequest,
) -> Result<RespondQueryTaskCompletedResponse, Reject> {
    if token.query_id.is_empty() {
        return Err(Reject::invalid("Invalid TaskToken."));
    }
    if let Err(too_large) = check::blob(request.query_result.as_ref(), scope.limits()) {
        request.set_completed_type(QueryResultType::Failed);
        request.query_result = None;
        request.error_message = too_large.message;
    }
    scope.call(Call::AnswerQuery { token, request: Box::new(request) }).await?;
    Ok(RespondQueryTaskCompletedResponse {})
}
