//! `ShutdownWorker`.

use engine::Call;
use model::Reject;
use proto::temporal::api::workflowservice::v1::{ShutdownWorkerRequest, ShutdownWorkerResponse};

use crate::context::Scope;

pub(crate) async fn shutdown_worker(
    scope: Scope,
    request: ShutdownWorkerRequest,
) -> Result<ShutdownWorkerResponse, Reject> {
    let call = Call::ShutdownWorker {
        sticky_task_queue: request.sticky_task_queue,
        worker_instance_key: request.worker_instance_key,
    };
    scope.call(call).await?;
    Ok(ShutdownWorkerResponse {})
}
