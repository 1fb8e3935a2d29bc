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
};

use crate::{
    access, credential,
    record::{Meta, ServiceAccountRecord, WorkRecord},
    request::{ApiRequest, Applied, Command, Query, Target},
    resource::{self, Created, Deleted, Listed, Resource, deletes, gets, meta_and_spec, updates},
    state::{State, page::PageRequest, rights},
    turn::{Turn, View, check_version, find, missing},
    twins,
};

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

fn role(spec: &ServiceAccountSpec) -> Role {
    spec.access.as_ref().map(rights::role).unwrap_or_default()
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
    if wanted == rights::scope(row) {
        return Ok(());
    }
    Err(Reject::invalid("the scope of a service account cannot be changed"))
}

/// A service account that the caller may know of, to change it.
///
/// # Errors
/// `NotFound`.
fn take_known(state: &State, caller: &Principal, id: &str) -> Result<ServiceAccountRecord, Reject> {
    let row = find::<ServiceAccountRecord>(state, ServiceAccountRecord::KIND, id)?;
    if row.is_known_to(caller) {
        Ok(ServiceAccountRecord::clone(row))
    } else {
        Err(missing(ServiceAccountRecord::KIND, id))
    }
}

impl Resource for ServiceAccountRecord {
    const KIND: &'static str = "service account";
    meta_and_spec!(ServiceAccountSpec);
    type Described = ServiceAccount;

    fn find<'a>(state: &'a State, id: &str) -> Result<&'a Arc<Self>, Reject> {
        find(state, Self::KIND, id)
    }

    fn put(self, turn: &mut Turn<'_>) {
        turn.put(self);
    }

    fn describe(&self, view: View<'_>) -> ServiceAccount {
        let mut account = describe(self);
        if let Some(access) = account.spec.as_mut().and_then(|spec| spec.access.as_mut()) {
            super::leave_what_is_known(access, view.caller, &self.id);
        }
        account
    }

    /// One that does not exist is taken for one of the account, so that only who may see those learns that.
    fn target(state: &State, id: &str) -> Target {
        Target::ServiceAccount(state.service_accounts.get(id).map_or(Scope::Account, |row| rights::scope(row)))
    }

    fn check_rights(&self, _state: &State, caller: &Principal) -> Result<(), Reject> {
        access::check_grant(caller, role(&self.spec))
    }

    fn check_change(
        &self,
        turn: &Turn<'_>,
        caller: &Principal,
        spec: ServiceAccountSpec,
    ) -> Result<ServiceAccountSpec, Reject> {
        // Before anything is looked up: who may change this account may not know what other namespaces there are.
        check_scope(self, &spec)?;
        let spec = check_spec(&turn.state, &self.id, spec)?;
        access::check_grant(caller, role(&spec))?;
        Ok(spec)
    }
}

impl Listed for ServiceAccountRecord {
    /// One that is for a namespace is known to those only who have a right there.
    fn is_known_to(&self, caller: &Principal) -> bool {
        match rights::scope(self) {
            Scope::Namespace(namespace) => self.id == caller.id || caller.namespace_permission(&namespace).is_some(),
            Scope::Account | Scope::Project(_) => true,
        }
    }
}

impl Created for ServiceAccountRecord {
    fn check_new(turn: &Turn<'_>, caller: &Principal, spec: ServiceAccountSpec) -> Result<ServiceAccountSpec, Reject> {
        let spec = check_spec(&turn.state, "", spec)?;
        access::check_grant(caller, role(&spec))?;
        Ok(spec)
    }

    fn new(turn: &mut Turn<'_>, meta: Meta, spec: ServiceAccountSpec) -> Self {
        Self { id: turn.id(), meta, spec }
    }
}

impl Deleted for ServiceAccountRecord {
    fn remove(self, turn: &mut Turn<'_>) -> Option<WorkRecord> {
        credential::remove_of(turn, &self.id);
        turn.remove::<Self>(&self.id);
        None
    }
}

gets!(GetServiceAccountRequest { service_account_id } => GetServiceAccountResponse { service_account: ServiceAccountRecord });
updates!(
    UpdateServiceAccountRequest { service_account_id } => UpdateServiceAccountResponse,
    ServiceAccountRecord,
    "UpdateServiceAccount"
);
deletes!(
    DeleteServiceAccountRequest { service_account_id } => DeleteServiceAccountResponse,
    ServiceAccountRecord,
    "DeleteServiceAccount"
);

impl ApiRequest for GetServiceAccountsRequest {
    type Answer = GetServiceAccountsResponse;
}

impl Query for GetServiceAccountsRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let page = PageRequest { size: self.page_size, token: &self.page_token };
        let (service_account, next_page_token) = resource::list::<ServiceAccountRecord>(view, page, |_| true)?;
        Ok(GetServiceAccountsResponse { service_account, next_page_token })
    }
}

impl ApiRequest for CreateServiceAccountRequest {
    type Answer = CreateServiceAccountResponse;
}

impl Command for CreateServiceAccountRequest {
    const EVENT: &'static str = "CreateServiceAccount";

    fn subject(&self) -> &str {
        self.spec.as_ref().map_or("", |spec| &spec.name)
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn target(&self, _state: &State) -> Target {
        let scoped = self.spec.as_ref().and_then(|spec| spec.namespace_scoped_access.as_ref());
        Target::ServiceAccount(scoped.map_or(Scope::Account, |scoped| Scope::Namespace(scoped.namespace.clone())))
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject> {
        resource::create::<ServiceAccountRecord>(turn, caller, self.spec.clone(), |_, _| Ok(()))
    }

    fn answer(_turn: &mut Turn<'_>, subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(CreateServiceAccountResponse { service_account_id: subject.to_owned(), async_operation: Some(operation) })
    }
}

impl ApiRequest for SetServiceAccountNamespaceAccessRequest {
    type Answer = SetServiceAccountNamespaceAccessResponse;
}

impl Command for SetServiceAccountNamespaceAccessRequest {
    const EVENT: &'static str = "SetServiceAccountNamespaceAccessAPI";

    fn subject(&self) -> &str {
        &self.service_account_id
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn target(&self, _state: &State) -> Target {
        Target::Namespace(self.namespace.clone())
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
