//! `RegisterNamespace`, and the namespaces that a server makes at its start.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine::NamespaceRecord;
use model::{Kind, NamespaceId, Reject};
use proto::temporal::api::{
    enums::v1::{ArchivalState, IndexedValueType, NamespaceState},
    replication::v1::ClusterReplicationConfig,
    workflowservice::v1::{RegisterNamespaceRequest, RegisterNamespaceResponse},
};

use super::{change, nanos, retention, write};
use crate::{context::ServerContext, services::system::CLUSTER};

/// A namespace that shall be there.
#[derive(Clone, Debug)]
pub struct NewNamespace {
    pub name: String,
    pub description: String,
    pub owner_email: String,
    pub data: BTreeMap<String, String>,
    pub retention: Duration,
    /// Custom search attributes.
    pub search_attributes: BTreeMap<String, IndexedValueType>,
}

impl NewNamespace {
    /// One of which nothing else is said. Closed workflows are kept for `retention`.
    pub fn named(name: impl Into<String>, retention: Duration) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            owner_email: String::new(),
            data: BTreeMap::new(),
            retention,
            search_attributes: BTreeMap::new(),
        }
    }
}

/// Makes a namespace of this id.
///
/// # Errors
/// `NamespaceAlreadyExists` when there is one of that name; the storage's errors.
pub(super) async fn register(context: &ServerContext, id: NamespaceId, new: NewNamespace) -> Result<(), Reject> {
    if context.engine.namespaces().by_name(&new.name).is_some() {
        return Err(exists(&new.name));
    }
    let name = new.name.clone();
    let record = NamespaceRecord {
        id: id.as_bytes().to_vec(),
        name: new.name,
        state: NamespaceState::Registered.into(),
        description: new.description,
        owner_email: new.owner_email,
        data: new.data,
        retention_ns: nanos(new.retention),
        search_attributes: new.search_attributes.into_iter().map(|(name, kind)| (name, kind.into())).collect(),
        create_time: context.engine.now().0,
        history_archival_state: ArchivalState::Disabled.into(),
        visibility_archival_state: ArchivalState::Disabled.into(),
        ..Default::default()
    };
    write(context, record, 0).await.map_err(|reject| match reject.kind {
        Kind::NamespaceAlreadyExists => exists(&name),
        _ => reject,
    })
}

/// Makes a namespace if it is not there; one that is gets the custom search attributes that it lacks.
///
/// # Errors
/// The storage's errors.
pub async fn ensure(context: &ServerContext, new: NewNamespace) -> Result<(), Reject> {
    let known = context.engine.namespaces().by_name(&new.name).map(|(record, _)| record.namespace_id());
    let Some(id) = known else {
        return register(context, new_id(context), new).await;
    };
    change(context, id, move |record| {
        for (name, kind) in &new.search_attributes {
            record.search_attributes.entry(name.clone()).or_insert((*kind).into());
        }
        Ok(())
    })
    .await
    .map(|_| ())
}

fn new_id(context: &ServerContext) -> NamespaceId {
    NamespaceId((context.new_id)())
}

fn exists(name: &str) -> Reject {
    Reject::new(Kind::NamespaceAlreadyExists, format!("Namespace \"{name}\" already exists"))
}

pub(crate) async fn register_namespace(
    context: Arc<ServerContext>,
    request: RegisterNamespaceRequest,
) -> Result<RegisterNamespaceResponse, Reject> {
    if request.namespace.is_empty() {
        return Err(Reject::invalid("Namespace not set on request."));
    }
    if request.is_global_namespace {
        return Err(Reject::invalid("Cannot register global namespace when not enabled"));
    }
    let retention = retention(request.workflow_execution_retention_period, context.limits())?;
    if context.engine.namespaces().by_name(&request.namespace).is_some() {
        return Err(exists(&request.namespace));
    }
    local(&request.active_cluster_name, &request.clusters)?;
    let new = NewNamespace {
        name: request.namespace,
        description: request.description,
        owner_email: request.owner_email,
        data: request.data,
        retention,
        search_attributes: BTreeMap::new(),
    };
    register(&context, new_id(&context), new).await?;
    Ok(RegisterNamespaceResponse {})
}

/// A namespace lives in this cluster alone; an empty name and an empty list mean the same.
pub(super) fn local(active: &str, clusters: &[ClusterReplicationConfig]) -> Result<(), Reject> {
    let active = if active.is_empty() { CLUSTER } else { active };
    let mut names = std::iter::once(active).chain(clusters.iter().map(|cluster| cluster.cluster_name.as_str()));
    if let Some(unknown) = names.find(|name| *name != CLUSTER) {
        return Err(Reject::invalid(format!("Invalid cluster name: {unknown}")));
    }
    if clusters.len() > 1 {
        return Err(Reject::invalid("Invalid local namespace clusters"));
    }
    Ok(())
}
