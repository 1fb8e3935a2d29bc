//! `cloud namespace get` and `list`.

use proto::temporal::api::cloud::{
    cloudservice::v1::GetNamespacesRequest,
    namespace::v1::{Namespace, NamespaceSpec, namespace_spec::SearchAttributeType},
};

use super::super::{PAGE_SIZE, all_pages, named, print_list, state};
use crate::{
    context::Context,
    failure::{Attempt, Failure},
    output::blocks::{Card, Column, Table},
};

pub(super) async fn get(context: &mut Context) -> Result<(), Failure> {
    let (_, namespace) = super::find(context).await?;
    context.printer.card(&card(context, &namespace))?;
    context.printer.message(&namespace)
}

pub(super) async fn list(context: &mut Context) -> Result<(), Failure> {
    let mut session = context.connect_cloud().await?;
    let request = GetNamespacesRequest { page_size: PAGE_SIZE, ..Default::default() };
    let namespaces = all_pages(async |page_token| {
        let page = session.get_namespaces(GetNamespacesRequest { page_token, ..request.clone() }).await;
        let page = page.attempt("unable to list namespaces")?.into_inner();
        Ok((page.namespaces, page.next_page_token))
    })
    .await?;
    let mut table = Table::new(["Namespace", "State", "Region", "RetentionDays", "Auth", "Address"].map(Column::text));
    for namespace in &namespaces {
        let spec = namespace.spec.clone().unwrap_or_default();
        table.push([
            namespace.namespace.clone(),
            state(namespace.state),
            namespace.active_region.clone(),
            spec.retention_days.to_string(),
            methods(&spec),
            address(namespace),
        ]);
    }
    print_list(&mut context.printer, &namespaces, &table)
}

/// How clients may prove themselves.
pub(super) fn methods(spec: &NamespaceSpec) -> String {
    let mtls = spec.mtls_auth.as_ref().is_some_and(|auth| auth.enabled);
    let api_key = spec.api_key_auth.as_ref().is_some_and(|auth| auth.enabled);
    match (mtls, api_key) {
        (true, true) => "mtls, api_key",
        (true, false) => "mtls",
        (false, true) => "api_key",
        (false, false) => "none",
    }
    .to_owned()
}

fn address(namespace: &Namespace) -> String {
    let endpoints = namespace.endpoints.clone().unwrap_or_default();
    match endpoints.mtls_grpc_address.as_str() {
        "" => endpoints.grpc_address,
        _ => endpoints.mtls_grpc_address,
    }
}

/// `NAME=Type`, comma-separated.
pub(super) fn search_attributes(spec: &NamespaceSpec) -> String {
    let name = |kind: i32| named(kind, SearchAttributeType::as_str_name, "SEARCH_ATTRIBUTE_TYPE_");
    let each: Vec<String> = spec.search_attributes.iter().map(|(key, kind)| format!("{key}={}", name(*kind))).collect();
    each.join(", ")
}

fn card(context: &Context, namespace: &Namespace) -> Card {
    let spec = namespace.spec.clone().unwrap_or_default();
    let endpoints = namespace.endpoints.clone().unwrap_or_default();
    let tags: Vec<String> = namespace.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let protected = spec.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.enable_delete_protection);
    let codec = spec.codec_server.as_ref().map(|codec| codec.endpoint.clone()).unwrap_or_default();
    let filters = spec.mtls_auth.as_ref().map_or(0, |auth| auth.certificate_filters.len());
    Card::default()
        .field("Namespace", namespace.namespace.as_str())
        .field("State", state(namespace.state))
        .field("Region", namespace.active_region.as_str())
        .field("RetentionDays", spec.retention_days.to_string())
        .field("Auth", methods(&spec))
        .optional("MtlsAddress", endpoints.mtls_grpc_address)
        .optional("ApiKeyAddress", endpoints.grpc_address)
        .optional("WebAddress", endpoints.web_address)
        .optional("CertificateFilters", if filters == 0 { String::new() } else { filters.to_string() })
        .field("DeleteProtection", protected.to_string())
        .optional("SearchAttributes", search_attributes(&spec))
        .optional("CodecServer", codec)
        .optional("Tags", tags.join(", "))
        .optional("OperationId", namespace.async_operation_id.as_str())
        .field("CreatedTime", context.printer.time(namespace.created_time.as_ref()))
        .field("ResourceVersion", namespace.resource_version.as_str())
}
