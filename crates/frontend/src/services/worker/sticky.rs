//! `ResetStickyTaskQueue`.

use engine::Call;
use model::Reject;
use proto::temporal::api::workflowservice::v1::{ResetStickyTaskQueueRequest, ResetStickyTaskQueueResponse};

use crate::{check, context::Scope};

pub(crate) async fn reset_sticky_task_queue(
    scope: Scope,
    request: ResetStickyTaskQueueRequest,
) -> Result<ResetStickyTaskQueueResponse, Reject> {
    let execution = check::execution(request.execution)?;
    scope.call(Call::ResetSticky { execution }).await?;
    Ok(ResetStickyTaskQueueResponse {})
}
