//! Many operations at a time: lanes that each do one after the other, and waits that end in a fault and not never.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{client::Client, worker::Board};
use crate::{Fault, wire::Way};

/// How long one wait may take before what waits has failed.
const PATIENCE: Duration = Duration::from_secs(90);

/// A server under load.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) way: Way,
    /// Operations under way at a time.
    pub(super) concurrency: usize,
    pub(super) board: Arc<Board>,
}

/// Waits until so many runs are listed: the reference lists with a delay.
pub(super) async fn expect_count(client: &mut Client, filter: &str, expected: usize) -> Result<(), Fault> {
    let started = Instant::now();
    loop {
        let count = client.count(filter).await?;
        if count == expected {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("{count} runs with {filter}, not {expected}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// So many names that begin alike.
pub(super) fn names(kind: &str, number: usize) -> Vec<String> {
    (0..number).map(|at| format!("{kind}-{at}")).collect()
}

/// Waits for something with a limit.
pub(super) async fn within<T>(wait: impl Future<Output = T>) -> Result<T, Fault> {
    Ok(tokio::time::timeout(PATIENCE, wait).await.map_err(|_| "nothing came for ninety seconds")?)
}

/// Does something once for each name, as many at a time as the stage allows; the latency of each.
pub(super) async fn each<F, W>(stage: &Stage, names: &[String], action: F) -> Result<Vec<Duration>, Fault>
where
    F: Fn(Client, String) -> W + Clone + Send + 'static,
    W: Future<Output = Result<(), Fault>> + Send,
{
    let client = Client::to(stage.way)?;
    let names: Arc<[String]> = names.into();
    let next = Arc::new(AtomicUsize::new(0));
    let mut lanes = JoinSet::new();
    for _ in 0..stage.concurrency.min(names.len()) {
        let (client, names, next, action) = (client.clone(), Arc::clone(&names), Arc::clone(&next), action.clone());
        lanes.spawn(async move {
            let mut latencies = Vec::new();
            while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                let started = Instant::now();
                action(client.clone(), name.clone()).await?;
                latencies.push(started.elapsed());
            }
            Ok::<_, Fault>(latencies)
        });
    }
    gather(lanes).await
}

/// The latencies of all lanes.
pub(super) async fn gather(mut lanes: JoinSet<Result<Vec<Duration>, Fault>>) -> Result<Vec<Duration>, Fault> {
    let mut latencies = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        latencies.extend(lane??);
    }
    Ok(latencies)
}

/// Waits until the worker has answered so many tasks. It may take long, but not without any progress.
pub(super) async fn answered(board: &Board, wanted: usize) -> Result<(), Fault> {
    let (mut seen, mut moved) = (board.answered(), Instant::now());
    while seen < wanted {
        if let Some(fault) = board.first_fault() {
            return Err(fault.into());
        }
        if moved.elapsed() > PATIENCE {
            return Err(format!("only {seen} of {wanted} tasks have come").into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        let now = board.answered();
        if now > seen {
            (seen, moved) = (now, Instant::now());
        }
    }
    Ok(())
}
