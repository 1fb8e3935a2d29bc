//! `operator cluster`: the health and properties of a service.

use clap::{Args, Subcommand};
use proto::temporal::api::workflowservice::v1::{
    GetClusterInfoRequest, GetClusterInfoResponse, GetSystemInfoRequest, GetSystemInfoResponse,
};

use crate::{
    connect::health,
    context::Context,
    failure::{Attempt, Failure},
    output::{
        blocks::{Column, Table},
        json::{Json, Layout},
        proto_json,
    },
};

/// Manage a Temporal Cluster
///
/// Perform operator actions on Temporal Services (also known as Clusters).
#[derive(Args, Clone, Debug)]
pub(crate) struct ClusterArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Describe(DescribeArgs),
    /// Check Temporal Service health
    Health,
    /// Show Temporal Cluster info
    System,
}

/// Show Temporal Cluster information
///
/// View information about a Temporal Cluster (Service), including Cluster Name, persistence store, and visibility
/// store. Add --detail for additional info.
#[derive(Args, Clone, Debug)]
struct DescribeArgs {
    /// Show history shard count and Cluster/Service version information.
    #[arg(long)]
    detail: bool,
}

impl ClusterArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            Verb::Describe(args) => describe(args.detail, context).await,
            Verb::Health => check_health(context).await,
            Verb::System => show_system(context).await,
        }
    }
}

async fn describe(detail: bool, context: &mut Context) -> Result<(), Failure> {
    let mut session = context.connect().await?;
    let response = session.workflow.get_cluster_info(GetClusterInfoRequest {}).await;
    let response = response.attempt("unable to get cluster information")?.into_inner();
    context.printer.table(&cluster_table(&response, detail))?;
    context.printer.message(&response)
}

fn cluster_table(response: &GetClusterInfoResponse, detail: bool) -> Table {
    let mut columns = vec!["ClusterName", "PersistenceStore", "VisibilityStore"];
    let mut row =
        vec![response.cluster_name.clone(), response.persistence_store.clone(), response.visibility_store.clone()];
    if detail {
        columns.extend(["HistoryShardCount", "VersionInfo"]);
        let version = response.version_info.as_ref();
        let version = version.map(|info| proto_json::to_json(info, Default::default()).render(Layout::Compact));
        row.extend([response.history_shard_count.to_string(), version.unwrap_or_else(|| "<nil>".to_owned())]);
    }
    let mut table = Table::new(columns.into_iter().map(Column::text));
    table.push(row);
    table
}

async fn check_health(context: &mut Context) -> Result<(), Failure> {
    let mut session = context.connect().await?;
    health::check(&mut session.transport).await.attempt("failed checking cluster health")?;
    context.printer.success("SERVING")?;
    context.printer.json(&Json::object([("status", Json::string("SERVING"))]))
}

async fn show_system(context: &mut Context) -> Result<(), Failure> {
    let mut session = context.connect().await?;
    let response = session.workflow.get_system_info(GetSystemInfoRequest {}).await;
    let response = response.attempt("unable to get system information")?.into_inner();
    context.printer.table(&system_table(&response))?;
    context.printer.message(&response)
}

fn system_table(response: &GetSystemInfoResponse) -> Table {
    let columns = ["ServerVersion", "SupportsSchedules", "UpsertMemo", "EagerWorkflowStart"];
    let capabilities = response.capabilities.unwrap_or_default();
    let mut table = Table::new(columns.map(Column::text));
    table.push([
        response.server_version.clone(),
        capabilities.supports_schedules.to_string(),
        capabilities.upsert_memo.to_string(),
        capabilities.eager_workflow_start.to_string(),
    ]);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detail_adds_columns() {
        let response = GetClusterInfoResponse {
            cluster_name: "active".to_owned(),
            persistence_store: "sqlite".to_owned(),
            visibility_store: "sqlite".to_owned(),
            history_shard_count: 4,
            ..Default::default()
        };
        let brief = cluster_table(&response, false);
        assert_eq!(brief.render_header(false), "  ClusterName  PersistenceStore  VisibilityStore\n");
        assert_eq!(brief.render_rows(), "  active       sqlite            sqlite         \n");
        let detailed = cluster_table(&response, true);
        assert!(detailed.render_header(false).ends_with("  HistoryShardCount  VersionInfo\n"));
        assert!(detailed.render_rows().ends_with("  4                  <nil>      \n"));
    }
}
