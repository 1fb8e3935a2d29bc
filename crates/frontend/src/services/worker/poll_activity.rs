//! `PollActivityTaskQueue`.

use engine::{Answer, Call, PollerVersion};
use model::{QueueKind, Reject};
use proto::temporal::api::workflowservice::v1::{PollActivityTaskQueueRequest, PollActivityTaskQueueResponse};

use super::poll::{Worker, deadline, poll};
use crate::{
    check::{self, WorkerVersion},
    context::{Scope, unexpected},
};

pub(crate) async fn poll_activity_task_queue(
    scope: Scope,
    request: PollActivityTaskQueueRequest,
) -> Result<PollActivityTaskQueueResponse, Reject> {
    let deadline = deadline(&scope)?;
    let queue = check::task_queue(request.task_queue, scope.limits())?;
    check::identity(&request.identity, scope.limits())?;
    let (capabilities, deployment_options) = (request.worker_version_capabilities, request.deployment_options);
    let version = WorkerVersion::from(capabilities.as_ref());
    check::worker_version(version, deployment_options.as_ref(), Some(&queue))?;
    let version = PollerVersion { capabilities, deployment_options };
    let worker = Worker { identity: request.identity, instance_key: request.worker_instance_key, version };
    let mut poll = poll(&scope, QueueKind::Activity, queue, worker, deadline);
    poll.max_tasks_per_second = request.task_queue_metadata.and_then(|metadata| metadata.max_tasks_per_second);
    match scope.call(Call::PollActivityTask(poll)).await? {
        Answer::ActivityTask(task) => Ok(task.map(|task| *task).unwrap_or_default()),
        other => Err(unexpected(&other)),
    }
}
