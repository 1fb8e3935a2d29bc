//! Calls about task queues and who polls them: `DescribeTaskQueue`, `ListTaskQueuePartitions` and `ListWorkers`.

use std::collections::BTreeMap;

use engine::{Answer, Call, TaskQueueDescription};
use model::{QueueKey, QueueKind, Reject};
use proto::temporal::api::{
    enums::v1::{DescribeTaskQueueMode, RateLimitSource, TaskQueueKind, TaskQueueType, WorkerStatus},
    taskqueue::v1::{
        TaskQueuePartitionMetadata, TaskQueueStatus, TaskQueueTypeInfo, TaskQueueVersionInfo, TaskQueueVersioningInfo,
    },
    worker::v1::WorkerListInfo,
    workflowservice::v1::{
        DescribeTaskQueueRequest, DescribeTaskQueueResponse, ListTaskQueuePartitionsRequest,
        ListTaskQueuePartitionsResponse, ListWorkersRequest, ListWorkersResponse,
        describe_task_queue_response::EffectiveRateLimit,
    },
};

use crate::{
    check,
    context::{Scope, unexpected},
};

/// Task queues whose workers are listed on one page.
const QUEUES: usize = 100;
/// How workers without a version are called.
const UNVERSIONED: &str = "__unversioned__";
/// The zero time of the reference's language, in seconds: the versions never changed.
const NEVER: i64 = -62_135_596_800;

pub(crate) async fn describe_task_queue(
    scope: Scope,
    request: DescribeTaskQueueRequest,
) -> Result<DescribeTaskQueueResponse, Reject> {
    if request.api_mode() == DescribeTaskQueueMode::Enhanced {
        return describe_enhanced(&scope, request).await;
    }
    let kind = queue_kind(request.task_queue_type())?;
    let name = check::task_queue_partition(request.task_queue.clone(), scope.limits())?.name;
    let found = describe(&scope, kind, &name).await?;
    let mut response = DescribeTaskQueueResponse {
        versioning_info: Some(TaskQueueVersioningInfo {
            current_version: UNVERSIONED.to_owned(),
            update_time: Some(prost_types::Timestamp { seconds: NEVER, nanos: 0 }),
            ..Default::default()
        }),
        ..Default::default()
    };
    if request.include_task_queue_status {
        response.task_queue_status = Some(TaskQueueStatus {
            backlog_count_hint: found.stats.approximate_backlog_count,
            rate_per_second: found.tasks_per_second.unwrap_or_default(),
            ..Default::default()
        });
    }
    // A queue without a limit of its own is not limited by the server either, so it shows none.
    response.effective_rate_limit = found.tasks_per_second.map(|rate| EffectiveRateLimit {
        requests_per_second: rate as f32,
        rate_limit_source: RateLimitSource::Worker.into(),
    });
    if request.report_stats {
        response.stats = Some(found.stats);
        response.stats_by_priority_key = found.stats_by_priority.into_iter().collect();
    }
    response.pollers = found.pollers;
    Ok(response)
}

/// The other shape of the answer: by version and by type.
async fn describe_enhanced(
    scope: &Scope,
    request: DescribeTaskQueueRequest,
) -> Result<DescribeTaskQueueResponse, Reject> {
    let queue = check::task_queue(request.task_queue.clone(), scope.limits())?;
    if queue.kind() == TaskQueueKind::Sticky {
        let text =
            "Enhanced DescribeTaskQueue is not valid for a sticky queue, use api_mode=UNSPECIFIED or a normal queue.";
        return Err(Reject::invalid(text));
    }
    let mut kinds: Vec<_> = request.task_queue_types().collect();
    if kinds.is_empty() {
        kinds = vec![TaskQueueType::Workflow, TaskQueueType::Activity];
    }
    let mut info = TaskQueueVersionInfo::default();
    for kind in kinds {
        let found = describe(scope, queue_kind(kind)?, &queue.name).await?;
        let type_info = TaskQueueTypeInfo {
            pollers: if request.report_pollers { found.pollers } else { Vec::new() },
            stats: request.report_stats.then_some(found.stats),
        };
        info.types_info.insert(kind.into(), type_info);
    }
    Ok(DescribeTaskQueueResponse { versions_info: BTreeMap::from([(String::new(), info)]), ..Default::default() })
}

fn queue_kind(kind: TaskQueueType) -> Result<QueueKind, Reject> {
    match kind {
        TaskQueueType::Unspecified | TaskQueueType::Workflow => Ok(QueueKind::Workflow),
        TaskQueueType::Activity => Ok(QueueKind::Activity),
        TaskQueueType::Nexus => Err(Reject::unimplemented("the Nexus task queue type")),
    }
}

async fn describe(scope: &Scope, kind: QueueKind, name: &str) -> Result<TaskQueueDescription, Reject> {
    let queue = QueueKey { namespace: scope.namespace.id, kind, name: name.into() };
    match scope.call(Call::DescribeTaskQueue { queue }).await? {
        Answer::TaskQueue(found) => Ok(*found),
        other => Err(unexpected(&other)),
    }
}

/// A task queue is one piece here: its only partition is the root.
pub(crate) async fn list_task_queue_partitions(
    scope: Scope,
    request: ListTaskQueuePartitionsRequest,
) -> Result<ListTaskQueuePartitionsResponse, Reject> {
    let queue = check::task_queue(request.task_queue, scope.limits())?;
    let root = TaskQueuePartitionMetadata { key: queue.name, owner_host_name: scope.context.about.address.clone() };
    Ok(ListTaskQueuePartitionsResponse {
        activity_task_queue_partitions: vec![root.clone()],
        workflow_task_queue_partitions: vec![root],
    })
}

/// The workers that have polled in the last five minutes, by task queue and identity: what they say of themselves beside
/// their polls is not kept, so a page is that of whole task queues and can't be filtered.
pub(crate) async fn list_workers(scope: Scope, request: ListWorkersRequest) -> Result<ListWorkersResponse, Reject> {
    if !request.query.is_empty() {
        return Err(Reject::unimplemented("a query of ListWorkers"));
    }
    let after = std::str::from_utf8(&request.next_page_token);
    let after = after.map_err(|_| Reject::invalid("Invalid NextPageToken."))?.to_owned();
    let size = usize::try_from(request.page_size).unwrap_or_default();
    let queues = if size == 0 { QUEUES } else { size.min(QUEUES) };
    let Answer::Workers(workers) = scope.call(Call::ListWorkers { after, queues }).await? else {
        return Err(Reject::internal("workers were asked for"));
    };
    let info = |worker: engine::PollingWorker| WorkerListInfo {
        worker_identity: worker.identity,
        task_queue: worker.task_queue,
        status: WorkerStatus::Running.into(),
        ..WorkerListInfo::default()
    };
    Ok(ListWorkersResponse {
        workers: workers.found.into_iter().map(info).collect(),
        next_page_token: workers.more_after.unwrap_or_default().into_bytes().into(),
        ..Default::default()
    })
}
