//! What a caller that knows an activity by its id reports of it; the same as with a task token otherwise.

use engine::{ActivityRef, Execution};
use model::{Limits, Reject};
use proto::temporal::api::workflowservice::v1::{
    RecordActivityTaskHeartbeatByIdRequest, RecordActivityTaskHeartbeatByIdResponse,
    RespondActivityTaskCanceledByIdRequest, RespondActivityTaskCanceledByIdResponse,
    RespondActivityTaskCompletedByIdRequest, RespondActivityTaskCompletedByIdResponse,
    RespondActivityTaskFailedByIdRequest, RespondActivityTaskFailedByIdResponse,
};

use super::activity::{Subject, canceled, completed, failed_with, heartbeat, retry_delays};
use crate::{check, context::Scope};

/// The ids in a request.
struct Named {
    workflow_id: String,
    run_id: String,
    activity_id: String,
    identity: String,
}

impl Named {
    /// Without a workflow id it would be a standalone activity; there is none.
    fn subject(self, limits: Option<&Limits>) -> Result<Subject, Reject> {
        if self.activity_id.is_empty() {
            return Err(Reject::invalid("ActivityId is not set on request."));
        }
        if let Some(limits) = limits {
            check::identity(&self.identity, limits)?;
        }
        if self.workflow_id.is_empty() {
            return Err(Reject::not_found(format!("activity not found for ID: {}", self.activity_id)));
        }
        Ok(Subject {
            execution: Execution { workflow_id: self.workflow_id, run_id: self.run_id },
            activity: ActivityRef::Id(self.activity_id),
            epoch: None,
            identity: self.identity,
            worker_version: None,
        })
    }
}

macro_rules! named {
    ($request:ident) => {
        Named {
            workflow_id: $request.workflow_id,
            run_id: $request.run_id,
            activity_id: $request.activity_id,
            identity: $request.identity,
        }
    };
}

pub(crate) async fn respond_activity_task_completed_by_id(
    scope: Scope,
    request: RespondActivityTaskCompletedByIdRequest,
) -> Result<RespondActivityTaskCompletedByIdResponse, Reject> {
    let subject = named!(request).subject(Some(scope.limits()))?;
    completed(&scope, subject, request.result).await?;
    Ok(RespondActivityTaskCompletedByIdResponse {})
}

pub(crate) async fn respond_activity_task_canceled_by_id(
    scope: Scope,
    request: RespondActivityTaskCanceledByIdRequest,
) -> Result<RespondActivityTaskCanceledByIdResponse, Reject> {
    let subject = named!(request).subject(Some(scope.limits()))?;
    canceled(&scope, subject, request.details).await?;
    Ok(RespondActivityTaskCanceledByIdResponse {})
}

pub(crate) async fn respond_activity_task_failed_by_id(
    scope: Scope,
    request: RespondActivityTaskFailedByIdRequest,
) -> Result<RespondActivityTaskFailedByIdResponse, Reject> {
    let subject = named!(request).subject(Some(scope.limits()))?;
    retry_delays(request.failure.as_ref())?;
    let failures = failed_with(&scope, subject, request.failure, request.last_heartbeat_details).await?;
    Ok(RespondActivityTaskFailedByIdResponse { failures })
}

pub(crate) async fn record_activity_task_heartbeat_by_id(
    scope: Scope,
    request: RecordActivityTaskHeartbeatByIdRequest,
) -> Result<RecordActivityTaskHeartbeatByIdResponse, Reject> {
    let subject = named!(request).subject(None)?;
    let cancel_requested = heartbeat(&scope, subject, request.details).await?;
    Ok(RecordActivityTaskHeartbeatByIdResponse { cancel_requested, ..Default::default() })
}
