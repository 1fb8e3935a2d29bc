//! `operator namespace create`.

use clap::Args;
use jiff::SignedDuration;
use proto::temporal::api::{enums::v1::ArchivalState, workflowservice::v1::RegisterNamespaceRequest};

use super::{NameArgs, clusters};
use crate::{
    context::Context,
    failure::{Attempt, Failure},
    flags::values::{choice, duration, key_value, proto_duration},
};

/// Register a new Namespace
///
/// Create a new Namespace on the Temporal Service.
#[derive(Args, Clone, Debug)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    name: NameArgs,
    /// Active Cluster (Service) name.
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    active_cluster: String,
    /// Cluster (Service) names for Namespace creation. Can be passed multiple times.
    #[arg(long, value_name = "stringArray")]
    cluster: Vec<String>,
    /// Namespace data as KEY=VALUE pairs. Keys must be identifiers, and values must be JSON values. Can be passed
    /// multiple times.
    #[arg(long, value_name = "stringArray")]
    data: Vec<String>,
    /// Namespace description.
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    description: String,
    /// Owner email.
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    email: String,
    /// Enable cross-region data replication.
    #[arg(long)]
    global: bool,
    /// History archival state. Accepted values: disabled, enabled.
    #[arg(long, value_name = "string", value_parser = choice::<ArchivalState>)]
    history_archival_state: Option<ArchivalState>,
    /// Archive history to this URI. Once enabled, can't be changed.
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    history_uri: String,
    /// Time to preserve closed Workflows before deletion.
    #[arg(long, value_name = "duration", value_parser = duration, default_value = "72h")]
    retention: SignedDuration,
    /// Visibility archival state. Accepted values: disabled, enabled.
    #[arg(long, value_name = "string", value_parser = choice::<ArchivalState>)]
    visibility_archival_state: Option<ArchivalState>,
    /// Archive visibility data to this URI. Once enabled, can't be changed.
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    visibility_uri: String,
}

impl CreateArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let name = self.name.resolve(context)?;
        let mut session = context.connect().await?;
        let mut data = std::collections::BTreeMap::new();
        for item in &self.data {
            let (key, value) = key_value(item)?;
            data.insert(key.to_owned(), value.to_owned());
        }
        let request = RegisterNamespaceRequest {
            namespace: name.clone(),
            description: self.description,
            owner_email: self.email,
            workflow_execution_retention_period: Some(proto_duration(self.retention)),
            clusters: clusters(&self.cluster),
            active_cluster_name: self.active_cluster,
            data,
            is_global_namespace: self.global,
            history_archival_state: self.history_archival_state.unwrap_or(ArchivalState::Disabled).into(),
            history_archival_uri: self.history_uri,
            visibility_archival_state: self.visibility_archival_state.unwrap_or(ArchivalState::Disabled).into(),
            visibility_archival_uri: self.visibility_uri,
            ..Default::default()
        };
        let response = session.workflow.register_namespace(request).await;
        response.attempt(&format!("unable to create namespace {name}"))?;
        context.printer.success(&format!("Namespace {name} successfully registered."))
    }
}
