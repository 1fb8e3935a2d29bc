//! `operator namespace update`.

use std::collections::BTreeMap;

use clap::Args;
use jiff::SignedDuration;
use proto::temporal::api::{
    enums::v1::{ArchivalState, ReplicationState},
    namespace::v1::{NamespaceConfig, UpdateNamespaceInfo},
    replication::v1::NamespaceReplicationConfig,
    workflowservice::v1::{DescribeNamespaceRequest, DescribeNamespaceResponse, UpdateNamespaceRequest},
};

use super::{NameArgs, clusters};
use crate::{
    context::Context,
    failure::{Attempt, Failure},
    flags::values::{choice, duration, key_value, proto_duration},
};

/// Update a Namespace
///
/// Update a Namespace using properties you specify.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    name: NameArgs,
    /// Active Cluster (Service) name.
    #[arg(long, value_name = "string")]
    active_cluster: Option<String>,
    /// Cluster (Service) names. Can be passed multiple times.
    #[arg(long, value_name = "stringArray")]
    cluster: Vec<String>,
    /// Namespace data as KEY=VALUE pairs. Keys must be identifiers, and values must be JSON values. Can be passed
    /// multiple times.
    #[arg(long, value_name = "stringArray")]
    data: Vec<String>,
    /// Namespace description.
    #[arg(long, value_name = "string")]
    description: Option<String>,
    /// Owner email.
    #[arg(long, value_name = "string")]
    email: Option<String>,
    /// Enable cross-region data replication.
    #[arg(long)]
    promote_global: bool,
    /// History archival state. Accepted values: disabled, enabled.
    #[arg(long, value_name = "string", value_parser = choice::<ArchivalState>)]
    history_archival_state: Option<ArchivalState>,
    /// Archive history to this URI. Once enabled, can't be changed.
    #[arg(long, value_name = "string")]
    history_uri: Option<String>,
    /// Replication state. Accepted values: normal, handover.
    #[arg(long, value_name = "string", value_parser = choice::<ReplicationState>)]
    replication_state: Option<ReplicationState>,
    /// Length of time a closed Workflow is preserved before deletion.
    #[arg(long, value_name = "duration", value_parser = duration)]
    retention: Option<SignedDuration>,
    /// Visibility archival state. Accepted values: disabled, enabled.
    #[arg(long, value_name = "string", value_parser = choice::<ArchivalState>)]
    visibility_archival_state: Option<ArchivalState>,
    /// Archive visibility data to this URI. Once enabled, can't be changed.
    #[arg(long, value_name = "string")]
    visibility_uri: Option<String>,
}

impl UpdateArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let name = self.name.resolve(context)?;
        let mut session = context.connect().await?;
        let active_cluster = self.active_cluster.clone().filter(|cluster| !cluster.is_empty());
        let request = match (self.promote_global, active_cluster) {
            (true, Some(_)) => {
                return Err(Failure::told("both --promote-global and --active-cluster flags cannot be set together"));
            }
            (true, None) => {
                context.printer.line(&format!(
                    "Will promote local namespace to global namespace for:{name}, other flag will be omitted. If it is \
                     already global namespace, this will be no-op.\n"
                ))?;
                UpdateNamespaceRequest { namespace: name.clone(), promote_namespace: true, ..Default::default() }
            }
            (false, Some(active_cluster_name)) => {
                context.printer.line(&format!(
                    "Will set active cluster name to: {active_cluster_name}, other flag will be omitted.\n"
                ))?;
                let replication = NamespaceReplicationConfig { active_cluster_name, ..Default::default() };
                UpdateNamespaceRequest {
                    namespace: name.clone(),
                    replication_config: Some(replication),
                    ..Default::default()
                }
            }
            (false, None) => {
                let request = DescribeNamespaceRequest { namespace: name.clone(), ..Default::default() };
                let current = session.workflow.describe_namespace(request).await;
                self.request(name.clone(), current.attempt("namespace update failed")?.into_inner())?
            }
        };
        let response = session.workflow.update_namespace(request).await;
        let response = response.attempt("namespace update failed")?.into_inner();
        context.printer.message(&response)?;
        context.printer.success(&format!("Namespace {name} update succeeded."))
    }

    /// What is given, and for the rest of description, owner and retention what is there already.
    fn request(
        &self,
        namespace: String,
        current: DescribeNamespaceResponse,
    ) -> Result<UpdateNamespaceRequest, Failure> {
        let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let info = current.namespace_info.unwrap_or_default();
        let config = current.config.unwrap_or_default();
        let mut data = BTreeMap::new();
        for item in &self.data {
            let (key, value) = key_value(item)?;
            data.insert(key.to_owned(), value.to_owned());
        }
        let retention = self.retention.filter(SignedDuration::is_positive).map(proto_duration);
        Ok(UpdateNamespaceRequest {
            namespace,
            update_info: Some(UpdateNamespaceInfo {
                description: given(&self.description).unwrap_or(info.description),
                owner_email: given(&self.email).unwrap_or(info.owner_email),
                data,
                ..Default::default()
            }),
            config: Some(NamespaceConfig {
                workflow_execution_retention_ttl: retention.or(config.workflow_execution_retention_ttl),
                history_archival_state: self.history_archival_state.unwrap_or_default().into(),
                history_archival_uri: self.history_uri.clone().unwrap_or_default(),
                visibility_archival_state: self.visibility_archival_state.unwrap_or_default().into(),
                visibility_archival_uri: self.visibility_uri.clone().unwrap_or_default(),
                ..Default::default()
            }),
            replication_config: Some(NamespaceReplicationConfig {
                clusters: clusters(&self.cluster),
                state: self.replication_state.unwrap_or_default().into(),
                ..Default::default()
            }),
            ..Default::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::namespace::v1::NamespaceInfo;

    use super::*;

    #[test]
    fn what_is_not_given_stays() {
        let current = DescribeNamespaceResponse {
            namespace_info: Some(NamespaceInfo {
                description: "old".to_owned(),
                owner_email: "o@x".to_owned(),
                ..Default::default()
            }),
            config: Some(NamespaceConfig {
                workflow_execution_retention_ttl: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let args =
            UpdateArgs { description: Some("new".to_owned()), data: vec!["k=v".to_owned()], ..Default::default() };
        let request = args.request("n".to_owned(), current).unwrap();
        let info = request.update_info.unwrap();
        assert_eq!((info.description.as_str(), info.owner_email.as_str()), ("new", "o@x"));
        assert_eq!(info.data, BTreeMap::from([("k".to_owned(), "v".to_owned())]));
        assert_eq!(request.config.unwrap().workflow_execution_retention_ttl.unwrap().seconds, 5);
    }
}
