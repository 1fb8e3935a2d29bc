//! `cloud service-account`: identities of programs.

use clap::{Args, Subcommand};
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        CreateServiceAccountRequest, CreateServiceAccountResponse, DeleteServiceAccountRequest,
        GetServiceAccountRequest, GetServiceAccountsRequest, SetServiceAccountNamespaceAccessRequest,
        UpdateServiceAccountRequest,
    },
    identity::v1::{NamespaceScopedAccess, ServiceAccount, ServiceAccountSpec, namespace_access::Permission},
};

use super::{
    PAGE_SIZE,
    access::{self, AccessArgs, SetAccessArgs},
    all_pages,
    operation::{ChangeArgs, WriteArgs},
    present, print_list, state,
};
use crate::{
    connect::CloudSession,
    context::Context,
    failure::{Attempt, Failure},
    flags::values::repeated_choice,
    output::blocks::{Card, Column, Table},
};

/// Manage service accounts
///
/// Service accounts are identities of programs. Their API keys are made with perdure cloud apikey create.
#[derive(Args, Clone, Debug)]
pub struct ServiceAccountArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Create a service account
    Create(CreateArgs),
    /// Create a service account of one namespace
    ///
    /// Such an account has a permission on one namespace, for good, and none anywhere else.
    #[command(visible_alias = "create-namespace-scoped")]
    CreateScoped(CreateScopedArgs),
    /// Delete a service account and its API keys
    Delete(ChangeArgs<WhichArgs>),
    /// Show a service account
    Get(WhichArgs),
    /// List service accounts
    List,
    /// Change a service account's name, description, account role or namespace permissions
    #[command(visible_aliases = ["set-account-role", "set-namespace-permissions"])]
    Update(UpdateArgs),
    /// Set or remove a service account's permission on one namespace
    SetNamespaceAccess(SetAccessArgs<WhichArgs>),
}

/// Which service account.
#[derive(Args, Clone, Debug)]
struct WhichArgs {
    /// Service account ID. Required.
    #[arg(long, alias = "id", required = true, value_name = "string")]
    service_account_id: String,
}

#[derive(Args, Clone, Debug)]
struct CreateArgs {
    /// Name. Required.
    #[arg(long, required = true, value_name = "string")]
    name: String,
    /// Description.
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    description: String,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Clone, Debug)]
struct CreateScopedArgs {
    /// Name. Required.
    #[arg(long, required = true, value_name = "string")]
    name: String,
    /// Description.
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    description: String,
    /// Permission on the namespace of --namespace. Accepted values: admin, write, read. Required.
    #[arg(long, required = true, value_name = "string", value_parser = repeated_choice::<Permission>)]
    permission: Permission,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Clone, Debug)]
struct UpdateArgs {
    #[command(flatten)]
    change: ChangeArgs<WhichArgs>,
    /// New name.
    #[arg(long, alias = "new-name", value_name = "string")]
    name: Option<String>,
    /// New description.
    #[arg(long, alias = "new-description", value_name = "string")]
    description: Option<String>,
    #[command(flatten)]
    access: AccessArgs,
}

impl ServiceAccountArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect_cloud().await?;
        match self.verb {
            Verb::Create(args) => args.run(context, &mut session).await,
            Verb::CreateScoped(args) => args.run(context, &mut session).await,
            Verb::Delete(args) => args.delete(context, &mut session).await,
            Verb::Get(args) => {
                let account = args.find(&mut session).await?;
                context.printer.card(&card(context, &account))?;
                context.printer.message(&account)
            }
            Verb::List => list(context, &mut session).await,
            Verb::Update(args) => args.run(context, &mut session).await,
            Verb::SetNamespaceAccess(args) => args.set_access(context, &mut session).await,
        }
    }
}

impl WhichArgs {
    async fn find(&self, session: &mut CloudSession) -> Result<ServiceAccount, Failure> {
        let id = &self.service_account_id;
        let answer = session.get_service_account(GetServiceAccountRequest { service_account_id: id.clone() }).await;
        let answer = answer.attempt(&format!("unable to get service account {id}"))?.into_inner();
        present(answer.service_account, "service account")
    }
}

impl CreateArgs {
    async fn run(self, context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
        let spec = ServiceAccountSpec {
            name: self.name,
            description: self.description,
            access: Some(self.access.build()?),
            ..Default::default()
        };
        create(context, session, spec, &self.write).await
    }
}

impl CreateScopedArgs {
    async fn run(self, context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
        let access = NamespaceScopedAccess {
            namespace: context.cloud_namespace()?,
            access: Some(access::namespace_access(self.permission)),
        };
        let spec = ServiceAccountSpec {
            name: self.name,
            description: self.description,
            namespace_scoped_access: Some(access),
            ..Default::default()
        };
        create(context, session, spec, &self.write).await
    }
}

async fn create(
    context: &mut Context,
    session: &mut CloudSession,
    spec: ServiceAccountSpec,
    write: &WriteArgs,
) -> Result<(), Failure> {
    let name = spec.name.clone();
    let async_operation_id = write.async_operation_id.clone();
    let request = CreateServiceAccountRequest { spec: Some(spec), async_operation_id };
    let answer = session.create_service_account(request).await;
    let done = |response: &CreateServiceAccountResponse| {
        format!("Service account {name} is created with the ID {}.", response.service_account_id)
    };
    let attempt = format!("unable to create service account {name}");
    write.settle(context, session, answer, &attempt, done).await.map(drop)
}

async fn list(context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
    let accounts = all_pages(async |page_token| {
        let page = session.get_service_accounts(GetServiceAccountsRequest { page_size: PAGE_SIZE, page_token }).await;
        let page = page.attempt("unable to list service accounts")?.into_inner();
        Ok((page.service_account, page.next_page_token))
    })
    .await?;
    let mut table = Table::new(["Id", "Name", "State", "AccountRole", "NamespacePermissions"].map(Column::text));
    for account in &accounts {
        let spec = account.spec.clone().unwrap_or_default();
        let [role, permissions] = rights(&spec);
        table.push([account.id.clone(), spec.name, state(account.state), role, permissions]);
    }
    print_list(&mut context.printer, &accounts, &table)
}

impl UpdateArgs {
    async fn run(self, context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
        let ChangeArgs { which, version, write } = self.change;
        let account = which.find(session).await?;
        let mut spec = account.spec.unwrap_or_default();
        spec.name = self.name.unwrap_or(spec.name);
        spec.description = self.description.unwrap_or(spec.description);
        // An account of one namespace has no other access that flags could change.
        if spec.namespace_scoped_access.is_none() {
            spec.access = Some(self.access.over(spec.access.unwrap_or_default())?);
        }
        let request = UpdateServiceAccountRequest {
            service_account_id: account.id.clone(),
            spec: Some(spec),
            resource_version: version.or(&account.resource_version),
            async_operation_id: write.async_operation_id.clone(),
        };
        let answer = session.update_service_account(request).await;
        let attempt = format!("unable to update service account {}", account.id);
        let done = |_: &_| format!("Service account {} is updated.", account.id);
        write.settle(context, session, answer, &attempt, done).await.map(drop)
    }
}

impl SetAccessArgs<WhichArgs> {
    async fn set_access(self, context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
        let ChangeArgs { which, version, write } = self.change;
        let account = which.find(session).await?;
        let request = SetServiceAccountNamespaceAccessRequest {
            service_account_id: account.id.clone(),
            namespace: context.cloud_namespace()?,
            access: self.permission.map(access::namespace_access),
            resource_version: version.or(&account.resource_version),
            async_operation_id: write.async_operation_id.clone(),
        };
        let answer = session.set_service_account_namespace_access(request).await;
        let attempt = format!("unable to set the access of service account {}", account.id);
        let done = |_: &_| format!("Service account {} is updated.", account.id);
        write.settle(context, session, answer, &attempt, done).await.map(drop)
    }
}

impl ChangeArgs<WhichArgs> {
    async fn delete(self, context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
        let account = self.which.find(session).await?;
        let request = DeleteServiceAccountRequest {
            service_account_id: account.id.clone(),
            resource_version: self.version.or(&account.resource_version),
            async_operation_id: self.write.async_operation_id.clone(),
        };
        let answer = session.delete_service_account(request).await;
        let attempt = format!("unable to delete service account {}", account.id);
        let done = |_: &_| format!("Service account {} is deleted, and its API keys with it.", account.id);
        self.write.settle(context, session, answer, &attempt, done).await.map(drop)
    }
}

/// Role and permissions, whatever the account's scope.
pub(super) fn rights(spec: &ServiceAccountSpec) -> [String; 2] {
    match &spec.namespace_scoped_access {
        Some(scoped) => {
            let permission = access::permission_name(&scoped.access.clone().unwrap_or_default());
            ["(one namespace)".to_owned(), format!("{}={permission}", scoped.namespace)]
        }
        None => access::shown(spec.access.as_ref()),
    }
}

fn card(context: &Context, account: &ServiceAccount) -> Card {
    let spec = account.spec.clone().unwrap_or_default();
    let [role, permissions] = rights(&spec);
    Card::default()
        .field("Id", account.id.as_str())
        .field("Name", spec.name)
        .optional("Description", spec.description)
        .field("State", state(account.state))
        .field("AccountRole", role)
        .optional("NamespacePermissions", permissions)
        .field("CreatedTime", context.printer.time(account.created_time.as_ref()))
        .field("ResourceVersion", account.resource_version.as_str())
}
