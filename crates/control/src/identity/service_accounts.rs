//! Service accounts: principals for programs, with the scope of the account or of one namespace.

use std::sync::Arc;

use auth::{Principal, Scope};
use model::{Kind, Reject};
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        CreateServiceAccountRequest, CreateServiceAccountResponse, DeleteServiceAccountRequest,
        DeleteServiceAccountResponse, GetServiceAccountRequest, GetServiceAccountResponse, GetServiceAccountsRequest,
        GetServiceAccountsResponse, SetServiceAccountNamespaceAccessRequest, SetServiceAccountNamespaceAccessResponse,
        UpdateServiceAccountRequest, UpdateServiceAccountResponse,
    },
    identity::v1::{ServiceAccount, ServiceAccountSpec, account_access::Role},
    operation::v1::AsyncOperation,
    resource::v1::ResourceState,
};

use crate::{
    access,
    call::{Applied, Ask, Concerns, Mutation, Question},
    key, page,
    record::ServiceAccountRecord,
    state::State,
    turn::{Turn, View, check_version, find, missing, nothing_to_change},
    twins,
};

const KIND: &str = "service account";
/// Longest name and description, in characters.
const MOST_NAME: usize = 64;
const MOST_DESCRIPTION: usize = 255;

/// A service account as the API shows it.
pub(crate) fn describe(row: &ServiceAccountRecord) -> ServiceAccount {
    let mut spec = row.spec.clone();
    twins::fill_service_account(&mut spec);
    ServiceAccount {
        id: row.id.clone(),
        resource_version: row.meta.version.clone(),
        spec: Some(spec),
        state_deprecated: twins::resource_state(row.meta.state()),
        state: row.meta.state,
        async_operation_id: row.meta.operation_id.clone(),
        created_time: row.meta.created(),
        last_modified_time: row.meta.modified(),
    }
}

/// One that does not exist is taken for one of the account, so that only who may see those learns that.
fn concerns(state: &State, id: &str) -> Concerns {
    Concerns::ServiceAccount(state.service_accounts.get(id).map_or(Scope::Account, |row| access::scope(row)))
}

fn role(spec: &ServiceAccountSpec) -> Role {
    spec.access.as_ref().map(access::role).unwrap_or_default()
}

/// Checks a spec and brings it into its newest form.
fn check_spec(state: &State, id: &str, mut spec: ServiceAccountSpec) -> Result<ServiceAccountSpec, Reject> {
    spec.name = spec.name.trim().to_owned();
    if spec.name.is_empty() || spec.name.chars().count() > MOST_NAME || spec.name.contains(char::is_control) {
        return Err(Reject::invalid(format!("a service account name must have 1 to {MOST_NAME} characters")));
    }
    if spec.description.chars().count() > MOST_DESCRIPTION {
        return Err(Reject::invalid(format!("a description can have {MOST_DESCRIPTION} characters")));
    }
    twins::take_service_account(&mut spec);
    match (&mut spec.access, &spec.namespace_scoped_access) {
        (Some(access), None) => access::check(state, access)?,
        (None, Some(scoped)) => {
            let access = scoped.access.as_ref();
            access::check_permission(access.ok_or_else(|| Reject::invalid("namespace permission is required"))?)?;
            access::check_namespace(state, &scoped.namespace)?;
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Reject::invalid("exactly one of access and namespace_scoped_access must be given"));
        }
    }
    if state.service_accounts.values().any(|row| row.id != id && row.spec.name == spec.name) {
        return Err(Reject::new(Kind::AlreadyExists, format!("service account \"{}\" already exists", spec.name)));
    }
    Ok(spec)
}

/// Whether a spec leaves a service account where it is.
///
/// # Errors
/// `InvalidArgument`. A spec that is for no scope at all is left to [`check_spec`].
fn check_scope(row: &ServiceAccountRecord, spec: &ServiceAccountSpec) -> Result<(), Reject> {
    let wanted = match (&spec.access, &spec.namespace_scoped_access) {
        (Some(_), None) => Scope::Account,
        (None, Some(scoped)) => Scope::Namespace(scoped.namespace.clone()),
        (Some(_), Some(_)) | (None, None) => return Ok(()),
    };
    if wanted == access::scope(row) {
        return Ok(());
    }
    Err(Reject::invalid("the scope of a service account cannot be changed"))
}

/// Whether somebody may know that there is this service account: one that is for a namespace, only who has a right there.
fn is_known_to(caller: &Principal, row: &ServiceAccountRecord) -> bool {
    match access::scope(row) {
        Scope::Namespace(namespace) => row.id == caller.id || caller.namespace_permission(&namespace).is_some(),
        Scope::Account | Scope::Project(_) => true,
    }
}

/// A service account that the caller may know of, to change it.
///
/// # Errors
/// `NotFound`.
fn take_known(state: &State, caller: &Principal, id: &str) -> Result<ServiceAccountRecord, Reject> {
    let row = find::<ServiceAccountRecord>(state, KIND, id)?;
    if is_known_to(caller, row) { Ok(ServiceAccountRecord::clone(row)) } else { Err(missing(KIND, id)) }
}

impl Ask for GetServiceAccountsRequest {
    type Answer = GetServiceAccountsResponse;
    const METHOD: &'static str = "GetServiceAccounts";
}

impl Question for GetServiceAccountsRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let ask = page::Ask { size: self.page_size, token: &self.page_token };
        let caller = view.caller;
        let (rows, next_page_token) =
            page::of::<ServiceAccountRecord>(view.state, ask, |row| is_known_to(caller, row))?;
        let shown = |row: &Arc<ServiceAccountRecord>| {
            let mut account = describe(row);
            if let Some(access) = account.spec.as_mut().and_then(|spec| spec.access.as_mut()) {
                super::leave_what_is_known(access, caller, &row.id);
            }
            account
        };
        let service_account = rows.into_iter().map(shown).collect();
        Ok(GetServiceAccountsResponse { service_account, next_page_token })
    }
}

impl Ask for GetServiceAccountRequest {
    type Answer = GetServiceAccountResponse;
    const METHOD: &'static str = "GetServiceAccount";
}

impl Question for GetServiceAccountRequest {
    fn subject(&self) -> &str {
        &self.service_account_id
    }

    fn concerns(&self, state: &State) -> Concerns {
        concerns(state, &self.service_account_id)
    }

    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let row = find::<ServiceAccountRecord>(view.state, KIND, &self.service_account_id)?;
        Ok(GetServiceAccountResponse { service_account: Some(describe(row)) })
    }
}

impl Ask for CreateServiceAccountRequest {
    type Answer = CreateServiceAccountResponse;
    const METHOD: &'static str = "CreateServiceAccount";
}

impl Mutation for CreateServiceAccountRequest {
    const EVENT: &'static str = "CreateServiceAccount";

    fn subject(&self) -> &str {
        self.spec.as_ref().map_or("", |spec| &spec.name)
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn concerns(&self, _state: &State) -> Concerns {
        let scoped = self.spec.as_ref().and_then(|spec| spec.namespace_scoped_access.as_ref());
        Concerns::ServiceAccount(scoped.map_or(Scope::Account, |scoped| Scope::Namespace(scoped.namespace.clone())))
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject> {
        let spec = self.spec.clone().ok_or_else(|| Reject::invalid("service account spec is required"))?;
        let spec = check_spec(&turn.state, "", spec)?;
        access::check_grant(caller, role(&spec))?;
        let id = turn.id();
        let meta = turn.new_meta(ResourceState::Active);
        turn.put(ServiceAccountRecord { id: id.clone(), meta, spec });
        Ok(Applied::done(id))
    }

    fn answer(_turn: &mut Turn<'_>, subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(CreateServiceAccountResponse { service_account_id: subject.to_owned(), async_operation: Some(operation) })
    }
}

impl Ask for UpdateServiceAccountRequest {
    type Answer = UpdateServiceAccountResponse;
    const METHOD: &'static str = "UpdateServiceAccount";
}

impl Mutation for UpdateServiceAccountRequest {
    const EVENT: &'static str = "UpdateServiceAccount";

    fn subject(&self) -> &str {
        &self.service_account_id
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn concerns(&self, state: &State) -> Concerns {
        concerns(state, &self.service_account_id)
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject> {
        let mut row: ServiceAccountRecord = turn.take(KIND, &self.service_account_id)?;
        access::check_grant(caller, role(&row.spec))?;
        check_version(&row.meta, &self.resource_version)?;
        let spec = self.spec.clone().ok_or_else(|| Reject::invalid("service account spec is required"))?;
        // Before anything is looked up: who may change this account may not know what other namespaces there are.
        check_scope(&row, &spec)?;
        let spec = check_spec(&turn.state, &row.id, spec)?;
        access::check_grant(caller, role(&spec))?;
        let changed = ServiceAccountRecord { spec, ..row.clone() };
        if changed == row {
            return Err(nothing_to_change());
        }
        row = changed;
        turn.touch(&mut row.meta);
        turn.put(row);
        Ok(Applied::done(self.service_account_id.clone()))
    }

    fn answer(_turn: &mut Turn<'_>, _subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(UpdateServiceAccountResponse { async_operation: Some(operation) })
    }
}

impl Ask for SetServiceAccountNamespaceAccessRequest {
    type Answer = SetServiceAccountNamespaceAccessResponse;
    const METHOD: &'static str = "SetServiceAccountNamespaceAccess";
}

impl Mutation for SetServiceAccountNamespaceAccessRequest {
    const EVENT: &'static str = "SetServiceAccountNamespaceAccessAPI";

    fn subject(&self) -> &str {
        &self.service_account_id
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn concerns(&self, _state: &State) -> Concerns {
        Concerns::Namespace(self.namespace.clone())
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject> {
        access::check_namespace(&turn.state, &self.namespace)?;
        let mut row = take_known(&turn.state, caller, &self.service_account_id)?;
        check_version(&row.meta, &self.resource_version)?;
        if row.spec.namespace_scoped_access.is_some() {
            return Err(Reject::invalid(
                "a namespace scoped service account has its access in its spec: update the service account",
            ));
        }
        let accesses = &mut row.spec.access.get_or_insert_default().namespace_accesses;
        access::set_namespace(accesses, &self.namespace, self.access.clone())?;
        turn.touch(&mut row.meta);
        turn.put(row);
        Ok(Applied::done(self.service_account_id.clone()))
    }

    fn answer(_turn: &mut Turn<'_>, _subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(SetServiceAccountNamespaceAccessResponse { async_operation: Some(operation) })
    }
}

impl Ask for DeleteServiceAccountRequest {
    type Answer = DeleteServiceAccountResponse;
    const METHOD: &'static str = "DeleteServiceAccount";
}

impl Mutation for DeleteServiceAccountRequest {
    const EVENT: &'static str = "DeleteServiceAccount";

    fn subject(&self) -> &str {
        &self.service_account_id
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn concerns(&self, state: &State) -> Concerns {
        concerns(state, &self.service_account_id)
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject> {
        let row: ServiceAccountRecord = turn.take(KIND, &self.service_account_id)?;
        access::check_grant(caller, role(&row.spec))?;
        check_version(&row.meta, &self.resource_version)?;
        key::remove_of(turn, &row.id);
        turn.remove::<ServiceAccountRecord>(&row.id);
        Ok(Applied::done(row.id))
    }

    fn answer(_turn: &mut Turn<'_>, _subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(DeleteServiceAccountResponse { async_operation: Some(operation) })
    }
}
