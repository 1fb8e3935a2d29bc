//! `cloud namespace create` and `update`.

use std::collections::BTreeMap;

use clap::Args;
use proto::temporal::api::cloud::{
    cloudservice::v1::{CreateNamespaceRequest, CreateNamespaceResponse, GetRegionsRequest},
    namespace::v1::{ApiKeyAuthSpec, LifecycleSpec, MtlsAuthSpec, NamespaceSpec, namespace_spec::SearchAttributeType},
};

use super::{super::operation::WriteArgs, ChangeArgs, authority, way_in};
use crate::{
    connect::CloudSession,
    context::Context,
    failure::{Attempt, Failure},
    flags::values::{Choice, boolean, integer, key_value, repeated_choice},
};

impl Choice for SearchAttributeType {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("Text", Self::Text),
        ("Keyword", Self::Keyword),
        ("Int", Self::Int),
        ("Double", Self::Double),
        ("Bool", Self::Bool),
        ("Datetime", Self::Datetime),
        ("KeywordList", Self::KeywordList),
    ];
}

/// Create a namespace
///
/// With --ca-file the namespace takes client certificates of these authorities; with --api-key-auth, or without either,
/// it takes API keys. Adds a profile of the namespace's name to the configuration file, with the certificate of
/// --tls-cert-path and --tls-key-path or the one that `perdure cloud cert generate-leaf` has made, and prints what workers
/// source.
#[derive(Args, Clone, Debug)]
pub(super) struct CreateArgs {
    /// Name of the namespace, without the account; --namespace does as well.
    #[arg(long, value_name = "string")]
    name: Option<String>,
    /// Region. The account's only one where it is not given. Can be passed multiple times.
    #[arg(long, value_name = "stringArray")]
    region: Vec<String>,
    /// Days that closed Workflow Executions are kept.
    #[arg(long, value_name = "int", value_parser = integer, default_value = "30")]
    retention_days: i32,
    /// Authorities whose client certificates are accepted, as a file of PEM. Can be passed multiple times.
    #[arg(long, visible_aliases = ["ca-certificate-file", "accepted-client-ca-file"], value_name = "FILE")]
    ca_file: Vec<String>,
    /// Accept API keys.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    api_key_auth: Option<bool>,
    /// Refuse to delete the namespace until this is turned off.
    #[arg(long, alias = "enable-delete-protection")]
    delete_protection: bool,
    /// Custom search attribute, as NAME=TYPE. Can be passed multiple times.
    #[arg(long, value_name = "NAME=TYPE")]
    search_attribute: Vec<String>,
    /// Tag, as KEY=VALUE. Can be passed multiple times.
    #[arg(long, value_name = "KEY=VALUE")]
    tag: Vec<String>,
    /// Write no profile and nothing to source.
    #[arg(long)]
    no_profile: bool,
    #[command(flatten)]
    write: WriteArgs,
}

/// Change several settings of a namespace at once
///
/// What is not given stays as it is.
#[derive(Args, Clone, Debug)]
pub(super) struct UpdateArgs {
    /// Days that closed Workflow Executions are kept.
    #[arg(long, value_name = "int", value_parser = integer)]
    retention_days: Option<i32>,
    /// Authorities whose client certificates are accepted, as a file of PEM, in place of the present ones. Can be
    /// passed multiple times.
    #[arg(long, visible_aliases = ["ca-certificate-file", "accepted-client-ca-file"], value_name = "FILE")]
    ca_file: Vec<String>,
    /// Accept API keys.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    api_key_auth: Option<bool>,
    /// Accept client certificates.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    mtls_auth: Option<bool>,
    /// Refuse to delete the namespace until this is turned off.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    delete_protection: Option<bool>,
    /// Custom search attribute to add, as NAME=TYPE. Can be passed multiple times.
    #[arg(long, value_name = "NAME=TYPE")]
    search_attribute: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl CreateArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => context.cloud_namespace()?,
        };
        let mut session = context.connect_cloud().await?;
        // The full name is understood, too: its second part is the account that the key belongs to anyway.
        let short = name.split_once('.').map_or(name.as_str(), |(short, _)| short).to_owned();
        let spec = self.spec(short, &mut session).await?;
        let tags = pairs(&self.tag)?;
        let async_operation_id = self.write.async_operation_id.clone();
        let answer =
            session.create_namespace(CreateNamespaceRequest { spec: Some(spec), async_operation_id, tags }).await;
        let done = |response: &CreateNamespaceResponse| format!("Namespace {} is created.", response.namespace);
        let attempt = format!("unable to create namespace {name}");
        match self.write.settle(context, &mut session, answer, &attempt, done).await? {
            Some(made) if !self.no_profile && self.write.waits() => {
                way_in::show(context, &mut session, &made.namespace).await
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn spec(&self, name: String, session: &mut CloudSession) -> Result<NamespaceSpec, Failure> {
        let bundle = authority::read_files(&self.ca_file)?;
        let api_key = self.api_key_auth.unwrap_or(bundle.is_empty());
        let regions = match self.region.is_empty() {
            true => only_region(session).await?,
            false => self.region.clone(),
        };
        Ok(NamespaceSpec {
            name,
            regions,
            retention_days: self.retention_days,
            mtls_auth: (!bundle.is_empty()).then(|| MtlsAuthSpec {
                accepted_client_ca: bundle.into_bytes().into(),
                enabled: true,
                ..Default::default()
            }),
            api_key_auth: Some(ApiKeyAuthSpec { enabled: api_key }),
            search_attributes: search_attributes(&self.search_attribute)?,
            lifecycle: Some(LifecycleSpec { enable_delete_protection: self.delete_protection }),
            ..Default::default()
        })
    }
}

/// The account's region, if there is no choice.
async fn only_region(session: &mut CloudSession) -> Result<Vec<String>, Failure> {
    let answer = session.get_regions(GetRegionsRequest {}).await.attempt("unable to list regions")?.into_inner();
    match answer.regions.as_slice() {
        [region] => Ok(vec![region.id.clone()]),
        regions => {
            let ids: Vec<&str> = regions.iter().map(|region| region.id.as_str()).collect();
            Err(Failure::told(format!("pass --region with one of {}", ids.join(", "))))
        }
    }
}

impl UpdateArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let bundle = authority::read_files(&self.ca_file)?;
        let attributes = search_attributes(&self.search_attribute)?;
        let change = |spec: &mut NamespaceSpec| {
            spec.retention_days = self.retention_days.unwrap_or(spec.retention_days);
            if !bundle.is_empty() {
                let auth = spec.mtls_auth.get_or_insert_default();
                authority::replace(auth, &bundle);
                auth.enabled = true;
            }
            if let Some(enabled) = self.mtls_auth {
                spec.mtls_auth.get_or_insert_default().enabled = enabled;
            }
            if let Some(enabled) = self.api_key_auth {
                spec.api_key_auth = Some(ApiKeyAuthSpec { enabled });
            }
            if let Some(enable_delete_protection) = self.delete_protection {
                spec.lifecycle = Some(LifecycleSpec { enable_delete_protection });
            }
            add_search_attributes(spec, attributes);
            Ok(())
        };
        self.change.apply(context, change).await
    }
}

/// Adds search attributes. The older map of the same attributes is left out, so that the two can't disagree.
pub(super) fn add_search_attributes(spec: &mut NamespaceSpec, attributes: BTreeMap<String, i32>) {
    spec.custom_search_attributes.clear();
    spec.search_attributes.extend(attributes);
}

/// The types of `NAME=TYPE` pairs.
pub(super) fn search_attributes(items: &[String]) -> Result<BTreeMap<String, i32>, Failure> {
    let mut attributes = BTreeMap::new();
    for (name, kind) in pairs(items)? {
        let kind = repeated_choice::<SearchAttributeType>(&kind).map_err(Failure::told)?;
        attributes.insert(name, kind.into());
    }
    Ok(attributes)
}

/// `KEY=VALUE` pairs.
pub(super) fn pairs(items: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    items.iter().map(|item| key_value(item).map(|(key, value)| (key.to_owned(), value.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_attributes_are_read() {
        let attributes = search_attributes(&["A=keyword".to_owned(), "B=Int".to_owned()]).unwrap();
        let wanted =
            [("A".to_owned(), SearchAttributeType::Keyword.into()), ("B".to_owned(), SearchAttributeType::Int.into())];
        assert_eq!(attributes, BTreeMap::from(wanted));
        assert!(search_attributes(&["A=x".to_owned()]).is_err());
    }
}
