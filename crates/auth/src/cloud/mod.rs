//! What a principal may do on the control plane: a table with one row per kind of right, each method of
//! `temporal.api.cloud.cloudservice.v1.CloudService` in one of them, and nothing else decides.
//!
//! Where the documentation of the service names no role for a method (custom roles, projects), the narrowest that could
//! do its work has it: Owner and Global Admin, or for the assignments of a namespace its admins.

use model::Reject;

use crate::{
    AccountRole::{self, Admin, Developer, FinanceAdmin, Owner, Read},
    Caller, NamespacePermission, Principal, PrincipalKind, Scope,
    policy::{unauthenticated, unauthorized},
};

/// What a call of the control plane is about, as far as rights depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The account, or a list of which the caller is shown its part.
    Account,
    /// A namespace, `<name>.<account>`, whether or not there is one.
    Namespace(&'a str),
    /// An API key by its owner's id: the record's, or for a new key the one that is asked for.
    ApiKey { owner_id: &'a str },
    /// A service account by its scope: the record's, or for a new one the scope that is asked for.
    ServiceAccount { scope: &'a Scope },
    /// A Nexus endpoint by the namespace of its target: for an update ask for the old and for the new one.
    NexusEndpoint { target_namespace: &'a str },
}

/// What a method asks of a principal.
#[derive(Clone, Copy, Debug)]
enum Right {
    /// One of these roles in the account, whatever the call is about.
    Role(&'static [AccountRole]),
    /// At least this permission in the namespace that the call is about.
    Namespace(NamespacePermission),
    /// To own the API key that the call is about, or to be an admin of the account.
    OwnKey,
    /// The same, but a service account may not end its own key: a stolen one could lock its owner out.
    OwnKeyOfUser,
    /// To be admin of the namespace that the service account is scoped to, or of the account.
    ServiceAccount,
    /// One of these roles, and to be admin of the namespace that the endpoint leads to.
    NexusEndpoint(&'static [AccountRole]),
}

struct Row {
    right: Right,
    methods: &'static [&'static str],
}

/// Every role but the one for metrics.
const EVERYONE: &[AccountRole] = &[Read, Developer, FinanceAdmin, Admin, Owner];
const DEVELOPERS: &[AccountRole] = &[Developer, Admin, Owner];
const FINANCE: &[AccountRole] = &[FinanceAdmin, Admin, Owner];
const ADMINS: &[AccountRole] = &[Admin, Owner];

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { right: Right::Role(EVERYONE), methods: &[
        "GetAccount", "GetApiKeys", "GetAsyncOperation", "GetCurrentIdentity", "GetNamespaces", "GetNexusEndpoint",
        "GetNexusEndpoints", "GetRegion", "GetRegions", "GetServiceAccounts", "GetUser", "GetUserGroup",
        "GetUserGroupMembers", "GetUserGroups", "GetUsers",
    ] },
    Row { right: Right::OwnKey, methods: &["CreateApiKey", "GetApiKey", "UpdateApiKey"] },
    Row { right: Right::OwnKeyOfUser, methods: &["DeleteApiKey"] },
    Row { right: Right::ServiceAccount, methods: &[
        "CreateServiceAccount", "DeleteServiceAccount", "GetServiceAccount", "UpdateServiceAccount",
    ] },
    Row { right: Right::Role(DEVELOPERS), methods: &["CreateNamespace", "GetConnectivityRule", "GetConnectivityRules"] },
    Row { right: Right::NexusEndpoint(DEVELOPERS), methods: &[
        "CreateNexusEndpoint", "DeleteNexusEndpoint", "UpdateNexusEndpoint",
    ] },
    Row { right: Right::Role(FINANCE), methods: &["CreateBillingReport", "GetBillingReport", "GetUsage"] },
    Row { right: Right::Role(ADMINS), methods: &[
        "AddUserGroupMember", "CreateAccountAuditLogSink", "CreateConnectivityRule", "CreateCustomRole",
        "CreateProject", "CreateUser", "CreateUserGroup", "DeleteAccountAuditLogSink", "DeleteConnectivityRule",
        "DeleteCustomRole", "DeleteProject", "DeleteUser", "DeleteUserGroup", "GetAccountAuditLogSink",
        "GetAccountAuditLogSinks", "GetAuditLogs", "GetCustomRole", "GetCustomRoles", "GetProject",
        "GetProjectScopedServiceAccounts", "GetProjects", "GetServiceAccountProjectAssignments",
        "GetUserGroupProjectAssignments", "GetUserProjectAssignments", "RemoveUserGroupMember",
        "SetServiceAccountProjectAccess", "SetUserGroupProjectAccess", "SetUserProjectAccess", "UpdateAccount",
        "UpdateAccountAuditLogSink", "UpdateCustomRole", "UpdateNamespaceTags", "UpdateProject", "UpdateUser",
        "UpdateUserGroup", "ValidateAccountAuditLogSink",
    ] },
    Row { right: Right::Namespace(NamespacePermission::Read), methods: &[
        "GetNamespace", "GetNamespaceCapacityInfo", "GetNamespaceExportSink", "GetNamespaceExportSinks",
    ] },
    Row { right: Right::Namespace(NamespacePermission::Admin), methods: &[
        "AddNamespaceRegion", "CreateNamespaceExportSink", "DeleteNamespace", "DeleteNamespaceExportSink",
        "DeleteNamespaceRegion", "FailoverNamespaceRegion", "GetServiceAccountNamespaceAssignments",
        "GetUserGroupNamespaceAssignments", "GetUserNamespaceAssignments", "RenameCustomSearchAttribute",
        "SetServiceAccountNamespaceAccess", "SetUserGroupNamespaceAccess", "SetUserNamespaceAccess", "UpdateNamespace",
        "UpdateNamespaceExportSink", "ValidateNamespaceExportSink",
    ] },
];

/// Whether a caller may use a method (`CreateNamespace`) of `temporal.api.cloud.cloudservice.v1.CloudService`.
///
/// # Errors
/// `PermissionDenied` when the table does not say yes, the same whether or not there is such a resource;
/// `Unauthenticated` for a caller that showed nothing.
pub fn authorize_cloud(caller: &Caller, method: &str, resource: Resource<'_>) -> Result<(), Reject> {
    let principal = match caller {
        Caller::Principal(principal) => principal,
        Caller::Anonymous => return Err(unauthenticated()),
        // The open policy has no account, and a certificate counts on the data plane only.
        Caller::Open | Caller::Certificate(_) | Caller::FilteredOut(_) => return Err(unauthorized()),
    };
    let row = ROWS.iter().find(|row| row.methods.contains(&method)).ok_or_else(unauthorized)?;
    if has(principal, row.right, resource) { Ok(()) } else { Err(unauthorized()) }
}

fn has(principal: &Principal, right: Right, resource: Resource<'_>) -> bool {
    let has_role = |roles: &[AccountRole]| principal.effective_role().is_some_and(|role| roles.contains(&role));
    let is_admin_of = |namespace| principal.namespace_permission(namespace) == Some(NamespacePermission::Admin);
    match (right, resource) {
        (Right::Role(roles), _) => has_role(roles),
        (Right::Namespace(needed), Resource::Namespace(namespace)) => {
            principal.namespace_permission(namespace) >= Some(needed)
        }
        (Right::OwnKey, Resource::ApiKey { owner_id }) => {
            principal.is_account_admin() || (has_role(EVERYONE) && owner_id == principal.id)
        }
        (Right::OwnKeyOfUser, Resource::ApiKey { owner_id }) => {
            let is_own = owner_id == principal.id && principal.kind == PrincipalKind::User;
            principal.is_account_admin() || (has_role(EVERYONE) && is_own)
        }
        (Right::ServiceAccount, Resource::ServiceAccount { scope }) => match scope {
            Scope::Namespace(namespace) => has_role(EVERYONE) && is_admin_of(namespace),
            Scope::Account | Scope::Project(_) => principal.is_account_admin(),
        },
        (Right::NexusEndpoint(roles), Resource::NexusEndpoint { target_namespace }) => {
            has_role(roles) && is_admin_of(target_namespace)
        }
        // The call is about something else than its method can be about.
        (
            Right::Namespace(_) | Right::OwnKey | Right::OwnKeyOfUser | Right::ServiceAccount | Right::NexusEndpoint(_),
            _,
        ) => false,
    }
}

/// Whether a principal may give an account role to somebody, take it away, or act for somebody who has it (change or
/// delete them, make a key for them): an admin of the account, and only an Owner where it is Owner or Finance Admin.
///
/// # Errors
/// `PermissionDenied`.
pub fn may_grant(principal: &Principal, role: AccountRole) -> Result<(), Reject> {
    let granters: &[AccountRole] = match role {
        Owner | FinanceAdmin => &[Owner],
        Admin | Developer | Read | AccountRole::MetricsRead => ADMINS,
    };
    match principal.effective_role() {
        Some(own) if granters.contains(&own) => Ok(()),
        Some(_) | None => Err(unauthorized()),
    }
}

#[cfg(test)]
mod tests;
