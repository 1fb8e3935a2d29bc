//! `PollWorkflowTaskQueue`.

use engine::{Answer, Call, PollerVersion};
use model::{QueueKind, Reject};
use proto::temporal::api::{
    enums::v1::TaskQueueKind,
    workflowservice::v1::{PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse},
};

use super::poll::{Worker, deadline, poll};
use crate::{
    check::{self, WorkerVersion},
    context::{Scope, unexpected},
    services::workflow::{WorkerTask, worker_task},
};

pub(crate) async fn poll_workflow_task_queue(
    scope: Scope,
    request: PollWorkflowTaskQueueRequest,
) -> Result<WorkerTask, Reject> {
    let deadline = deadline(&scope)?;
    check::identity(&request.identity, scope.limits())?;
    let (capabilities, deployment_options) = (request.worker_version_capabilities, request.deployment_options);
    let version = WorkerVersion::from(capabilities.as_ref());
    check::worker_version(version, deployment_options.as_ref(), request.task_queue.as_ref())?;
    let mut queue = check::task_queue(request.task_queue, scope.limits())?;
    if queue.kind() != TaskQueueKind::Sticky {
        queue.normal_name.clear();
    }
    refuse_bad_binary(&scope, &request.binary_checksum)?;
    let version = PollerVersion { capabilities, deployment_options };
    let worker = Worker { identity: request.identity, instance_key: request.worker_instance_key, version };
    match scope.call(Call::PollWorkflowTask(poll(&scope, QueueKind::Workflow, queue, worker, deadline))).await? {
        Answer::WorkflowTask(Some(task)) => worker_task(&scope, *task).await,
        Answer::WorkflowTask(None) => {
            Ok(WorkerTask { message: PollWorkflowTaskQueueResponse::default(), history: None })
        }
        other => Err(unexpected(&other)),
    }
}

/// A build that was marked as bad gets no work.
fn refuse_bad_binary(scope: &Scope, checksum: &str) -> Result<(), Reject> {
    let table = scope.context.engine.namespaces();
    match table.by_id(scope.namespace.id) {
        Some((record, _)) if record.bad_binaries.contains_key(checksum) => {
            Err(Reject::invalid(format!("Binary {checksum} already marked as bad deployment.")))
        }
        _ => Ok(()),
    }
}
