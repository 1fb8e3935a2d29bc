//! Namespaces as the account keeps them: created, changed as a whole, deleted. What the engine has to do for it is a job;
//! how callers identify themselves holds from the commit on.

mod attributes;
mod describe;
pub(crate) mod security;
mod spec;
mod tags;

use auth::{Principal, PrincipalKind};
use model::{Kind, Reject};
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        CreateNamespaceRequest, CreateNamespaceResponse, DeleteNamespaceRequest, DeleteNamespaceResponse,
        GetNamespaceRequest, GetNamespaceResponse, GetNamespacesRequest, GetNamespacesResponse, UpdateNamespaceRequest,
        UpdateNamespaceResponse,
    },
    identity::v1::{NamespaceAccess, namespace_access::Permission},
    namespace::v1::Namespace,
    operation::v1::AsyncOperation,
    resource::v1::ResourceState,
};

use crate::{
    call::{Applied, Ask, Concerns, Mutation, Question},
    key, page,
    record::{NamespaceRecord, ServiceAccountRecord, UserRecord, WorkKind, WorkRecord},
    state::State,
    turn::{Turn, View, check_version, find, nothing_to_change},
};

/// Namespaces in an account.
const MOST: usize = 100;

impl Ask for GetNamespacesRequest {
    type Answer = GetNamespacesResponse;
    const METHOD: &'static str = "GetNamespaces";
}

/// Everybody sees those that they have a right in.
impl Question for GetNamespacesRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let ask = page::Ask { size: self.page_size, token: &self.page_token };
        let shown = |row: &NamespaceRecord| {
            let named = self.name.is_empty() || self.name == row.spec.name;
            named && view.caller.namespace_permission(&row.id).is_some()
        };
        let (rows, next_page_token) = page::of::<NamespaceRecord>(view.state, ask, shown)?;
        let namespaces: Vec<Namespace> = rows.into_iter().map(|row| describe::namespace(row, view.settings)).collect();
        Ok(GetNamespacesResponse { namespaces, next_page_token })
    }
}

impl Ask for GetNamespaceRequest {
    type Answer = GetNamespaceResponse;
    const METHOD: &'static str = "GetNamespace";
}

impl Question for GetNamespaceRequest {
    fn subject(&self) -> &str {
        &self.namespace
    }

    fn concerns(&self, _state: &State) -> Concerns {
        Concerns::Namespace(self.namespace.clone())
    }

    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let row = find::<NamespaceRecord>(view.state, "namespace", &self.namespace)?;
        Ok(GetNamespaceResponse { namespace: Some(describe::namespace(row, view.settings)) })
    }
}

impl Ask for CreateNamespaceRequest {
    type Answer = CreateNamespaceResponse;
    const METHOD: &'static str = "CreateNamespace";
}

impl Mutation for CreateNamespaceRequest {
    const EVENT: &'static str = "CreateNamespaceAPI";

    fn subject(&self) -> &str {
        self.spec.as_ref().map_or("", |spec| &spec.name)
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject> {
        let spec = self.spec.clone().ok_or_else(|| Reject::invalid("namespace spec is required"))?;
        let spec = spec::check_new(spec, turn.settings)?;
        if !self.tags.is_empty() && !caller.is_account_admin() {
            return Err(auth::unauthorized());
        }
        tags::check(&turn.state, "", &self.tags)?;
        let id = format!("{}.{}", spec.name, turn.state.account_id());
        if turn.state.namespaces.contains_key(&id) {
            return Err(Reject::new(Kind::AlreadyExists, format!("namespace \"{id}\" already exists")));
        }
        if turn.state.namespaces.len() >= MOST {
            return Err(quota(format!("the account has {MOST} namespaces, which is the most it can have")));
        }
        let meta = turn.new_meta(ResourceState::Activating);
        turn.put_namespace(NamespaceRecord { id: id.clone(), meta, spec, tags: self.tags.clone() });
        give_to_creator(turn, caller, &id);
        Ok(work(id, WorkKind::Register))
    }

    fn answer(_turn: &mut Turn<'_>, subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(CreateNamespaceResponse { namespace: subject.to_owned(), async_operation: Some(operation) })
    }
}

/// Whoever creates a namespace is its admin.
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

impl Ask for UpdateNamespaceRequest {
    type Answer = UpdateNamespaceResponse;
    const METHOD: &'static str = "UpdateNamespace";
}

impl Mutation for UpdateNamespaceRequest {
    const EVENT: &'static str = "UpdateNamespaceAPI";

    fn subject(&self) -> &str {
        &self.namespace
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn concerns(&self, _state: &State) -> Concerns {
        Concerns::Namespace(self.namespace.clone())
    }

    fn apply(&self, turn: &mut Turn<'_>, _caller: &Principal) -> Result<Applied, Reject> {
        let mut row: NamespaceRecord = turn.take("namespace", &self.namespace)?;
        check_version(&row.meta, &self.resource_version)?;
        check_idle(&row)?;
        let spec = self.spec.clone().ok_or_else(|| Reject::invalid("namespace spec is required"))?;
        let spec = spec::check_change(&row.spec, spec, turn.settings)?;
        // After a failed update the same spec is worth another try.
        if spec == row.spec && row.meta.state() != ResourceState::UpdateFailed {
            return Err(nothing_to_change());
        }
        row.spec = spec;
        row.meta.state = ResourceState::Updating as i32;
        turn.touch(&mut row.meta);
        turn.put_namespace(row);
        Ok(work(self.namespace.clone(), WorkKind::Update))
    }

    fn answer(_turn: &mut Turn<'_>, _subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(UpdateNamespaceResponse { async_operation: Some(operation) })
    }
}

impl Ask for DeleteNamespaceRequest {
    type Answer = DeleteNamespaceResponse;
    const METHOD: &'static str = "DeleteNamespace";
}

impl Mutation for DeleteNamespaceRequest {
    const EVENT: &'static str = "DeleteNamespaceAPI";

    fn subject(&self) -> &str {
        &self.namespace
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn concerns(&self, _state: &State) -> Concerns {
        Concerns::Namespace(self.namespace.clone())
    }

    fn apply(&self, turn: &mut Turn<'_>, _caller: &Principal) -> Result<Applied, Reject> {
        let mut row: NamespaceRecord = turn.take("namespace", &self.namespace)?;
        check_version(&row.meta, &self.resource_version)?;
        check_idle(&row)?;
        if row.spec.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.enable_delete_protection) {
            let id = &self.namespace;
            return Err(Reject::precondition(format!(
                "namespace \"{id}\" has delete protection enabled: disable it to delete the namespace"
            )));
        }
        row.meta.state = ResourceState::Deleting as i32;
        turn.touch(&mut row.meta);
        turn.put_namespace(row);
        Ok(work(self.namespace.clone(), WorkKind::Delete))
    }

    fn answer(_turn: &mut Turn<'_>, _subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(DeleteNamespaceResponse { async_operation: Some(operation) })
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
            key::remove_of(turn, &row.id);
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

fn work(namespace: String, kind: WorkKind) -> Applied {
    let work = WorkRecord { kind: kind as i32 };
    Applied { subject: namespace, work: Some(work) }
}

/// Whether no operation runs on the namespace.
///
/// # Errors
/// `FailedPrecondition`.
fn check_idle(row: &NamespaceRecord) -> Result<(), Reject> {
    if row.meta.operation_id.is_empty() {
        return Ok(());
    }
    Err(Reject::precondition(format!(
        "async operation \"{}\" is running on namespace \"{}\": wait until it is done",
        row.meta.operation_id, row.id
    )))
}

/// The refusal of what would be too many.
pub(crate) fn quota(message: String) -> Reject {
    Reject::precondition(message)
}
