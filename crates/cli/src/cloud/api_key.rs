//! `cloud apikey`: the keys that principals prove themselves with.

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        CreateApiKeyRequest, CreateApiKeyResponse, DeleteApiKeyRequest, GetApiKeyRequest, GetApiKeysRequest,
        GetCurrentIdentityRequest, UpdateApiKeyRequest, get_current_identity_response::Principal,
    },
    identity::v1::{ApiKey, ApiKeySpec, OwnerType},
};

use super::{
    PAGE_SIZE, all_pages, named,
    operation::{ChangeArgs, WriteArgs},
    present, print_list, state,
};
use crate::{
    connect::CloudSession,
    context::Context,
    failure::{Attempt, Failure},
    flags::values::positive_duration,
    output::blocks::{Card, Column, Table},
};

/// Manage API keys
///
/// An API key proves who a program or a person is, on the data plane and on the control plane. Its rights are those of
/// its owner.
#[derive(Args, Clone, Debug)]
pub struct ApiKeyArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Create an API key
    ///
    /// Prints the key, this once. Without an owner it is for whom --api-key belongs to.
    #[command(visible_aliases = ["create-for-me", "create-for-service-account"])]
    Create(CreateArgs),
    /// Delete an API key
    Delete(ChangeArgs<WhichArgs>),
    /// Disable an API key
    ///
    /// It stops within a second, and can be enabled again.
    Disable(ChangeArgs<WhichArgs>),
    /// Enable an API key
    Enable(ChangeArgs<WhichArgs>),
    /// Show an API key
    Get(WhichArgs),
    /// List API keys
    List(ListArgs),
    /// Change an API key's name or description
    Update(UpdateArgs),
}

/// Which key.
#[derive(Args, Clone, Debug)]
struct WhichArgs {
    /// API key ID. Required.
    #[arg(long, alias = "key-id", required = true, value_name = "string")]
    id: String,
}

#[derive(Args, Clone, Debug)]
struct CreateArgs {
    /// Name of the key. Required.
    #[arg(long, visible_alias = "display-name", required = true, value_name = "string")]
    name: String,
    /// Description.
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    description: String,
    /// Service account that the key is for.
    #[arg(long, value_name = "string", conflicts_with = "user_id")]
    service_account_id: Option<String>,
    /// User that the key is for.
    #[arg(long, value_name = "string")]
    user_id: Option<String>,
    /// How long the key is good, as in 90d.
    #[arg(long, short, value_name = "duration", value_parser = positive_duration, default_value = "90d")]
    duration: std::time::Duration,
    /// When the key expires, as in 2027-01-31T00:00:00Z. Overrides --duration.
    #[arg(long, value_name = "timestamp")]
    expiry: Option<Timestamp>,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Clone, Debug)]
struct ListArgs {
    /// Only keys of this user or service account.
    #[arg(long, alias = "service-account-id", value_name = "string", default_value = "", hide_default_value = true)]
    owner_id: String,
}

#[derive(Args, Clone, Debug)]
struct UpdateArgs {
    #[command(flatten)]
    change: ChangeArgs<WhichArgs>,
    /// New name.
    #[arg(long, visible_alias = "display-name", value_name = "string")]
    name: Option<String>,
    /// New description.
    #[arg(long, value_name = "string")]
    description: Option<String>,
}

impl ApiKeyArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect_cloud().await?;
        let session = &mut session;
        match self.verb {
            Verb::Create(args) => args.run(context, session).await,
            Verb::Delete(args) => args.delete(context, session).await,
            Verb::Disable(args) => args.update(context, session, "disabled", |spec| spec.disabled = true).await,
            Verb::Enable(args) => args.update(context, session, "enabled", |spec| spec.disabled = false).await,
            Verb::Get(args) => {
                let key = args.find(session).await?;
                context.printer.card(&card(context, &key))?;
                context.printer.message(&key)
            }
            Verb::List(args) => args.run(context, session).await,
            Verb::Update(UpdateArgs { change, name, description }) => {
                let changed = |spec: &mut ApiKeySpec| {
                    spec.display_name = name.unwrap_or_else(|| spec.display_name.clone());
                    spec.description = description.unwrap_or_else(|| spec.description.clone());
                };
                change.update(context, session, "updated", changed).await
            }
        }
    }
}

impl WhichArgs {
    async fn find(&self, session: &mut CloudSession) -> Result<ApiKey, Failure> {
        let answer = session.get_api_key(GetApiKeyRequest { key_id: self.id.clone() }).await;
        let answer = answer.attempt(&format!("unable to get API key {}", self.id))?.into_inner();
        present(answer.api_key, "API key")
    }
}

impl CreateArgs {
    async fn run(self, context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
        let attempt = format!("unable to create API key {:?}", self.name);
        let (owner_type, owner_id) = match (self.service_account_id, self.user_id) {
            (Some(id), _) => (OwnerType::ServiceAccount, id),
            (None, Some(id)) => (OwnerType::User, id),
            (None, None) => myself(session).await?,
        };
        let expiry = match self.expiry {
            Some(expiry) => expiry,
            None => after(self.duration)?,
        };
        let spec = ApiKeySpec {
            owner_id,
            owner_type: owner_type.into(),
            display_name: self.name,
            description: self.description,
            expiry_time: Some(prost_types::Timestamp {
                seconds: expiry.as_second(),
                nanos: expiry.subsec_nanosecond(),
            }),
            ..Default::default()
        };
        let async_operation_id = self.write.async_operation_id.clone();
        let answer = session.create_api_key(CreateApiKeyRequest { spec: Some(spec), async_operation_id }).await;
        let done = |response: &CreateApiKeyResponse| {
            format!(
                "API key {} is created. It is shown this once; keep it where secrets are kept:\n{}",
                response.key_id, response.token
            )
        };
        self.write.settle(context, session, answer, &attempt, done).await.map(drop)
    }
}

fn after(duration: std::time::Duration) -> Result<Timestamp, Failure> {
    SignedDuration::try_from(duration)
        .and_then(|duration| Timestamp::now().checked_add(duration))
        .map_err(|error| Failure::told(format!("the key can't be good for that long: {error}")))
}

/// Whom the caller's own key belongs to.
async fn myself(session: &mut CloudSession) -> Result<(OwnerType, String), Failure> {
    let answer = session.get_current_identity(GetCurrentIdentityRequest {}).await;
    let answer = answer.attempt("unable to get the current identity")?.into_inner();
    match present(answer.principal, "principal")? {
        Principal::User(user) => Ok((OwnerType::User, user.id)),
        Principal::ServiceAccount(account) => Ok((OwnerType::ServiceAccount, account.id)),
    }
}

impl ListArgs {
    async fn run(self, context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
        let request = GetApiKeysRequest { page_size: PAGE_SIZE, owner_id: self.owner_id, ..Default::default() };
        let keys = all_pages(async |page_token| {
            let page = session.get_api_keys(GetApiKeysRequest { page_token, ..request.clone() }).await;
            let page = page.attempt("unable to list API keys")?.into_inner();
            Ok((page.api_keys, page.next_page_token))
        })
        .await?;
        let mut table = Table::new(["Id", "Name", "Owner", "State", "Disabled", "Expires"].map(Column::text));
        for key in &keys {
            let spec = key.spec.clone().unwrap_or_default();
            let expires = context.printer.time(spec.expiry_time.as_ref());
            let disabled = spec.disabled.to_string();
            table.push([key.id.clone(), spec.display_name, spec.owner_id, state(key.state), disabled, expires]);
        }
        print_list(&mut context.printer, &keys, &table)
    }
}

impl ChangeArgs<WhichArgs> {
    /// Changes the key's spec, which is replaced as a whole.
    async fn update(
        self,
        context: &mut Context,
        session: &mut CloudSession,
        what: &str,
        change: impl FnOnce(&mut ApiKeySpec),
    ) -> Result<(), Failure> {
        let key = self.which.find(session).await?;
        let mut spec = key.spec.unwrap_or_default();
        change(&mut spec);
        let request = UpdateApiKeyRequest {
            key_id: key.id.clone(),
            spec: Some(spec),
            resource_version: self.version.or(&key.resource_version),
            async_operation_id: self.write.async_operation_id.clone(),
        };
        let answer = session.update_api_key(request).await;
        let attempt = format!("unable to change API key {}", key.id);
        let done = |_: &_| format!("API key {} is {what}.", key.id);
        self.write.settle(context, session, answer, &attempt, done).await.map(drop)
    }

    async fn delete(self, context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
        let key = self.which.find(session).await?;
        let request = DeleteApiKeyRequest {
            key_id: key.id.clone(),
            resource_version: self.version.or(&key.resource_version),
            async_operation_id: self.write.async_operation_id.clone(),
        };
        let answer = session.delete_api_key(request).await;
        let attempt = format!("unable to delete API key {}", key.id);
        let done = |_: &_| format!("API key {} is deleted.", key.id);
        self.write.settle(context, session, answer, &attempt, done).await.map(drop)
    }
}

fn card(context: &Context, key: &ApiKey) -> Card {
    let spec = key.spec.clone().unwrap_or_default();
    Card::default()
        .field("Id", key.id.as_str())
        .field("Name", spec.display_name)
        .optional("Description", spec.description)
        .field("OwnerType", named(spec.owner_type, OwnerType::as_str_name, "OWNER_TYPE_"))
        .field("OwnerId", spec.owner_id)
        .field("State", state(key.state))
        .field("Disabled", spec.disabled.to_string())
        .field("Expires", context.printer.time(spec.expiry_time.as_ref()))
        .field("CreatedTime", context.printer.time(key.created_time.as_ref()))
        .field("ResourceVersion", key.resource_version.as_str())
}
