//! What the account asks of the engine: namespaces made, changed and deleted. A job may come twice, after a crash or
//! when the engine was busy, so each is written so that doing it again changes nothing.

use std::{future::pending, sync::Arc, time::Duration};

use control::{Job, Wanted, Work};
use model::{Kind, Reject};
use tokio::time::timeout;

use super::Cloud;
use crate::services::namespace::{self, NewNamespace};

/// How long the account's work rests when the engine can't take it.
const REST: Duration = Duration::from_secs(1);

/// Does jobs as they come. Never ends.
pub(super) async fn work(cloud: &Arc<Cloud>) {
    loop {
        let asked = cloud.clone();
        // The account may be writing to the disk.
        match tokio::task::spawn_blocking(move || asked.control.next_job()).await {
            Ok(Some(job)) => step(cloud, job).await,
            Ok(None) | Err(_) => cloud.job_bell.notified().await,
        }
    }
}

async fn step(cloud: &Arc<Cloud>, job: Job) {
    let Job { operation_id, namespace, work } = job;
    let done = match apply(cloud, &namespace, work).await {
        Ok(()) => Ok(()),
        // The engine is busy, restarts or stops: the job is as it was.
        Err(reject) if matches!(reject.kind, Kind::Unavailable | Kind::Aborted | Kind::ResourceExhausted { .. }) => {
            tracing::warn!(%namespace, %reject, "a change of a namespace has to wait");
            rest().await;
            return cloud.control.release(&operation_id);
        }
        Err(reject) => {
            tracing::warn!(%namespace, %reject, "a change of a namespace failed");
            Err(reject.message)
        }
    };
    let (reporting, operation) = (cloud.clone(), operation_id.clone());
    let report = move || reporting.control.finish(&reporting.now_and_seed(), &operation, done);
    let reported = tokio::task::spawn_blocking(report).await;
    let reported = reported.unwrap_or_else(|error| Err(Reject::internal(error.to_string())));
    if let Err(reject) = reported {
        tracing::error!(%namespace, %reject, "the end of a namespace's change can't be written, it is tried again");
        rest().await;
        cloud.control.release(&operation_id);
    }
}

async fn apply(cloud: &Cloud, namespace: &str, work: Work) -> Result<(), Reject> {
    let context = &cloud.context;
    match work {
        Work::Register(wanted) => {
            let search_attributes = wanted.search_attributes.clone();
            let new = NewNamespace { search_attributes, ..NewNamespace::named(namespace, wanted.retention) };
            namespace::ensure(context, new).await?;
            update(cloud, namespace, wanted).await
        }
        Work::Update(wanted) => update(cloud, namespace, wanted).await,
        Work::Delete => match namespace::delete(context, namespace).await {
            Err(reject) if matches!(reject.kind, Kind::NamespaceNotFound { .. }) => Ok(()),
            outcome => outcome,
        },
    }
}

async fn update(cloud: &Cloud, namespace: &str, wanted: Wanted) -> Result<(), Reject> {
    namespace::shape(&cloud.context, namespace, wanted.retention, wanted.search_attributes).await
}

async fn rest() {
    // Nothing durable hangs on this wait: a restart begins the job anew.
    let _ = timeout(REST, pending::<()>()).await;
}
