//! `RespondWorkflowTaskCompleted`.

use engine::{Answer, Call};
use model::{Reject, Token};
use proto::temporal::api::workflowservice::v1::{
    RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskCompletedResponse,
};

use super::reach;
use crate::{
    check::{self, WorkerVersion},
    context::{Scope, unexpected},
    services::workflow::worker_task,
};

pub(crate) async fn respond_workflow_task_completed(
    scope: Scope,
    token: Token,
    request: RespondWorkflowTaskCompletedRequest,
) -> Result<RespondWorkflowTaskCompletedResponse, Reject> {
    check::identity(&request.identity, scope.limits())?;
    check_whole(&scope, &request)?;
    let sticky = request.sticky_attributes.as_ref().and_then(|sticky| sticky.worker_task_queue.as_ref());
    let version = WorkerVersion::from(request.worker_version_stamp.as_ref());
    check::worker_version(version, request.deployment_options.as_ref(), sticky)?;
    reach::check(&scope, &request.commands)?;
    let call = Call::CompleteWorkflowTask { token, request: Box::new(request) };
    let (next_task, activity_tasks, reset_history_event_id) = match scope.call(call).await? {
        Answer::WorkflowTaskCompleted { next_task, activities, reset_history_event_id } => {
            (next_task, activities, reset_history_event_id)
        }
        other => return Err(unexpected(&other)),
    };
    let workflow_task = match next_task {
        Some(task) => Some(worker_task(&scope, *task).await?.decoded()?),
        None => None,
    };
    Ok(RespondWorkflowTaskCompletedResponse { workflow_task, activity_tasks, reset_history_event_id })
}

/// A completion that comes in several pages is refused, as on a reference where its namespace does not announce that it may. One
/// page alone would be taken for all that the worker decided.
fn check_whole(scope: &Scope, request: &RespondWorkflowTaskCompletedRequest) -> Result<(), Reject> {
    if !request.intermediate_page && request.page_number <= 0 {
        return Ok(());
    }
    let text = "workflow task completion pagination is disabled for this namespace";
    Err(Reject::precondition(format!("{text} {}", scope.namespace.name)))
}
