//! The HTTP paths of the Cloud Operations API, one line for each method.
//!
//! Source: the `google.api.http` annotations of `temporal.api.cloud.cloudservice.v1.CloudService`, which the published
//! descriptor set leaves out. A GET or DELETE takes the other fields from the query, a POST takes them from the body.

use std::collections::BTreeMap;

use hyper::Method;

use crate::query;

/// The verbs that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Delete,
    Get,
    Post,
}

use Verb::{Delete, Get, Post};

/// A method that a request's path and verb stand for, with the fields that the path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) method: &'static str,
    /// By the field's name as in the messages; a dot leads into a message.
    pub(super) fields: BTreeMap<&'static str, String>,
}

/// Why a request stands for no method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotFound {
    /// There is nothing under this path.
    Path,
    /// There is, but not with this verb.
    Verb,
}

/// The method that a request stands for.
pub(super) fn find(verb: &Method, path: &str) -> Result<Found, NotFound> {
    let parts: Vec<_> = path.trim_end_matches('/').split('/').collect();
    let mut is_known = false;
    for (method, known, template) in PATHS {
        let Some(fields) = matched(template, &parts) else { continue };
        is_known = true;
        if known.is(verb) {
            return Ok(Found { method, fields });
        }
    }
    Err(if is_known { NotFound::Verb } else { NotFound::Path })
}

/// The method with this name, whether or not this version has its messages.
pub(super) fn declared(method: &str) -> Option<&'static str> {
    PATHS.iter().map(|(known, ..)| *known).find(|known| *known == method)
}

/// The verb and the path of a method, with the fields that the path names in braces. `None` for what is no method of
/// the Cloud Operations API.
pub fn http_path(method: &str) -> Option<(Method, &'static str)> {
    let (_, verb, template) = PATHS.iter().find(|(known, ..)| *known == method)?;
    let verb = match verb {
        Delete => Method::DELETE,
        Get => Method::GET,
        Post => Method::POST,
    };
    Some((verb, template))
}

impl Verb {
    fn is(self, verb: &Method) -> bool {
        match self {
            Delete => verb == Method::DELETE,
            Get => verb == Method::GET,
            Post => verb == Method::POST,
        }
    }
}

fn matched(template: &'static str, parts: &[&str]) -> Option<BTreeMap<&'static str, String>> {
    let mut fields = BTreeMap::new();
    let mut given = parts.iter();
    for wanted in template.split('/') {
        let part = given.next()?;
        match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => {
                let value = query::decoded(part, false)?;
                if value.is_empty() {
                    return None;
                }
                fields.insert(name, value);
            }
            None if wanted == *part => {}
            None => return None,
        }
    }
    given.next().is_none().then_some(fields)
}

#[rustfmt::skip]
const PATHS: &[(&str, Verb, &str)] = &[
    ("GetCurrentIdentity", Get, "/cloud/current-identity"),
    ("GetUsers", Get, "/cloud/users"),
    ("GetUser", Get, "/cloud/users/{user_id}"),
    ("CreateUser", Post, "/cloud/users"),
    ("UpdateUser", Post, "/cloud/users/{user_id}"),
    ("DeleteUser", Delete, "/cloud/users/{user_id}"),
    ("SetUserNamespaceAccess", Post, "/cloud/namespaces/{namespace}/users/{user_id}/access"),
    ("GetAsyncOperation", Get, "/cloud/operations/{async_operation_id}"),
    ("CreateNamespace", Post, "/cloud/namespaces"),
    ("GetNamespaces", Get, "/cloud/namespaces"),
    ("GetNamespace", Get, "/cloud/namespaces/{namespace}"),
    ("UpdateNamespace", Post, "/cloud/namespaces/{namespace}"),
    ("RenameCustomSearchAttribute", Post, "/cloud/namespaces/{namespace}/rename-custom-search-attribute"),
    ("DeleteNamespace", Delete, "/cloud/namespaces/{namespace}"),
    ("FailoverNamespaceRegion", Post, "/cloud/namespaces/{namespace}/failover-region"),
    ("AddNamespaceRegion", Post, "/cloud/namespaces/{namespace}/add-region"),
    ("DeleteNamespaceRegion", Delete, "/cloud/namespaces/{namespace}/regions/{region}"),
    ("GetRegions", Get, "/cloud/regions"),
    ("GetRegion", Get, "/cloud/regions/{region}"),
    ("GetApiKeys", Get, "/cloud/api-keys"),
    ("GetApiKey", Get, "/cloud/api-keys/{key_id}"),
    ("CreateApiKey", Post, "/cloud/api-keys"),
    ("UpdateApiKey", Post, "/cloud/api-keys/{key_id}"),
    ("DeleteApiKey", Delete, "/cloud/api-keys/{key_id}"),
    ("GetNexusEndpoints", Get, "/cloud/nexus/endpoints"),
    ("GetNexusEndpoint", Get, "/cloud/nexus/endpoints/{endpoint_id}"),
    ("CreateNexusEndpoint", Post, "/cloud/nexus/endpoints"),
    ("UpdateNexusEndpoint", Post, "/cloud/nexus/endpoints/{endpoint_id}"),
    ("DeleteNexusEndpoint", Delete, "/cloud/nexus/endpoints/{endpoint_id}"),
    ("GetUserGroups", Get, "/cloud/user-groups"),
    ("GetUserGroup", Get, "/cloud/user-groups/{group_id}"),
    ("CreateUserGroup", Post, "/cloud/user-groups"),
    ("UpdateUserGroup", Post, "/cloud/user-groups/{group_id}"),
    ("DeleteUserGroup", Delete, "/cloud/user-groups/{group_id}"),
    ("SetUserGroupNamespaceAccess", Post, "/cloud/namespaces/{namespace}/user-groups/{group_id}/access"),
    ("AddUserGroupMember", Post, "/cloud/user-groups/{group_id}/members"),
    ("RemoveUserGroupMember", Post, "/cloud/user-groups/{group_id}/remove-member"),
    ("GetUserGroupMembers", Get, "/cloud/user-groups/{group_id}/members"),
    ("CreateServiceAccount", Post, "/cloud/service-accounts"),
    ("GetServiceAccount", Get, "/cloud/service-accounts/{service_account_id}"),
    ("GetServiceAccounts", Get, "/cloud/service-accounts"),
    ("UpdateServiceAccount", Post, "/cloud/service-accounts/{service_account_id}"),
    ("SetServiceAccountNamespaceAccess", Post, "/cloud/namespaces/{namespace}/service-accounts/{service_account_id}/access"),
    ("DeleteServiceAccount", Delete, "/cloud/service-accounts/{service_account_id}"),
    ("GetUsage", Get, "/cloud/usage"),
    ("GetAccount", Get, "/cloud/account"),
    ("UpdateAccount", Post, "/cloud/account"),
    ("CreateNamespaceExportSink", Post, "/cloud/namespaces/{namespace}/export-sinks"),
    ("GetNamespaceExportSink", Get, "/cloud/namespaces/{namespace}/export-sinks/{name}"),
    ("GetNamespaceExportSinks", Get, "/cloud/namespaces/{namespace}/export-sinks"),
    ("UpdateNamespaceExportSink", Post, "/cloud/namespaces/{namespace}/export-sinks/{spec.name}"),
    ("DeleteNamespaceExportSink", Delete, "/cloud/namespaces/{namespace}/export-sinks/{name}"),
    ("ValidateNamespaceExportSink", Post, "/cloud/namespaces/{namespace}/export-sink-validate"),
    ("UpdateNamespaceTags", Post, "/cloud/namespaces/{namespace}/update-tags"),
    ("CreateConnectivityRule", Post, "/cloud/connectivity-rules"),
    ("GetConnectivityRule", Get, "/cloud/connectivity-rules/{connectivity_rule_id}"),
    ("GetConnectivityRules", Get, "/cloud/connectivity-rules"),
    ("DeleteConnectivityRule", Delete, "/cloud/connectivity-rules/{connectivity_rule_id}"),
    ("GetAuditLogs", Get, "/cloud/audit-logs"),
    ("ValidateAccountAuditLogSink", Post, "/cloud/audit-log-sink-validate"),
    ("CreateAccountAuditLogSink", Post, "/cloud/audit-log-sinks"),
    ("GetAccountAuditLogSink", Get, "/cloud/audit-log-sinks/{name}"),
    ("GetAccountAuditLogSinks", Get, "/cloud/audit-log-sinks"),
    ("UpdateAccountAuditLogSink", Post, "/cloud/audit-log-sinks/{spec.name}"),
    ("DeleteAccountAuditLogSink", Delete, "/cloud/audit-log-sinks/{name}"),
    ("GetNamespaceCapacityInfo", Get, "/cloud/namespaces/{namespace}/capacity-info"),
    ("CreateBillingReport", Post, "/cloud/billing-reports"),
    ("GetBillingReport", Get, "/cloud/billing-reports/{billing_report_id}"),
    ("GetCustomRoles", Get, "/cloud/custom-roles"),
    ("GetCustomRole", Get, "/cloud/custom-roles/{role_id}"),
    ("CreateCustomRole", Post, "/cloud/custom-roles"),
    ("UpdateCustomRole", Post, "/cloud/custom-roles/{role_id}"),
    ("DeleteCustomRole", Delete, "/cloud/custom-roles/{role_id}"),
    ("GetUserNamespaceAssignments", Get, "/cloud/namespaces/{namespace}/user-assignments"),
    ("GetServiceAccountNamespaceAssignments", Get, "/cloud/namespaces/{namespace}/service-account-assignments"),
    ("GetUserGroupNamespaceAssignments", Get, "/cloud/namespaces/{namespace}/user-group-assignments"),
    ("GetProjects", Get, "/cloud/projects"),
    ("GetProject", Get, "/cloud/projects/{project_id}"),
    ("CreateProject", Post, "/cloud/projects"),
    ("UpdateProject", Post, "/cloud/projects/{project_id}"),
    ("DeleteProject", Delete, "/cloud/projects/{project_id}"),
    ("SetUserProjectAccess", Post, "/cloud/projects/{project_id}/users/{user_id}/access"),
    ("SetUserGroupProjectAccess", Post, "/cloud/projects/{project_id}/user-groups/{group_id}/access"),
    ("SetServiceAccountProjectAccess", Post, "/cloud/projects/{project_id}/service-accounts/{service_account_id}/access"),
    ("GetUserProjectAssignments", Get, "/cloud/projects/{project_id}/user-assignments"),
    ("GetServiceAccountProjectAssignments", Get, "/cloud/projects/{project_id}/service-account-assignments"),
    ("GetUserGroupProjectAssignments", Get, "/cloud/projects/{project_id}/user-group-assignments"),
    ("GetProjectScopedServiceAccounts", Get, "/cloud/projects/{project_id}/service-accounts"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;

    use super::*;

    #[test]
    fn paths_lead_to_methods_and_name_fields() {
        let rows = [
            (Method::GET, "/cloud/namespaces", Ok(("GetNamespaces", vec![]))),
            (Method::POST, "/cloud/namespaces", Ok(("CreateNamespace", vec![]))),
            (Method::GET, "/cloud/namespaces/bank.a2dd6", Ok(("GetNamespace", vec![("namespace", "bank.a2dd6")]))),
            (
                Method::POST,
                "/cloud/namespaces/bank.a2dd6/export-sinks/s%20x",
                Ok(("UpdateNamespaceExportSink", vec![("namespace", "bank.a2dd6"), ("spec.name", "s x")])),
            ),
            (Method::DELETE, "/cloud/account", Err(NotFound::Verb)),
            (Method::GET, "/cloud/nothing", Err(NotFound::Path)),
            (Method::GET, "/cloud/namespaces//capacity-info", Err(NotFound::Path)),
        ];
        for (verb, path, expected) in rows {
            let expected = expected.map(|(method, fields)| {
                let fields = fields.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
                Found { method, fields }
            });
            assert_eq!(find(&verb, path), expected, "{verb} {path}");
        }
    }

    #[test]
    fn every_method_of_the_service_has_one_path_and_no_two_the_same() {
        let set = prost_types::FileDescriptorSet::decode(proto::DESCRIPTOR_SET).unwrap();
        let services = set.file.iter().flat_map(|file| &file.service);
        let service = services.into_iter().find(|service| service.name() == "CloudService").unwrap();
        for method in &service.method {
            assert_eq!(PATHS.iter().filter(|(name, ..)| *name == method.name()).count(), 1, "{}", method.name());
        }
        let unnamed = |template: &str| {
            template
                .split('/')
                .map(|part| if part.starts_with('{') { "{}" } else { part }.to_owned())
                .collect::<Vec<_>>()
        };
        let places: BTreeSet<_> =
            PATHS.iter().map(|(_, verb, template)| (format!("{verb:?}"), unnamed(template))).collect();
        assert_eq!(places.len(), PATHS.len());
    }
}
