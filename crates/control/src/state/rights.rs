//! What principals of the account may do, as the policy goes by it, and how they are remembered.

use auth::{AccountRole, Caller, NamespacePermission, Principal, PrincipalKind, Scope};
use proto::temporal::api::cloud::identity::v1::{
    Access, NamespaceAccess, account_access::Role, namespace_access::Permission,
};

use crate::record::{PrincipalRecord, ServiceAccountRecord, UserRecord};

/// What a role of the API means to the policy.
pub(crate) fn account_role(role: Role) -> Option<AccountRole> {
    match role {
        Role::Unspecified => None,
        Role::Owner => Some(AccountRole::Owner),
        Role::Admin => Some(AccountRole::Admin),
        Role::Developer => Some(AccountRole::Developer),
        Role::FinanceAdmin => Some(AccountRole::FinanceAdmin),
        Role::Read => Some(AccountRole::Read),
        Role::MetricsRead => Some(AccountRole::MetricsRead),
    }
}

fn namespace_permission(permission: Permission) -> Option<NamespacePermission> {
    match permission {
        Permission::Unspecified => None,
        Permission::Admin => Some(NamespacePermission::Admin),
        Permission::Write => Some(NamespacePermission::Write),
        Permission::Read => Some(NamespacePermission::Read),
    }
}

/// The role in an access.
pub(crate) fn role(access: &Access) -> Role {
    access.account_access.as_ref().map(|access| access.role()).unwrap_or_default()
}

/// A principal with the scope of the account.
pub(crate) fn principal(
    id: &str,
    kind: PrincipalKind,
    name: &str,
    api_key_id: Option<String>,
    access: &Access,
) -> Principal {
    let permitted = |(namespace, access): (&String, &NamespaceAccess)| {
        namespace_permission(access.permission()).map(|permission| (namespace.clone(), permission))
    };
    Principal {
        id: id.to_owned(),
        kind,
        name: name.to_owned(),
        api_key_id,
        account_role: account_role(role(access)),
        namespace_accesses: access.namespace_accesses.iter().filter_map(permitted).collect(),
        scope: Scope::Account,
    }
}

pub(crate) fn service_account_principal(row: &ServiceAccountRecord, api_key_id: Option<String>) -> Principal {
    let access = row.spec.access.clone().unwrap_or_default();
    let account = principal(&row.id, PrincipalKind::ServiceAccount, &row.spec.name, api_key_id, &access);
    let Some(scoped) = &row.spec.namespace_scoped_access else {
        return account;
    };
    let permission = scoped.access.as_ref().and_then(|access| namespace_permission(access.permission()));
    Principal {
        account_role: Some(AccountRole::Read),
        namespace_accesses: permission.map(|permission| (scoped.namespace.clone(), permission)).into_iter().collect(),
        scope: Scope::Namespace(scoped.namespace.clone()),
        ..account
    }
}

/// How far a service account reaches.
pub(crate) fn scope(row: &ServiceAccountRecord) -> Scope {
    match &row.spec.namespace_scoped_access {
        Some(scoped) => Scope::Namespace(scoped.namespace.clone()),
        None => Scope::Account,
    }
}

/// A principal as the audit log and the operations remember it.
pub(crate) fn remembered(principal: &Principal) -> PrincipalRecord {
    let kind = match principal.kind {
        PrincipalKind::User => "user",
        PrincipalKind::ServiceAccount => "serviceaccount",
    };
    PrincipalRecord {
        kind: kind.to_owned(),
        id: principal.id.clone(),
        name: principal.name.clone(),
        api_key_id: principal.api_key_id.clone().unwrap_or_default(),
    }
}

/// A caller of either plane as the audit log remembers it. `None` for an anonymous one.
pub(crate) fn remembered_caller(caller: &Caller) -> Option<PrincipalRecord> {
    match caller {
        Caller::Principal(principal) => Some(remembered(principal)),
        Caller::Certificate(shown) | Caller::FilteredOut(shown) => Some(PrincipalRecord {
            kind: "certificate".to_owned(),
            id: shown.certificate.fingerprint.clone(),
            name: shown.certificate.subject.clone(),
            api_key_id: String::new(),
        }),
        Caller::Open | Caller::Anonymous => None,
    }
}

/// A user as the audit log names one who acts without an API key.
pub(crate) fn remembered_user(user: &UserRecord) -> PrincipalRecord {
    PrincipalRecord {
        kind: "user".to_owned(),
        id: user.id.clone(),
        name: user.spec.email.clone(),
        api_key_id: String::new(),
    }
}
