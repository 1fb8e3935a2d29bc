//! `DeleteNamespace`: the namespace gets out of the way at once, under another name; its runs and at last its record are
//! deleted by a job, which goes on after a restart where it was.

use std::{future::pending, sync::Arc, time::Duration};

use engine::{Answer, Call, Engine, Execution, Job, JobInput, JobWork, NamespaceRecord, NamespaceTable, Request};
use model::{Kind, Namespace, NamespaceId, Reject};
use proto::temporal::api::{
    enums::v1::NamespaceState,
    operatorservice::v1::{DeleteNamespaceRequest, DeleteNamespaceResponse},
};
use store::visibility::{Query, Row};

use super::{change::change_by, system};
use crate::{context::ServerContext, gate};

/// Characters of the id in the new name; more where that name is taken.
const SHORTEST_SUFFIX: usize = 5;
/// Runs that are looked up at once.
const PAGE: usize = 100;
/// How many parts of jobs are done at a time.
const WORKERS: usize = 2;
/// How long a worker rests when it can't be given a part.
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
    let edit = move |record: &mut NamespaceRecord| {
        if record.state() != NamespaceState::Deleted || record.name != renamed {
            record.name_before_delete = std::mem::replace(&mut record.name, renamed.clone());
            record.set_state(NamespaceState::Deleted);
        }
        Ok(())
    };
    let call =
        move |record, expected_version| Call::DeleteNamespace { record: Box::new(record), expected_version, delay };
    change_by(context, namespace.id, edit, call).await
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

/// Does the jobs of the server from now on, what the last process left undone first.
pub fn resume_deletions(context: &ServerContext) {
    context.tasks.start(begin_missing(context.engine.clone()));
    for _ in 0..WORKERS {
        context.tasks.start(work(context.engine.clone()));
    }
}

/// Begins the deletions that a process of before there were jobs has left unfinished.
async fn begin_missing(engine: Engine) {
    let table = engine.namespaces();
    let deleted: Vec<_> = table.records().filter(|record| record.state() == NamespaceState::Deleted).collect();
    while !deleted.is_empty() {
        let jobs = match engine.call(about_jobs(Call::ListJobs)).await {
            Ok(Answer::Jobs(jobs)) => jobs,
            Ok(_) => return,
            Err(_) => {
                rest().await;
                continue;
            }
        };
        for record in &deleted {
            if jobs.iter().any(|job| job.namespace() == record.namespace_id()) {
                continue;
            }
            let (namespace, expected_version) = (Arc::new(record.snapshot()), record.version);
            let record = Box::new(NamespaceRecord::clone(record));
            let call = Call::DeleteNamespace { record, expected_version, delay: Duration::ZERO };
            if let Err(reject) = engine.call(Request { namespace, call }).await {
                tracing::warn!(%reject, "the deletion of a namespace can't go on before the next start");
            }
        }
        return;
    }
}

/// The job that deletes a namespace, as it is now; none where there is none, or it can't be told.
pub(super) async fn job(engine: &Engine, id: NamespaceId) -> Option<Job> {
    match engine.call(about_jobs(Call::ListJobs)).await {
        Ok(Answer::Jobs(jobs)) => jobs.into_iter().find(|job| job.namespace() == id),
        Ok(_) | Err(_) => None,
    }
}

/// A call about jobs, which belong to no namespace.
fn about_jobs(call: Call) -> Request {
    Request { namespace: Arc::new(NamespaceRecord::default().snapshot()), call }
}

/// Takes a part of a job, does it, reports, and so on until the server stops.
async fn work(engine: Engine) {
    loop {
        let asked = engine.call(about_jobs(Call::NextJob)).await;
        let part = match asked {
            Ok(Answer::JobPart(Some(part))) => *part,
            Ok(_) => return,
            Err(_) => {
                rest().await;
                continue;
            }
        };
        let report = match part.work {
            JobWork::DeleteRuns(id) => delete_page(&engine, id).await,
            JobWork::RemoveNamespace(id) => remove(&engine, id).await,
        };
        let report = report.unwrap_or_else(|reject| {
            tracing::warn!(job = %part.id, %reject, "a part of a job failed, it is tried again");
            JobInput::Failed { message: reject.to_string() }
        });
        let call = Call::ReportJob { id: part.id, report };
        // A report that is lost with its shard is made anew with its part.
        if let Err(reject) = engine.call(about_jobs(call)).await {
            tracing::warn!(job = %part.id, %reject, "what came of a part of a job can't be written");
        }
    }
}

/// Deletes a page of runs.
async fn delete_page(engine: &Engine, id: NamespaceId) -> Result<JobInput, Reject> {
    let Some(namespace) = known(engine, id) else { return Ok(JobInput::Worked { items: 0, is_all: true }) };
    let mut query = every_run(id);
    let rows = loop {
        let page = engine.list(query.clone()).await?;
        match page.next {
            Some(next) if page.rows.is_empty() => query.after = Some(next),
            Some(_) | None => break page.rows,
        }
    };
    let is_all = rows.is_empty();
    let (mut items, mut refusal) = (0, None);
    for row in rows {
        match delete_run(engine, &namespace, row).await {
            Ok(()) => items += 1,
            Err(reject) => refusal = Some(reject),
        }
    }
    match refusal {
        // The others are gone, and those that stay come again.
        Some(reject) if items == 0 => Err(reject),
        Some(_) | None => Ok(JobInput::Worked { items, is_all }),
    }
}

/// Removes the record of a namespace without runs.
async fn remove(engine: &Engine, id: NamespaceId) -> Result<JobInput, Reject> {
    if let Some(namespace) = known(engine, id) {
        engine.call(Request { namespace, call: Call::RemoveNamespace }).await?;
    }
    Ok(JobInput::Worked { items: 1, is_all: true })
}

fn known(engine: &Engine, id: NamespaceId) -> Option<Arc<Namespace>> {
    engine.namespaces().by_id(id).map(|(_, namespace)| namespace.clone())
}

async fn delete_run(engine: &Engine, namespace: &Arc<Namespace>, row: Row) -> Result<(), Reject> {
    let execution = Execution { workflow_id: row.workflow_id, run_id: row.run_id.to_string() };
    let request = Request { namespace: namespace.clone(), call: Call::Delete { execution } };
    match engine.call(request).await {
        Err(reject) if reject.kind != Kind::NotFound => Err(reject),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn every_run(namespace: NamespaceId) -> Query {
    Query { namespace, filter: None, group_by: Vec::new(), limit: PAGE, after: None }
}

async fn rest() {
    // Nothing durable hangs on this wait: what the job waits for is in its state.
    let _ = tokio::time::timeout(REST, pending::<()>()).await;
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
