//! `cloud namespace`: the account's namespaces. Which one is said by `--namespace NAME.ACCOUNT`.
//!
//! A namespace's spec is replaced as a whole, so every small change reads the spec, changes it and sends it back with
//! the version that was read.

mod authority;
mod create;
mod filters;
mod settings;
mod show;
mod way_in;

use clap::{Args, Subcommand};
use proto::temporal::api::cloud::{
    cloudservice::v1::{DeleteNamespaceRequest, GetNamespaceRequest, UpdateNamespaceRequest},
    namespace::v1::{Namespace, NamespaceSpec},
};

use super::{
    operation::{VersionArgs, WriteArgs},
    present,
};
use crate::{
    connect::CloudSession,
    context::Context,
    failure::{Attempt, Failure},
};

/// Manage namespaces of the account
///
/// A namespace is named NAME.ACCOUNT everywhere but where it is created.
#[derive(Args, Clone, Debug)]
pub struct NamespaceArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    AcceptedClientCa(authority::AuthorityArgs),
    AuthMethod(settings::AuthMethodArgs),
    CertificateFilters(filters::FiltersArgs),
    Create(create::CreateArgs),
    /// Delete a namespace with all Workflow Executions in it
    Delete(DeleteArgs),
    /// Show a namespace
    Get,
    Lifecycle(settings::LifecycleArgs),
    /// List namespaces
    List,
    Retention(settings::RetentionArgs),
    SearchAttributes(settings::SearchAttributesArgs),
    Tags(settings::TagsArgs),
    Update(create::UpdateArgs),
    UpdateCodecServer(settings::CodecServerArgs),
}

/// What every change of a namespace takes.
#[derive(Args, Clone, Debug)]
struct ChangeArgs {
    #[command(flatten)]
    version: VersionArgs,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Clone, Debug)]
struct DeleteArgs {
    /// Don't prompt to confirm deletion.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

impl NamespaceArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            Verb::AcceptedClientCa(args) => args.run(context).await,
            Verb::AuthMethod(args) => args.run(context).await,
            Verb::CertificateFilters(args) => args.run(context).await,
            Verb::Create(args) => args.run(context).await,
            Verb::Delete(args) => args.run(context).await,
            Verb::Get => show::get(context).await,
            Verb::Lifecycle(args) => args.run(context).await,
            Verb::List => show::list(context).await,
            Verb::Retention(args) => args.run(context).await,
            Verb::SearchAttributes(args) => args.run(context).await,
            Verb::Tags(args) => args.run(context).await,
            Verb::Update(args) => args.run(context).await,
            Verb::UpdateCodecServer(args) => args.run(context).await,
        }
    }
}

/// The namespace of `--namespace`, and the connection that it was read by.
async fn find(context: &Context) -> Result<(CloudSession, Namespace), Failure> {
    let name = context.cloud_namespace()?;
    let mut session = context.connect_cloud().await?;
    let answer = session.get_namespace(GetNamespaceRequest { namespace: name.clone() }).await;
    let answer = answer.attempt(&format!("unable to get namespace {name}"))?.into_inner();
    Ok((session, present(answer.namespace, "namespace")?))
}

impl ChangeArgs {
    /// Reads the namespace, lets `change` work on its spec, and sends it back.
    async fn apply(
        &self,
        context: &mut Context,
        change: impl FnOnce(&mut NamespaceSpec) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (mut session, namespace) = find(context).await?;
        let name = namespace.namespace;
        let mut spec = namespace.spec.unwrap_or_default();
        change(&mut spec)?;
        let request = UpdateNamespaceRequest {
            namespace: name.clone(),
            spec: Some(spec),
            resource_version: self.version.or(&namespace.resource_version),
            async_operation_id: self.write.async_operation_id.clone(),
        };
        let answer = session.update_namespace(request).await;
        let attempt = format!("unable to update namespace {name}");
        let done = |_: &_| format!("Namespace {name} is updated.");
        self.write.settle(context, &mut session, answer, &attempt, done).await.map(drop)
    }
}

impl DeleteArgs {
    async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let (mut session, namespace) = find(context).await?;
        let name = namespace.namespace;
        context.confirm_by_typing(
            &format!("Are you sure you want to delete namespace {name}? Type namespace name to confirm:"),
            &name,
            self.yes,
            "user denied confirmation or mistyped the namespace name",
        )?;
        let request = DeleteNamespaceRequest {
            namespace: name.clone(),
            resource_version: self.change.version.or(&namespace.resource_version),
            async_operation_id: self.change.write.async_operation_id.clone(),
        };
        let answer = session.delete_namespace(request).await;
        let attempt = format!("unable to delete namespace {name}");
        let done = |_: &_| format!("Namespace {name} is deleted.");
        self.change.write.settle(context, &mut session, answer, &attempt, done).await.map(drop)
    }
}
