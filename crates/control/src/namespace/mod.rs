//! Namespaces as the account keeps them: created, changed as a whole, deleted. What the engine has to do for it is a job;
//! how callers identify themselves holds from the commit on.

mod attributes;
mod describe;
mod spec;
mod tags;

use std::{collections::BTreeMap, sync::Arc};

use auth::{Principal, PrincipalKind};
use model::{Kind, Reject};
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        CreateNamespaceRequest, CreateNamespaceResponse, DeleteNamespaceRequest, DeleteNamespaceResponse,
        GetNamespaceRequest, GetNamespaceResponse, GetNamespacesRequest, GetNamespacesResponse, UpdateNamespaceRequest,
        UpdateNamespaceResponse,
    },
    identity::v1::{NamespaceAccess, namespace_access::Permission},
    namespace::v1::{Namespace, NamespaceSpec},
    operation::v1::AsyncOperation,
    resource::v1::ResourceState,
};

use crate::{
    credential,
    record::{Meta, NamespaceRecord, ServiceAccountRecord, UserRecord, WorkKind, WorkRecord},
    request::{ApiRequest, Applied, Command, Query, Target},
    resource::{self, Created, Deleted, Listed, Resource, deletes, gets, meta_and_spec, quota, updates},
    state::{State, page::PageRequest},
    turn::{Turn, View, find},
};

/// Namespaces in an account.
const MOST: usize = 100;

impl Resource for NamespaceRecord {
    const KIND: &'static str = "namespace";
    meta_and_spec!(NamespaceSpec);
    type Described = Namespace;

    fn find<'a>(state: &'a State, id: &str) -> Result<&'a Arc<Self>, Reject> {
        find(state, Self::KIND, id)
    }

    fn put(self, turn: &mut Turn<'_>) {
        turn.put_namespace(self);
    }

    fn describe(&self, view: View<'_>) -> Namespace {
        describe::namespace(self, view.settings)
    }

    fn target(_state: &State, id: &str) -> Target {
        Target::Namespace(id.to_owned())
    }

    /// No operation runs on it.
    fn check_ready(&self) -> Result<(), Reject> {
        if self.meta.operation_id.is_empty() {
            return Ok(());
        }
        Err(Reject::precondition(format!(
            "async operation \"{}\" is running on namespace \"{}\": wait until it is done",
            self.meta.operation_id, self.id
        )))
    }

    fn check_change(&self, turn: &Turn<'_>, _caller: &Principal, spec: NamespaceSpec) -> Result<NamespaceSpec, Reject> {
        spec::check_change(&self.spec, spec, turn.settings)
    }

    /// It is not protected from deletion.
    fn check_loss(&self, _state: &State, spec: Option<&NamespaceSpec>) -> Result<(), Reject> {
        let is_protected = self.spec.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.enable_delete_protection);
        if spec.is_some() || !is_protected {
            return Ok(());
        }
        Err(Reject::precondition(format!(
            "namespace \"{}\" has delete protection enabled: disable it to delete the namespace",
            self.id
        )))
    }

    fn is_unfinished(&self) -> bool {
        self.meta.state() == ResourceState::UpdateFailed
    }

    fn begin_change(&mut self) -> Option<WorkRecord> {
        self.meta.state = ResourceState::Updating as i32;
        work(WorkKind::Update)
    }
}

impl Listed for NamespaceRecord {
    /// Callers see those that they have a right in.
    fn is_known_to(&self, caller: &Principal) -> bool {
        caller.namespace_permission(&self.id).is_some()
    }
}

impl Created for NamespaceRecord {
    const NEW: ResourceState = ResourceState::Activating;

    fn check_new(turn: &Turn<'_>, _caller: &Principal, spec: NamespaceSpec) -> Result<NamespaceSpec, Reject> {
        let spec = spec::check_new(spec, turn.settings)?;
        let id = id_of(&spec, &turn.state);
        if turn.state.namespaces.contains_key(&id) {
            return Err(Reject::new(Kind::AlreadyExists, format!("namespace \"{id}\" already exists")));
        }
        if turn.state.namespaces.len() >= MOST {
            return Err(quota(format!("the account has {MOST} namespaces, which is the most it can have")));
        }
        Ok(spec)
    }

    fn new(turn: &mut Turn<'_>, meta: Meta, spec: NamespaceSpec) -> Self {
        Self { id: id_of(&spec, &turn.state), meta, spec, tags: BTreeMap::new() }
    }

    fn created(turn: &mut Turn<'_>, caller: &Principal, id: &str) -> Option<WorkRecord> {
        give_to_creator(turn, caller, id);
        work(WorkKind::Register)
    }
}

impl Deleted for NamespaceRecord {
    fn remove(mut self, turn: &mut Turn<'_>) -> Option<WorkRecord> {
        self.meta.state = ResourceState::Deleting as i32;
        turn.touch(&mut self.meta);
        turn.put_namespace(self);
        work(WorkKind::Delete)
    }
}

fn id_of(spec: &NamespaceSpec, state: &State) -> String {
    format!("{}.{}", spec.name, state.account_id())
}

fn work(kind: WorkKind) -> Option<WorkRecord> {
    Some(WorkRecord { kind: kind as i32 })
}

gets!(GetNamespaceRequest { namespace } => GetNamespaceResponse { namespace: NamespaceRecord });
updates!(UpdateNamespaceRequest { namespace } => UpdateNamespaceResponse, NamespaceRecord, "UpdateNamespaceAPI");
deletes!(DeleteNamespaceRequest { namespace } => DeleteNamespaceResponse, NamespaceRecord, "DeleteNamespaceAPI");

impl ApiRequest for GetNamespacesRequest {
    type Answer = GetNamespacesResponse;
}

impl Query for GetNamespacesRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let page = PageRequest { size: self.page_size, token: &self.page_token };
        let is_asked_for = |row: &NamespaceRecord| self.name.is_empty() || self.name == row.spec.name;
        let (namespaces, next_page_token) = resource::list::<NamespaceRecord>(view, page, is_asked_for)?;
        Ok(GetNamespacesResponse { namespaces, next_page_token })
    }
}

impl ApiRequest for CreateNamespaceRequest {
    type Answer = CreateNamespaceResponse;
}

impl Command for CreateNamespaceRequest {
    const EVENT: &'static str = "CreateNamespaceAPI";

    fn subject(&self) -> &str {
        self.spec.as_ref().map_or("", |spec| &spec.name)
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject> {
        resource::create::<NamespaceRecord>(turn, caller, self.spec.clone(), |state, row| {
            if !self.tags.is_empty() && !caller.is_account_admin() {
                return Err(auth::unauthorized());
            }
            tags::check(state, "", &self.tags)?;
            row.tags.clone_from(&self.tags);
            Ok(())
        })
    }

    fn answer(_turn: &mut Turn<'_>, subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(CreateNamespaceResponse { namespace: subject.to_owned(), async_operation: Some(operation) })
    }
}

/// The caller that creates a namespace is its admin.
fn give_to_creator(turn: &mut Turn<'_>, caller: &Principal, namespace: &str) {
    if caller.is_account_admin() {
        return;
    }
    let access = NamespaceAccess { permission: Permission::Admin as i32, ..NamespaceAccess::default() };
    match caller.kind {
        PrincipalKind::User => {
            if let Ok(mut row) = turn.take::<UserRecord>("user", &caller.id) {
                let accesses = &mut row.spec.access.get_or_insert_default().namespace_accesses;
                accesses.insert(namespace.to_owned(), access);
                turn.touch(&mut row.meta);
                turn.put(row);
            }
        }
        PrincipalKind::ServiceAccount => {
            if let Ok(mut row) = turn.take::<ServiceAccountRecord>("service account", &caller.id) {
                let accesses = &mut row.spec.access.get_or_insert_default().namespace_accesses;
                accesses.insert(namespace.to_owned(), access);
                turn.touch(&mut row.meta);
                turn.put(row);
            }
        }
    }
}

/// Removes a namespace that the engine has deleted, with the service accounts that exist only for it and every right in
/// it, so that a later namespace of the name is nobody's but its creator's.
pub(crate) fn forget(turn: &mut Turn<'_>, id: &str) {
    turn.state.security.remove(id);
    turn.remove::<NamespaceRecord>(id);
    let service_accounts: Vec<_> = turn.state.service_accounts.values().cloned().collect();
    for row in service_accounts {
        let scoped = row.spec.namespace_scoped_access.as_ref();
        if scoped.is_some_and(|scoped| scoped.namespace == id) {
            credential::remove_of(turn, &row.id);
            turn.remove::<ServiceAccountRecord>(&row.id);
        } else if row.spec.access.as_ref().is_some_and(|access| access.namespace_accesses.contains_key(id)) {
            let mut row = ServiceAccountRecord::clone(&row);
            row.spec.access.get_or_insert_default().namespace_accesses.remove(id);
            turn.touch(&mut row.meta);
            turn.put(row);
        }
    }
    let users: Vec<_> = turn.state.users.values().cloned().collect();
    for row in users {
        if row.spec.access.as_ref().is_some_and(|access| access.namespace_accesses.contains_key(id)) {
            let mut row = UserRecord::clone(&row);
            row.spec.access.get_or_insert_default().namespace_accesses.remove(id);
            turn.touch(&mut row.meta);
            turn.put(row);
        }
    }
}
