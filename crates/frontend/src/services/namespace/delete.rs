//! `DeleteNamespace`: the namespace gets out of the way at once, under another name; its runs and at last its record are
//! deleted behind the caller's back, and a restart goes on with it.

use std::{future::pending, sync::Arc, time::Duration};

use engine::{Call, Engine, Execution, NamespaceRecord, NamespaceTable, Request};
use model::{Kind, Namespace, NamespaceId, Reject};
use proto::temporal::api::{
    enums::v1::NamespaceState,
    operatorservice::v1::{DeleteNamespaceRequest, DeleteNamespaceResponse},
};
use store::visibility::{Query, Row};

use super::{change, system};
use crate::{context::ServerContext, gate};

/// Characters of the id in the new name; more where that name is taken.
const SHORTEST_SUFFIX: usize = 5;
/// Runs that are looked up at once.
const PAGE: usize = 100;
/// How long the job rests when it makes no progress.
const REST: Duration = Duration::from_secs(1);

pub(crate) async fn delete_namespace(
    context: Arc<ServerContext>,
    request: DeleteNamespaceRequest,
) -> Result<DeleteNamespaceResponse, Reject> {
    let namespace = named(&context, &request)?;
    let delay = model::from_proto_duration(request.namespace_delete_delay.as_ref());
    let record = begin(&context, &namespace, delay).await?;
    Ok(DeleteNamespaceResponse { deleted_namespace: record.name.clone() })
}

/// Deletes the namespace of this name; what is left to do goes on behind the caller's back.
///
/// # Errors
/// `NamespaceNotFound`; the storage's errors.
pub(crate) async fn delete(context: &ServerContext, name: &str) -> Result<(), Reject> {
    let namespace = gate::find(&context.engine.namespaces(), name)?;
    begin(context, &namespace, Duration::ZERO).await.map(|_| ())
}

async fn begin(
    context: &ServerContext,
    namespace: &Namespace,
    delay: Duration,
) -> Result<Arc<NamespaceRecord>, Reject> {
    gate::check_state("DeleteNamespace", namespace)?;
    let renamed = new_name(&context.engine.namespaces(), namespace);
    let record = change(context, namespace.id, move |record| {
        if record.state() != NamespaceState::Deleted || record.name != renamed {
            record.name_before_delete = std::mem::replace(&mut record.name, renamed.clone());
            record.set_state(NamespaceState::Deleted);
        }
        Ok(())
    })
    .await?;
    start(context, &record, delay);
    Ok(record)
}

/// The namespace that the request names, by name or by id.
fn named(context: &ServerContext, request: &DeleteNamespaceRequest) -> Result<Arc<Namespace>, Reject> {
    let table = context.engine.namespaces();
    match (request.namespace_id.as_str(), request.namespace.as_str()) {
        ("", "") => Err(Reject::invalid("Namespace not set on request.")),
        ("", system::NAME) => Err(Reject::precondition("unable to delete system namespace")),
        ("", name) => gate::find(&table, name),
        (id, "") => match id.parse() {
            Ok(system::ID) => Err(Reject::precondition("unable to delete system namespace")),
            Ok(id) => gate::find_id(&table, id),
            Err(_) => Err(gate::not_found(id)),
        },
        _ => Err(Reject::invalid("Only one of namespace name or Id should be set on request.")),
    }
}

/// The name that a deleted namespace goes by, so that its own is free again.
fn new_name(table: &NamespaceTable, namespace: &Namespace) -> String {
    let id = namespace.id.to_string();
    for length in SHORTEST_SUFFIX..id.len() {
        let suffix = format!("-deleted-{}", &id[..length]);
        if namespace.name.ends_with(&suffix) {
            return namespace.name.to_string();
        }
        let renamed = format!("{}{suffix}", namespace.name);
        if table.by_name(&renamed).is_none() {
            return renamed;
        }
    }
    format!("{}-deleted-{id}", namespace.name)
}

/// Goes on with the deletions that the last process left unfinished.
pub fn resume_deletions(context: &ServerContext) {
    for record in context.engine.namespaces().records() {
        if record.state() == NamespaceState::Deleted {
            start(context, record, Duration::ZERO);
        }
    }
}

fn start(context: &ServerContext, record: &NamespaceRecord, delay: Duration) {
    let namespace = Arc::new(record.snapshot());
    context.tasks.start(remove(context.engine.clone(), namespace, delay));
}

async fn remove(engine: Engine, namespace: Arc<Namespace>, delay: Duration) {
    while !delete_page(&engine, &namespace).await {}
    wait(delay).await;
    while engine.namespaces().by_id(namespace.id).is_some() {
        let request = Request { namespace: namespace.clone(), call: Call::RemoveNamespace };
        if let Err(reject) = engine.call(request).await {
            tracing::warn!(namespace = %namespace.name, error = %reject, "deleting a namespace failed, trying again");
            wait(REST).await;
        }
    }
}

/// Deletes a page of runs; whether none was left. Rests when something stays.
async fn delete_page(engine: &Engine, namespace: &Arc<Namespace>) -> bool {
    let query = every_run(namespace.id);
    let rows = match engine.list(query).await {
        Ok(page) if page.rows.is_empty() && page.next.is_none() => return true,
        Ok(page) => page.rows,
        Err(_) => Vec::new(),
    };
    let mut failures = usize::from(rows.is_empty());
    for row in rows {
        failures += usize::from(!delete_run(engine, namespace, row).await);
    }
    if failures > 0 {
        wait(REST).await;
    }
    false
}

async fn delete_run(engine: &Engine, namespace: &Arc<Namespace>, row: Row) -> bool {
    let execution = Execution { workflow_id: row.workflow_id, run_id: row.run_id.to_string() };
    let request = Request { namespace: namespace.clone(), call: Call::Delete { execution } };
    match engine.call(request).await {
        Ok(_) => true,
        Err(reject) => reject.kind == Kind::NotFound,
    }
}

fn every_run(namespace: NamespaceId) -> Query {
    Query { namespace, filter: None, group_by: Vec::new(), limit: PAGE, after: None }
}

async fn wait(span: Duration) {
    // Nothing durable hangs on this wait: a restart begins the job anew.
    let _ = tokio::time::timeout(span, pending::<()>()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_namespace_is_called_after_its_id() {
        let id = uuid::Uuid::from_u128(0xb741f666_8627_487f_8b59_2a3ce73b5fc9);
        let named = |name: &str| Namespace {
            id: NamespaceId(id),
            name: name.into(),
            state: NamespaceState::Registered,
            retention: Duration::ZERO,
            search_attributes: Arc::default(),
        };
        let table = NamespaceTable::default();
        assert_eq!(new_name(&table, &named("dep")), "dep-deleted-b741f");
        assert_eq!(new_name(&table, &named("dep-deleted-b741f")), "dep-deleted-b741f");
    }
}
