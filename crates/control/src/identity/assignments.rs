//! Who has a right in a namespace, and whether by itself or by a role in the account.

use std::sync::Arc;

use auth::Principal;
use model::Reject;
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        GetServiceAccountNamespaceAssignmentsRequest, GetServiceAccountNamespaceAssignmentsResponse,
        GetUserNamespaceAssignmentsRequest, GetUserNamespaceAssignmentsResponse,
    },
    identity::v1::{
        NamespaceAccess, OwnerType, ServiceAccountNamespaceAssignment, UserNamespaceAssignment,
        namespace_access::Permission,
    },
};

use crate::{
    access,
    record::{ServiceAccountRecord, UserRecord},
    request::{ApiRequest, Query, Target},
    state::{
        Row, State,
        page::{self, PageRequest},
    },
    turn::View,
    twins,
};

/// The access of a principal in a namespace, and whether it comes from its role in the account.
fn assignment(principal: Option<Principal>, namespace: &str) -> Option<(NamespaceAccess, bool)> {
    let principal = principal?;
    let permission = match principal.namespace_permission(namespace)? {
        auth::NamespacePermission::Read => Permission::Read,
        auth::NamespacePermission::Write => Permission::Write,
        auth::NamespacePermission::Admin => Permission::Admin,
    };
    let mut shown = NamespaceAccess { permission: permission as i32, ..NamespaceAccess::default() };
    twins::fill_namespace_access(&mut shown);
    Some((shown, principal.is_account_admin()))
}

/// Somebody with a right in a namespace.
struct Assigned<'a, R> {
    row: &'a R,
    access: NamespaceAccess,
    /// It comes from a role in the account.
    is_inherited: bool,
}

/// A page of those who have a right in the namespace.
///
/// # Errors
/// `NotFound` for a namespace that does not exist, `InvalidArgument` for a page that can't be asked for.
fn assigned<'a, R: Row>(
    view: View<'a>,
    kind: OwnerType,
    namespace: &str,
    ask: PageRequest<'_>,
) -> Result<(Vec<Assigned<'a, R>>, String), Reject> {
    access::check_namespace(view.state, namespace)?;
    let of = |row: &R| assignment(view.state.principal(kind, row.id(), None), namespace);
    let (rows, next_page_token) = page::of::<R>(view.state, ask, |row| of(row).is_some())?;
    let held = |row: &'a Arc<R>| of(row).map(|(access, is_inherited)| Assigned { row: &**row, access, is_inherited });
    Ok((rows.into_iter().filter_map(held).collect(), next_page_token))
}

impl ApiRequest for GetUserNamespaceAssignmentsRequest {
    type Answer = GetUserNamespaceAssignmentsResponse;
}

impl Query for GetUserNamespaceAssignmentsRequest {
    fn subject(&self) -> &str {
        &self.namespace
    }

    fn target(&self, _state: &State) -> Target {
        Target::Namespace(self.namespace.clone())
    }

    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let ask = PageRequest { size: self.page_size, token: &self.page_token };
        let (rows, next_page_token) = assigned::<UserRecord>(view, OwnerType::User, &self.namespace, ask)?;
        let shown = |Assigned { row, access, is_inherited }: Assigned<'_, UserRecord>| UserNamespaceAssignment {
            id: row.id.clone(),
            email: row.spec.email.clone(),
            namespace_access: Some(access),
            inherited_access: is_inherited,
            resource_version: row.meta.version.clone(),
        };
        Ok(GetUserNamespaceAssignmentsResponse { users: rows.into_iter().map(shown).collect(), next_page_token })
    }
}

impl ApiRequest for GetServiceAccountNamespaceAssignmentsRequest {
    type Answer = GetServiceAccountNamespaceAssignmentsResponse;
}

impl Query for GetServiceAccountNamespaceAssignmentsRequest {
    fn subject(&self) -> &str {
        &self.namespace
    }

    fn target(&self, _state: &State) -> Target {
        Target::Namespace(self.namespace.clone())
    }

    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let ask = PageRequest { size: self.page_size, token: &self.page_token };
        let kind = OwnerType::ServiceAccount;
        let (rows, next_page_token) = assigned::<ServiceAccountRecord>(view, kind, &self.namespace, ask)?;
        let shown = |Assigned { row, access, is_inherited }: Assigned<'_, ServiceAccountRecord>| {
            ServiceAccountNamespaceAssignment {
                id: row.id.clone(),
                name: row.spec.name.clone(),
                namespace_access: Some(access),
                inherited_access: is_inherited,
                resource_version: row.meta.version.clone(),
            }
        };
        let service_accounts = rows.into_iter().map(shown).collect();
        Ok(GetServiceAccountNamespaceAssignmentsResponse { service_accounts, next_page_token })
    }
}
