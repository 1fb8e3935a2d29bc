//! `operator`: commands on what surrounds Workflow Executions.

mod cluster;
mod namespace;
mod search_attribute;

use clap::{Args, Subcommand};

use crate::{context::Context, failure::Failure};

/// Manage Temporal deployments
///
/// Operator commands manage and fetch information about Namespaces, Search Attributes, and Temporal Services.
#[derive(Args, Clone, Debug)]
pub struct OperatorArgs {
    #[command(subcommand)]
    group: Group,
}

#[derive(Clone, Debug, Subcommand)]
enum Group {
    Cluster(cluster::ClusterArgs),
    Namespace(namespace::NamespaceArgs),
    SearchAttribute(search_attribute::SearchAttributeArgs),
}

impl OperatorArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.group {
            Group::Cluster(args) => args.run(context).await,
            Group::Namespace(args) => args.run(context).await,
            Group::SearchAttribute(args) => args.run(context).await,
        }
    }
}
