//! `DescribeNamespace`, and what a namespace looks like from outside.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine::{Job, JobStage, NamespaceRecord};
use model::{Limits, NamespaceId, Reject, Time, to_proto_duration};
use proto::temporal::api::{
    enums::v1::{NamespaceState, ReplicationState},
    namespace::v1::{
        BadBinaries, NamespaceConfig, NamespaceInfo,
        namespace_info::{Capabilities, Limits as ShownLimits},
    },
    replication::v1::{ClusterReplicationConfig, NamespaceReplicationConfig},
    workflowservice::v1::{DescribeNamespaceRequest, DescribeNamespaceResponse},
};

use super::{PLACES, delete};
use crate::{context::ServerContext, gate, services::system::CLUSTER};

/// Under what a namespace that is being deleted tells how far that is, beside what its owner noted.
const DELETION: &str = "deletion";

/// What every namespace can do. Each is decided on here, so that a new one does not compile until it is: clients use what they
/// find. Workers whose polls are ended by `ShutdownWorker` are told to end them themselves, as by the reference.
const CAPABILITIES: Capabilities = Capabilities {
    eager_workflow_start: true,
    sync_update: true,
    async_update: true,
    worker_heartbeats: false,
    reported_problems_search_attribute: true,
    workflow_pause: false,
    standalone_activities: false,
    worker_poll_complete_on_shutdown: false,
    poller_autoscaling: false,
    worker_commands: false,
    standalone_nexus_operation: false,
    workflow_update_callbacks: false,
    poller_autoscaling_auto_enroll: false,
    workflow_task_completion_pagination: false,
    standalone_activity_start_delay: false,
    standalone_activity_batch_operations: false,
    standalone_activity_operator_commands: false,
};

pub(crate) async fn describe_namespace(
    context: Arc<ServerContext>,
    request: DescribeNamespaceRequest,
) -> Result<DescribeNamespaceResponse, Reject> {
    let table = context.engine.namespaces();
    let found = match (request.id.as_str(), request.namespace.as_str()) {
        ("", "") => return Err(Reject::invalid("Namespace not set on request.")),
        ("", name) => table.by_name(name).ok_or_else(|| gate::not_found(name)),
        (id, "") => id.parse::<NamespaceId>().ok().and_then(|id| table.by_id(id)).ok_or_else(|| gate::not_found(id)),
        _ => {
            let text = "GetNamespace operation failed. Both ID and Name specified in request.";
            return Err(Reject::invalid(text));
        }
    };
    let (record, _) = found?;
    let mut described = description(record, context.limits());
    if record.state() == NamespaceState::Deleted
        && let Some(job) = delete::job(&context.engine, record.namespace_id()).await
        && let Some(info) = &mut described.namespace_info
    {
        info.data.insert(DELETION.to_owned(), progress(&job));
    }
    Ok(described)
}

/// How far the deletion of a namespace is, in words.
fn progress(job: &Job) -> String {
    let record = &job.record;
    let time = Time(record.visible_time).to_proto();
    match record.stage() {
        JobStage::Runs if record.failures > 0 => {
            format!("deletes runs, {} so far; tries again at {time}: {}", record.items_done, record.last_failure)
        }
        JobStage::Runs => format!("deletes runs, {} so far", record.items_done),
        JobStage::Delay => format!("the runs are deleted, {} of them; the namespace goes at {time}", record.items_done),
        JobStage::Record | JobStage::Ended | JobStage::Unspecified => "the namespace goes now".to_owned(),
    }
}

/// A namespace as its readers see it.
pub(super) fn description(record: &NamespaceRecord, limits: &Limits) -> DescribeNamespaceResponse {
    DescribeNamespaceResponse {
        namespace_info: Some(info(record, limits)),
        config: Some(config(record)),
        replication_config: Some(replication()),
        ..Default::default()
    }
}

pub(super) fn info(record: &NamespaceRecord, limits: &Limits) -> NamespaceInfo {
    let bytes = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
    NamespaceInfo {
        name: record.name.clone(),
        state: record.state,
        description: record.description.clone(),
        owner_email: record.owner_email.clone(),
        data: record.data.clone(),
        id: record.namespace_id().to_string(),
        // Only what is true: clients use what they find here.
        capabilities: Some(CAPABILITIES),
        limits: Some(ShownLimits {
            blob_size_limit_error: bytes(limits.blob_size_error),
            memo_size_limit_error: bytes(limits.memo_size_error),
            ..Default::default()
        }),
        supports_schedules: false,
    }
}

pub(super) fn config(record: &NamespaceRecord) -> NamespaceConfig {
    let retention = Duration::from_nanos(u64::try_from(record.retention_ns).unwrap_or(0));
    NamespaceConfig {
        workflow_execution_retention_ttl: Some(to_proto_duration(retention)),
        bad_binaries: Some(BadBinaries { binaries: record.bad_binaries.clone() }),
        history_archival_state: record.history_archival_state,
        history_archival_uri: record.history_archival_uri.clone(),
        visibility_archival_state: record.visibility_archival_state,
        visibility_archival_uri: record.visibility_archival_uri.clone(),
        custom_search_attribute_aliases: aliases(record),
    }
}

/// The custom search attributes as the reference's SQL stores show them: each in a numbered place of its type.
pub(super) fn aliases(record: &NamespaceRecord) -> BTreeMap<String, String> {
    let mut aliases = BTreeMap::new();
    for (kind, place, _) in PLACES {
        let names = record.search_attributes.iter().filter(|(_, other)| **other == kind as i32);
        for (number, (name, _)) in names.enumerate() {
            aliases.insert(format!("{place}{:02}", number + 1), name.clone());
        }
    }
    aliases
}

pub(super) fn replication() -> NamespaceReplicationConfig {
    NamespaceReplicationConfig {
        active_cluster_name: CLUSTER.to_owned(),
        clusters: vec![ClusterReplicationConfig { cluster_name: CLUSTER.to_owned(), ..Default::default() }],
        state: ReplicationState::Normal.into(),
    }
}
