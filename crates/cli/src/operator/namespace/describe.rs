//! `operator namespace describe`, and the card that `operator namespace list` shares with it.

use std::collections::BTreeMap;

use clap::Args;
use proto::temporal::api::{
    enums::v1::{ArchivalState, NamespaceState, ReplicationState},
    replication::v1::NamespaceReplicationConfig,
    workflowservice::v1::{DescribeNamespaceRequest, DescribeNamespaceResponse},
};

use super::NameArgs;
use crate::{
    context::Context,
    failure::{Attempt, Failure},
    output::{
        blocks::Card,
        go_duration,
        json::Layout,
        names,
        proto_json::{self, Payloads},
    },
};

/// Describe a Namespace
///
/// Provide long-form information about a Namespace, identified by its ID or name.
#[derive(Args, Clone, Debug)]
pub(crate) struct DescribeArgs {
    #[command(flatten)]
    name: NameArgs,
    /// Namespace ID.
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    namespace_id: String,
}

impl DescribeArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect().await?;
        let mut namespace = self.name.resolve(context)?;
        if namespace == "default" && !self.namespace_id.is_empty() && !context.names_namespace() {
            namespace.clear();
        }
        if namespace.is_empty() == self.namespace_id.is_empty() {
            return Err(Failure::told("provide one of --namespace-id=<uuid> or -n name, but not both"));
        }
        let shown = if namespace.is_empty() { self.namespace_id.clone() } else { namespace.clone() };
        let request = DescribeNamespaceRequest { namespace, id: self.namespace_id, ..Default::default() };
        let response = session.workflow.describe_namespace(request).await;
        let response = response.attempt(&format!("unable to describe namespace {shown}"))?.into_inner();
        context.printer.card(&card(&response))?;
        context.printer.message(&response)
    }
}

/// The properties of a namespace, each under its path in the API.
pub(super) fn card(response: &DescribeNamespaceResponse) -> Card {
    let info = response.namespace_info.clone().unwrap_or_default();
    let config = response.config.clone().unwrap_or_default();
    let replication = response.replication_config.clone().unwrap_or_default();
    let history: Vec<String> = response
        .failover_history
        .iter()
        .map(|status| proto_json::to_json(status, Payloads::Shorthand).render(Layout::Compact))
        .collect();
    Card::default()
        .field("NamespaceInfo.Name", info.name.as_str())
        .field("NamespaceInfo.Id", info.id.as_str())
        .field("NamespaceInfo.Description", info.description.as_str())
        .field("NamespaceInfo.OwnerEmail", info.owner_email.as_str())
        .field("NamespaceInfo.State", state_name(info.state))
        .field("NamespaceInfo.Data", map_text(&info.data))
        .field("Config.WorkflowExecutionRetentionTtl", go_duration(config.workflow_execution_retention_ttl.as_ref()))
        .field("ReplicationConfig.ActiveClusterName", replication.active_cluster_name.as_str())
        .field("ReplicationConfig.Clusters", clusters_text(&replication))
        .field("ReplicationConfig.State", replication_name(replication.state))
        .field("Config.HistoryArchivalState", archival_name(config.history_archival_state))
        .field("Config.VisibilityArchivalState", archival_name(config.visibility_archival_state))
        .field("IsGlobalNamespace", response.is_global_namespace.to_string())
        .field("FailoverVersion", response.failover_version.to_string())
        .field("FailoverHistory", format!("[{}]", history.join(", ")))
        .field("Config.HistoryArchivalUri", config.history_archival_uri.as_str())
        .field("Config.VisibilityArchivalUri", config.visibility_archival_uri.as_str())
        .field("Config.CustomSearchAttributeAliases", map_text(&config.custom_search_attribute_aliases))
}

/// `map[a:1 b:2]`.
fn map_text(map: &BTreeMap<String, String>) -> String {
    let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    format!("map[{}]", entries.join(" "))
}

fn clusters_text(replication: &NamespaceReplicationConfig) -> String {
    let clusters = replication.clusters.iter();
    let clusters: Vec<String> =
        clusters.map(|cluster| proto_json::to_json(cluster, Payloads::Shorthand).render(Layout::Compact)).collect();
    format!("[{}]", clusters.join(", "))
}

fn state_name(state: i32) -> String {
    match NamespaceState::try_from(state) {
        Ok(known) => names::short(known.as_str_name(), "NAMESPACE_STATE_"),
        Err(_) => state.to_string(),
    }
}

fn replication_name(state: i32) -> String {
    match ReplicationState::try_from(state) {
        Ok(known) => names::short(known.as_str_name(), "REPLICATION_STATE_"),
        Err(_) => state.to_string(),
    }
}

fn archival_name(state: i32) -> String {
    match ArchivalState::try_from(state) {
        Ok(known) => names::short(known.as_str_name(), "ARCHIVAL_STATE_"),
        Err(_) => state.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::{
        namespace::v1::{NamespaceConfig, NamespaceInfo},
        replication::v1::ClusterReplicationConfig,
    };

    use super::*;

    #[test]
    fn a_namespace_as_a_card() {
        let response = DescribeNamespaceResponse {
            namespace_info: Some(NamespaceInfo {
                name: "default".to_owned(),
                state: NamespaceState::Registered.into(),
                data: BTreeMap::from([("k".to_owned(), "v".to_owned()), ("l".to_owned(), "w".to_owned())]),
                ..Default::default()
            }),
            config: Some(NamespaceConfig {
                workflow_execution_retention_ttl: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
                history_archival_state: ArchivalState::Disabled.into(),
                ..Default::default()
            }),
            replication_config: Some(NamespaceReplicationConfig {
                clusters: vec![ClusterReplicationConfig { cluster_name: "active".to_owned(), ..Default::default() }],
                ..Default::default()
            }),
            ..Default::default()
        };
        let text = card(&response).render();
        for line in [
            "  NamespaceInfo.Name                    default",
            "  NamespaceInfo.Description              ",
            "  NamespaceInfo.State                   Registered",
            "  NamespaceInfo.Data                    map[k:v l:w]",
            "  Config.WorkflowExecutionRetentionTtl  24h0m0s",
            "  ReplicationConfig.Clusters            [{\"clusterName\":\"active\"}]",
            "  Config.HistoryArchivalState           Disabled",
            "  FailoverHistory                       []",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} in\n{text}");
        }
    }
}
