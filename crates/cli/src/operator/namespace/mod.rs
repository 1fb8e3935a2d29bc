//! `operator namespace`, one file per verb.

mod create;
mod delete;
mod describe;
mod list;
mod update;

use clap::{Args, Subcommand};
use proto::temporal::api::{
    enums::v1::{ArchivalState, ReplicationState},
    replication::v1::ClusterReplicationConfig,
};

use crate::{context::Context, failure::Failure, flags::values::Choice};

/// Namespace operations
///
/// Manage Temporal Cluster (Service) Namespaces.
#[derive(Args, Clone, Debug)]
pub(crate) struct NamespaceArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Create(create::CreateArgs),
    Delete(delete::DeleteArgs),
    Describe(describe::DescribeArgs),
    List(list::ListArgs),
    Update(update::UpdateArgs),
}

impl NamespaceArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            Verb::Create(args) => args.run(context).await,
            Verb::Delete(args) => args.run(context).await,
            Verb::Describe(args) => args.run(context).await,
            Verb::List(args) => args.run(context).await,
            Verb::Update(args) => args.run(context).await,
        }
    }
}

/// The namespace that a command is about, given by `-n` or, as long ago, as a word of its own.
#[derive(Args, Clone, Debug, Default)]
struct NameArgs {
    /// Namespace. Deprecated: use -n.
    #[arg(hide = true)]
    name: Option<String>,
}

impl NameArgs {
    fn resolve(&self, context: &Context) -> Result<String, Failure> {
        let by_flag = context.namespace()?;
        match &self.name {
            None => Ok(by_flag),
            Some(name) if by_flag != "default" => Err(Failure::told(format!(
                "namespace was provided as both an argument ({name}) and a flag (-n {by_flag}); please specify \
                 namespace only with -n"
            ))),
            Some(name) => {
                context.warn(
                    "Warning: Passing the namespace as an argument is now deprecated; please switch to using -n \
                     instead",
                );
                Ok(name.clone())
            }
        }
    }
}

impl Choice for ArchivalState {
    const VALUES: &'static [(&'static str, Self)] = &[("disabled", Self::Disabled), ("enabled", Self::Enabled)];
}

impl Choice for ReplicationState {
    const VALUES: &'static [(&'static str, Self)] = &[("normal", Self::Normal), ("handover", Self::Handover)];
}

fn clusters(names: &[String]) -> Vec<ClusterReplicationConfig> {
    names.iter().map(|name| ClusterReplicationConfig { cluster_name: name.clone(), ..Default::default() }).collect()
}
