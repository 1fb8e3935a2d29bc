//! Who has a right in a namespace, and whether by itself or by a role in the account.

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
    call::{Ask, Concerns, Question},
    page,
    record::{ServiceAccountRecord, UserRecord},
    state::State,
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

impl Ask for GetUserNamespaceAssignmentsRequest {
    type Answer = GetUserNamespaceAssignmentsResponse;
    const METHOD: &'static str = "GetUserNamespaceAssignments";
}

impl Question for GetUserNamespaceAssignmentsRequest {
    fn subject(&self) -> &str {
        &self.namespace
    }

    fn concerns(&self, _state: &State) -> Concerns {
        Concerns::Namespace(self.namespace.clone())
    }

    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        access::check_namespace(view.state, &self.namespace)?;
        let of = |row: &UserRecord| assignment(view.state.principal(OwnerType::User, &row.id, None), &self.namespace);
        let ask = page::Ask { size: self.page_size, token: &self.page_token };
        let (rows, next_page_token) = page::of::<UserRecord>(view.state, ask, |row| of(row).is_some())?;
        let shown = |row: &std::sync::Arc<UserRecord>| {
            let (namespace_access, inherited_access) = of(row)?;
            Some(UserNamespaceAssignment {
                id: row.id.clone(),
                email: row.spec.email.clone(),
                namespace_access: Some(namespace_access),
                inherited_access,
                resource_version: row.meta.version.clone(),
            })
        };
        Ok(GetUserNamespaceAssignmentsResponse { users: rows.into_iter().filter_map(shown).collect(), next_page_token })
    }
}

impl Ask for GetServiceAccountNamespaceAssignmentsRequest {
    type Answer = GetServiceAccountNamespaceAssignmentsResponse;
    const METHOD: &'static str = "GetServiceAccountNamespaceAssignments";
}

impl Question for GetServiceAccountNamespaceAssignmentsRequest {
    fn subject(&self) -> &str {
        &self.namespace
    }

    fn concerns(&self, _state: &State) -> Concerns {
        Concerns::Namespace(self.namespace.clone())
    }

    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        access::check_namespace(view.state, &self.namespace)?;
        let of = |row: &ServiceAccountRecord| {
            assignment(view.state.principal(OwnerType::ServiceAccount, &row.id, None), &self.namespace)
        };
        let ask = page::Ask { size: self.page_size, token: &self.page_token };
        let (rows, next_page_token) = page::of::<ServiceAccountRecord>(view.state, ask, |row| of(row).is_some())?;
        let shown = |row: &std::sync::Arc<ServiceAccountRecord>| {
            let (namespace_access, inherited_access) = of(row)?;
            Some(ServiceAccountNamespaceAssignment {
                id: row.id.clone(),
                name: row.spec.name.clone(),
                namespace_access: Some(namespace_access),
                inherited_access,
                resource_version: row.meta.version.clone(),
            })
        };
        let service_accounts = rows.into_iter().filter_map(shown).collect();
        Ok(GetServiceAccountNamespaceAssignmentsResponse { service_accounts, next_page_token })
    }
}
