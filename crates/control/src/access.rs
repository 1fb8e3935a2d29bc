//! Accesses as requests write them: checked and changed, and who may give them.

use std::collections::BTreeMap;

use auth::{Principal, may_grant};
use model::{Kind, Reject};
use proto::temporal::api::cloud::identity::v1::{
    Access, NamespaceAccess, account_access::Role, namespace_access::Permission,
};

use crate::{
    state::{State, rights::account_role},
    turn::nothing_to_change,
    twins,
};

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
    if changed { Ok(()) } else { Err(nothing_to_change()) }
}

/// Whether a refusal is for want of a right.
pub(crate) fn is_denied(reject: &Reject) -> bool {
    matches!(reject.kind, Kind::PermissionDenied | Kind::Unauthenticated)
}
