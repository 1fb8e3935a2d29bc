//! What this server is: `GetSystemInfo` and `GetClusterInfo`.

use std::{collections::BTreeMap, sync::Arc};

use model::Reject;
use proto::temporal::api::workflowservice::v1::{
    GetClusterInfoRequest, GetClusterInfoResponse, GetSystemInfoRequest, GetSystemInfoResponse,
    get_system_info_response::Capabilities,
};

use crate::{context::ServerContext, version::SUPPORTED_CLIENTS};

/// The name of the only cluster that there is.
pub(crate) const CLUSTER: &str = "active";

pub(crate) async fn get_system_info(
    context: Arc<ServerContext>,
    _request: GetSystemInfoRequest,
) -> Result<GetSystemInfoResponse, Reject> {
    // Only what is true: a client uses what it finds here.
    let capabilities = Capabilities {
        signal_and_query_header: true,
        internal_error_differentiation: true,
        activity_failure_include_heartbeat: true,
        supports_schedules: false,
        encoded_failure_attributes: true,
        build_id_based_versioning: true,
        upsert_memo: true,
        eager_workflow_start: true,
        sdk_metadata: true,
        count_group_by_execution_status: true,
        nexus: false,
        server_scaled_deployments: false,
        server_scaled_provider_cloud_run: false,
    };
    Ok(GetSystemInfoResponse {
        server_version: context.about.server_version.to_owned(),
        capabilities: Some(capabilities),
    })
}

pub(crate) async fn get_cluster_info(
    context: Arc<ServerContext>,
    _request: GetClusterInfoRequest,
) -> Result<GetClusterInfoResponse, Reject> {
    let clients = SUPPORTED_CLIENTS.map(|(name, versions)| (name.to_owned(), versions.to_owned()));
    Ok(GetClusterInfoResponse {
        supported_clients: BTreeMap::from(clients),
        server_version: context.about.server_version.to_owned(),
        cluster_id: context.engine.cluster_id().to_owned(),
        version_info: None,
        cluster_name: CLUSTER.to_owned(),
        history_shard_count: i32::try_from(context.about.shards).unwrap_or(i32::MAX),
        persistence_store: context.about.store.to_owned(),
        visibility_store: context.about.store.to_owned(),
        initial_failover_version: 1,
        failover_version_increment: 10,
    })
}
