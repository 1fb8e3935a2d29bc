//! What a worker says of its version.

use model::Reject;
use proto::temporal::api::{
    common::v1::{WorkerVersionCapabilities, WorkerVersionStamp},
    deployment::v1::WorkerDeploymentOptions,
    enums::v1::{TaskQueueKind, WorkerVersioningMode},
    taskqueue::v1::TaskQueue,
};

/// Bytes of a build id, as the reference's `limit.workerBuildIdSize` says by default.
const BUILD_ID_LENGTH: usize = 255;

/// A build id and whether the worker wants to be versioned by it; polls and answers carry it in different messages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WorkerVersion<'a> {
    build_id: &'a str,
    use_versioning: bool,
}

impl<'a> From<Option<&'a WorkerVersionCapabilities>> for WorkerVersion<'a> {
    fn from(given: Option<&'a WorkerVersionCapabilities>) -> Self {
        given.map_or_else(Self::default, |given| Self {
            build_id: &given.build_id,
            use_versioning: given.use_versioning,
        })
    }
}

impl<'a> From<Option<&'a WorkerVersionStamp>> for WorkerVersion<'a> {
    fn from(given: Option<&'a WorkerVersionStamp>) -> Self {
        given.map_or_else(Self::default, |given| Self {
            build_id: &given.build_id,
            use_versioning: given.use_versioning,
        })
    }
}

/// Whether a worker's version is complete, for the queue that it polls or the sticky one it offers.
pub(crate) fn worker_version(
    version: WorkerVersion<'_>,
    options: Option<&WorkerDeploymentOptions>,
    queue: Option<&TaskQueue>,
) -> Result<(), Reject> {
    let unnamed = queue.is_some_and(|queue| queue.kind() == TaskQueueKind::Sticky && queue.normal_name.is_empty());
    if unnamed && (version.use_versioning || options.is_some()) {
        let text = "NormalName must be set on sticky queue when UseVersioning is true or DeploymentOptions are set.";
        return Err(Reject::invalid(text));
    }
    if version.use_versioning && version.build_id.is_empty() {
        return Err(Reject::invalid("WorkerVersionStamp must be present if UseVersioning is true."));
    }
    if version.build_id.len() > BUILD_ID_LENGTH {
        let text = "Build ID exceeds configured limit.workerBuildIdSize, use a shorter build ID.";
        return Err(Reject::invalid(text));
    }
    let Some(options) = options else { return Ok(()) };
    let is_versioned = options.worker_versioning_mode() == WorkerVersioningMode::Versioned;
    if is_versioned && (options.deployment_name.is_empty() || options.build_id.is_empty()) {
        return Err(Reject::invalid("Deployment name and build id must be set together."));
    }
    if is_versioned {
        return Err(Reject::unimplemented("worker deployment versioning"));
    }
    Ok(())
}
