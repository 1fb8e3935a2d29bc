//! Roles and permissions as the API writes them: checked, compared, and turned into what the policy goes by.

use std::collections::BTreeMap;

use auth::{AccountRole, Caller, NamespacePermission, Principal, PrincipalKind, Scope, may_grant};
use model::{Kind, Reject};
use proto::temporal::api::cloud::identity::v1::{
    Access, NamespaceAccess, account_access::Role, namespace_access::Permission,
};

use crate::{
    record::{PrincipalRecord, ServiceAccountRecord},
    state::State,
    twins,
};

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

/// Checks an access that somebody shall get, and brings it into its newest form.
///
/// # Errors
/// `InvalidArgument` without a role or with a permission that is none, `NotFound` for a namespace that does not exist.
pub(crate) fn check(state: &State, access: &mut Access) -> Result<(), Reject> {
    twins::take_access(access);
    let Some(account) = &access.account_access else {
        return Err(Reject::invalid("account access is required"));
    };
    if account.role() == Role::Unspecified {
        return Err(Reject::invalid("account role is required"));
    }
    if !account.custom_roles.is_empty() {
        return Err(Reject::unimplemented("the assignment of custom roles"));
    }
    for (namespace, access) in &access.namespace_accesses {
        check_permission(access)?;
        check_namespace(state, namespace)?;
    }
    Ok(())
}

pub(crate) fn check_permission(access: &NamespaceAccess) -> Result<(), Reject> {
    match access.permission() {
        Permission::Unspecified => Err(Reject::invalid("namespace permission is required")),
        Permission::Admin | Permission::Write | Permission::Read => Ok(()),
    }
}

pub(crate) fn check_namespace(state: &State, namespace: &str) -> Result<(), Reject> {
    match state.namespaces.contains_key(namespace) {
        true => Ok(()),
        false => Err(Reject::not_found(format!("namespace \"{namespace}\" not found"))),
    }
}

/// Whether the caller may give or take the role.
///
/// # Errors
/// `PermissionDenied`.
pub(crate) fn check_grant(caller: &Principal, role: Role) -> Result<(), Reject> {
    account_role(role).map_or(Ok(()), |role| may_grant(caller, role))
}

/// Whether the caller may make changes in the name of somebody with the rights of `owner`.
///
/// # Errors
/// `PermissionDenied`.
pub(crate) fn check_acts_for(caller: &Principal, owner: &Principal) -> Result<(), Reject> {
    match owner.effective_role() {
        Some(role) if owner.id != caller.id => may_grant(caller, role),
        Some(_) | None => Ok(()),
    }
}

/// Sets or, without a permission, removes the access to one namespace.
pub(crate) fn set_namespace(
    accesses: &mut BTreeMap<String, NamespaceAccess>,
    namespace: &str,
    access: Option<NamespaceAccess>,
) -> Result<(), Reject> {
    let changed = match access {
        Some(mut access) => {
            twins::take_namespace_access(&mut access);
            check_permission(&access)?;
            let old = accesses.insert(namespace.to_owned(), access.clone());
            old.as_ref() != Some(&access)
        }
        None => accesses.remove(namespace).is_some(),
    };
    if changed { Ok(()) } else { Err(crate::turn::nothing_to_change()) }
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

/// A caller of either plane as the audit log remembers it. `None` for one that is nobody.
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

/// Whether a refusal is for want of a right.
pub(crate) fn is_denied(reject: &Reject) -> bool {
    matches!(reject.kind, Kind::PermissionDenied | Kind::Unauthenticated)
}
