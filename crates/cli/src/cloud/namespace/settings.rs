//! Commands on one setting of a namespace each: retention, delete protection, authentication, search attributes, tags
//! and the codec server.

use clap::{ArgAction, Args, Subcommand};
use proto::temporal::api::cloud::{
    cloudservice::v1::{RenameCustomSearchAttributeRequest, UpdateNamespaceTagsRequest},
    namespace::v1::{ApiKeyAuthSpec, CodecServerSpec, LifecycleSpec, NamespaceSpec},
};

use super::{super::operation::WriteArgs, ChangeArgs, create, show};
use crate::{
    context::Context,
    failure::Failure,
    flags::values::{Choice, boolean, choice, integer},
    output::{blocks::Card, json::Json},
};

/// Manage how long closed Workflow Executions are kept
#[derive(Args, Clone, Debug)]
pub(super) struct RetentionArgs {
    #[command(subcommand)]
    verb: RetentionVerb,
}

#[derive(Clone, Debug, Subcommand)]
enum RetentionVerb {
    /// Show the retention
    Get,
    /// Set the retention
    Set {
        /// Days, 1 to 90. Required.
        #[arg(long, alias = "retention", required = true, value_name = "int", value_parser = integer)]
        retention_days: i32,
        #[command(flatten)]
        change: ChangeArgs,
    },
}

impl RetentionArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            RetentionVerb::Get => {
                let days = spec(context).await?.retention_days.to_string();
                shown(context, "RetentionDays", "retentionDays", &days, Json::Number(days.clone()))
            }
            RetentionVerb::Set { retention_days, change } => {
                change
                    .apply(context, |spec| {
                        spec.retention_days = retention_days;
                        Ok(())
                    })
                    .await
            }
        }
    }
}

/// Manage delete protection
#[derive(Args, Clone, Debug)]
pub(super) struct LifecycleArgs {
    #[command(subcommand)]
    verb: LifecycleVerb,
}

#[derive(Clone, Debug, Subcommand)]
enum LifecycleVerb {
    /// Show whether the namespace is protected
    Get,
    /// Set whether the namespace is protected
    Set {
        /// Refuse to delete the namespace: true or false. Required.
        #[arg(long, alias = "edp", required = true, action = ArgAction::Set, value_name = "bool", value_parser = boolean)]
        enable_delete_protection: bool,
        #[command(flatten)]
        change: ChangeArgs,
    },
}

impl LifecycleArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            LifecycleVerb::Get => {
                let spec = spec(context).await?;
                let protected = spec.lifecycle.is_some_and(|lifecycle| lifecycle.enable_delete_protection);
                let text = protected.to_string();
                shown(context, "DeleteProtection", "enableDeleteProtection", &text, Json::Bool(protected))
            }
            LifecycleVerb::Set { enable_delete_protection, change } => {
                change
                    .apply(context, |spec| {
                        spec.lifecycle = Some(LifecycleSpec { enable_delete_protection });
                        Ok(())
                    })
                    .await
            }
        }
    }
}

/// How clients prove themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Mtls,
    ApiKey,
    Both,
}

impl Choice for Method {
    const VALUES: &'static [(&'static str, Self)] =
        &[("mtls", Self::Mtls), ("api_key", Self::ApiKey), ("api_key_or_mtls", Self::Both)];
}

/// Manage how clients prove themselves
#[derive(Args, Clone, Debug)]
pub(super) struct AuthMethodArgs {
    #[command(subcommand)]
    verb: AuthMethodVerb,
}

#[derive(Clone, Debug, Subcommand)]
enum AuthMethodVerb {
    /// Show the authentication method
    Get,
    /// Set the authentication method
    Set {
        /// Method. Accepted values: mtls, api_key, api_key_or_mtls. Required.
        #[arg(long, alias = "auth-method", required = true, value_name = "string", value_parser = choice::<Method>)]
        method: Method,
        #[command(flatten)]
        change: ChangeArgs,
    },
}

impl AuthMethodArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            AuthMethodVerb::Get => {
                let methods = show::methods(&spec(context).await?);
                shown(context, "Auth", "auth", &methods, Json::string(methods.as_str()))
            }
            AuthMethodVerb::Set { method, change } => {
                change
                    .apply(context, |spec| {
                        spec.mtls_auth.get_or_insert_default().enabled = method != Method::ApiKey;
                        spec.api_key_auth = Some(ApiKeyAuthSpec { enabled: method != Method::Mtls });
                        Ok(())
                    })
                    .await
            }
        }
    }
}

/// Manage custom search attributes
#[derive(Args, Clone, Debug)]
pub(super) struct SearchAttributesArgs {
    #[command(subcommand)]
    verb: SearchAttributesVerb,
}

#[derive(Clone, Debug, Subcommand)]
enum SearchAttributesVerb {
    /// Add custom search attributes
    #[command(visible_alias = "create")]
    Add {
        /// Search attribute, as NAME=TYPE. Types: Text, Keyword, Int, Double, Bool, Datetime, KeywordList. Can be passed
        /// multiple times. Required.
        #[arg(long, alias = "sa", required = true, value_name = "NAME=TYPE")]
        search_attribute: Vec<String>,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// List custom search attributes
    List,
    /// Rename a custom search attribute
    Rename {
        /// Present name. Required.
        #[arg(long, alias = "en", required = true, value_name = "string")]
        existing_name: String,
        /// New name. Required.
        #[arg(long, alias = "nn", required = true, value_name = "string")]
        new_name: String,
        #[command(flatten)]
        change: ChangeArgs,
    },
}

impl SearchAttributesArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            SearchAttributesVerb::Add { search_attribute, change } => {
                let attributes = create::search_attributes(&search_attribute)?;
                change
                    .apply(context, |spec| {
                        create::add_search_attributes(spec, attributes);
                        Ok(())
                    })
                    .await
            }
            SearchAttributesVerb::List => {
                let attributes = show::search_attributes(&spec(context).await?);
                shown(context, "SearchAttributes", "searchAttributes", &attributes, Json::string(attributes.as_str()))
            }
            SearchAttributesVerb::Rename { existing_name, new_name, change } => {
                rename(existing_name, new_name, &change, context).await
            }
        }
    }
}

async fn rename(from: String, to: String, change: &ChangeArgs, context: &mut Context) -> Result<(), Failure> {
    let (mut session, namespace) = super::find(context).await?;
    let attempt = format!("unable to rename search attribute {from}");
    let sentence = format!("Search attribute {from} is now {to}.");
    let request = RenameCustomSearchAttributeRequest {
        namespace: namespace.namespace,
        existing_custom_search_attribute_name: from,
        new_custom_search_attribute_name: to,
        resource_version: change.version.or(&namespace.resource_version),
        async_operation_id: change.write.async_operation_id.clone(),
    };
    let answer = session.rename_custom_search_attribute(request).await;
    change.write.settle(context, &mut session, answer, &attempt, |_| sentence).await.map(drop)
}

/// Manage tags
#[derive(Args, Clone, Debug)]
pub(super) struct TagsArgs {
    #[command(subcommand)]
    verb: TagsVerb,
}

#[derive(Clone, Debug, Subcommand)]
enum TagsVerb {
    /// List tags
    List,
    /// Remove tags
    Remove {
        /// Key of the tag. Can be passed multiple times. Required.
        #[arg(long, alias = "tag-key", required = true, value_name = "string")]
        key: Vec<String>,
        #[command(flatten)]
        write: WriteArgs,
    },
    /// Set tags
    Upsert {
        /// Tag, as KEY=VALUE. Can be passed multiple times. Required.
        #[arg(long, required = true, value_name = "KEY=VALUE")]
        tag: Vec<String>,
        #[command(flatten)]
        write: WriteArgs,
    },
}

impl TagsArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let (request, write) = match self.verb {
            TagsVerb::List => return list_tags(context).await,
            TagsVerb::Remove { key, write } => {
                (UpdateNamespaceTagsRequest { tags_to_remove: key, ..Default::default() }, write)
            }
            TagsVerb::Upsert { tag, write } => {
                let tags_to_upsert = create::pairs(&tag)?;
                (UpdateNamespaceTagsRequest { tags_to_upsert, ..Default::default() }, write)
            }
        };
        let namespace = context.cloud_namespace()?;
        let mut session = context.connect_cloud().await?;
        let attempt = format!("unable to update the tags of namespace {namespace}");
        let sentence = format!("The tags of namespace {namespace} are updated.");
        let async_operation_id = write.async_operation_id.clone();
        let answer = session
            .update_namespace_tags(UpdateNamespaceTagsRequest { namespace, async_operation_id, ..request })
            .await;
        write.settle(context, &mut session, answer, &attempt, |_| sentence).await.map(drop)
    }
}

async fn list_tags(context: &mut Context) -> Result<(), Failure> {
    let (_, namespace) = super::find(context).await?;
    let tags = namespace.tags.iter();
    let card = tags.clone().fold(Card::default(), |card, (key, value)| card.field(key, value.as_str()));
    context.printer.card(&card)?;
    let members = tags.map(|(key, value)| (key.clone(), Json::string(value.as_str()))).collect();
    context.printer.json(&Json::Object(members))
}

/// Set or remove the codec server that the web UI asks
#[derive(Args, Clone, Debug)]
pub(super) struct CodecServerArgs {
    /// Endpoint, beginning with https://. The codec server is removed where it is not given.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Send the user's access token to the codec server.
    #[arg(long)]
    pass_access_token: bool,
    /// Send cookies of the codec server's own.
    #[arg(long)]
    include_credentials: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

impl CodecServerArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let codec = self.endpoint.map(|endpoint| CodecServerSpec {
            endpoint,
            pass_access_token: self.pass_access_token,
            include_cross_origin_credentials: self.include_credentials,
            custom_error_message: None,
        });
        self.change
            .apply(context, |spec| {
                spec.codec_server = codec;
                Ok(())
            })
            .await
    }
}

async fn spec(context: &Context) -> Result<NamespaceSpec, Failure> {
    Ok(super::find(context).await?.1.spec.unwrap_or_default())
}

/// One value as a card and as JSON.
fn shown(context: &mut Context, title: &str, member: &str, text: &str, json: Json) -> Result<(), Failure> {
    context.printer.card(&Card::default().field(title, text))?;
    context.printer.json(&Json::object([(member, json)]))
}
