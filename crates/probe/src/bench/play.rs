//! How each scenario is played: what is there before, what is measured, and whether its result is right.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{
    client::Client,
    lanes::{Stage, each, expect_count, gather, names, within},
    scenario::Scenario,
    worker::{POLLERS, Worker},
};
use crate::Fault;

/// Signals that each run of that scenario gets.
const SIGNALS: usize = 20;
/// Runs that go before the measured ones.
const WARM_UP: usize = 20;
/// Runs that the updates go to in turn, so that no history grows beyond a page.
const UPDATED: usize = 20;
/// Rows on a page of the list scenarios.
const PAGE: i32 = 100;
/// What the list scenarios ask for.
const CLOSED: &str = "ExecutionStatus = 'Terminated' AND WorkflowType = 'none'";

/// How much of a scenario is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Operations that are measured.
    pub(super) operations: usize,
    /// What is there before, where the scenario reads it.
    pub(super) fill: usize,
}

/// What a scenario measured at the client.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples {
    /// Latencies of the operations.
    pub(super) latencies: Vec<Duration>,
    /// From the first operation to the last answer.
    pub(super) elapsed: Duration,
}

/// What has to be there before the measured part begins.
#[derive(Debug)]
pub(super) struct Prepared {
    worker: Option<Worker>,
    runs: Vec<String>,
}

/// Prepares a scenario: connections are opened, and what it works on is created.
pub(super) async fn prepare(scenario: Scenario, stage: &Stage, size: Size) -> Result<Prepared, Fault> {
    let mut client = Client::to(stage.way)?;
    let worker =
        if scenario.pollers() > 0 { Some(Worker::start(stage.way, scenario.pollers(), &stage.board)?) } else { None };
    if worker.is_some() {
        // Connections, queues and code paths are there before anything is measured.
        closed_loop(stage, &names("warm", WARM_UP), "none").await?;
    }
    let mut runs = Vec::new();
    match scenario {
        Scenario::Backlog => {
            runs = names("waiting", size.operations);
            each(stage, &runs, |mut client, name| async move { client.start(&name, "none").await }).await?;
        }
        Scenario::List | Scenario::ShortList => {
            runs = names("listed", size.fill);
            each(stage, &runs, |mut client, name| async move {
                client.start(&name, "none").await?;
                client.terminate(&name).await
            })
            .await?;
            expect_count(&mut client, CLOSED, runs.len()).await?;
        }
        Scenario::Queries | Scenario::QueryLatency | Scenario::UpdateLatency => {
            runs = names("asked", if scenario == Scenario::UpdateLatency { UPDATED } else { 1 });
            for name in &runs {
                let mut notes = stage.board.watch(name);
                client.start(name, "idle").await?;
                within(notes.recv()).await?.ok_or("the worker has gone")?;
            }
        }
        Scenario::OneRun => {
            runs.push("signalled".to_owned());
            client.start("signalled", "none").await?;
        }
        Scenario::LongHistory => {
            runs.push("long".to_owned());
            client.start("long", "none").await?;
            let signals = names("long", size.fill - 2);
            each(stage, &signals, |mut client, name| async move { client.signal("long", name).await }).await?;
        }
        Scenario::Parked => tokio::time::sleep(Duration::from_secs(1)).await,
        Scenario::NoOp
        | Scenario::OneActivity
        | Scenario::TenActivities
        | Scenario::Signals
        | Scenario::Timers
        | Scenario::StartOnly
        | Scenario::Latency
        | Scenario::ActivityLatency
        | Scenario::StartLatency
        | Scenario::BareLatency
        | Scenario::Memory => {
            client.count("").await?;
        }
    }
    Ok(Prepared { worker, runs })
}

/// Runs the measured part.
pub(super) async fn run(
    scenario: Scenario,
    stage: &Stage,
    prepared: &mut Prepared,
    size: Size,
) -> Result<Samples, Fault> {
    let alone = Stage { concurrency: 1, ..stage.clone() };
    let runs = names("run", size.operations);
    let started = Instant::now();
    let latencies = match scenario {
        Scenario::NoOp | Scenario::Memory => closed_loop(stage, &runs, "none").await?,
        Scenario::OneActivity => closed_loop(stage, &runs, "activities-1").await?,
        Scenario::TenActivities => closed_loop(stage, &runs, "activities-10").await?,
        Scenario::Latency => closed_loop(&alone, &runs, "none").await?,
        Scenario::ActivityLatency => closed_loop(&alone, &runs, "activities-1").await?,
        Scenario::Signals => signals(stage, size.operations).await?,
        Scenario::Timers => timers(stage, size.operations).await?,
        Scenario::Queries => queries(stage, prepared, size.operations).await?,
        Scenario::QueryLatency => queries(&alone, prepared, size.operations).await?,
        Scenario::UpdateLatency => updates(&alone, prepared, size.operations).await?,
        Scenario::StartOnly => starts(stage, size.operations).await?,
        Scenario::StartLatency => starts(&alone, size.operations).await?,
        Scenario::BareLatency => bare(&alone, size.operations).await?,
        Scenario::Backlog => drain(stage, prepared).await?,
        Scenario::OneRun => {
            let signals = names("signal", size.operations);
            each(stage, &signals, |mut client, name| async move { client.signal("signalled", name).await }).await?
        }
        Scenario::LongHistory => reads(&alone, size).await?,
        Scenario::Parked => {
            tokio::time::sleep(Duration::from_secs(size.operations as u64)).await;
            Vec::new()
        }
        Scenario::List | Scenario::ShortList => pages(stage, size.operations).await?,
    };
    let elapsed = started.elapsed();
    match stage.board.first_fault() {
        Some(fault) => Err(fault.into()),
        None => Ok(Samples { latencies, elapsed }),
    }
}

async fn queries(stage: &Stage, prepared: &Prepared, operations: usize) -> Result<Vec<Duration>, Fault> {
    let asked = vec![prepared.runs.first().cloned().unwrap_or_default(); operations];
    each(stage, &asked, |mut client, name| async move { client.query(&name).await }).await
}

async fn updates(stage: &Stage, prepared: &Prepared, operations: usize) -> Result<Vec<Duration>, Fault> {
    let updated: Vec<_> = prepared.runs.iter().cycle().take(operations).cloned().collect();
    each(stage, &updated, |mut client, name| async move { client.update(&name).await }).await
}

async fn starts(stage: &Stage, operations: usize) -> Result<Vec<Duration>, Fault> {
    let runs = names("started", operations);
    each(stage, &runs, |mut client, name| async move { client.start(&name, "none").await }).await
}

async fn bare(stage: &Stage, operations: usize) -> Result<Vec<Duration>, Fault> {
    let calls = vec![String::new(); operations];
    each(stage, &calls, |mut client, _| async move { client.system_info().await }).await
}

/// Reads the long history again and again.
async fn reads(stage: &Stage, size: Size) -> Result<Vec<Duration>, Fault> {
    let reads = vec![String::new(); size.operations];
    each(stage, &reads, move |mut client, _| async move {
        let events = client.history("long").await?;
        if events == size.fill { Ok(()) } else { Err(format!("{events} events, not {}", size.fill).into()) }
    })
    .await
}

/// Asks for the first page of the closed runs.
async fn pages(stage: &Stage, operations: usize) -> Result<Vec<Duration>, Fault> {
    let pages = vec![String::new(); operations];
    each(stage, &pages, |mut client, _| async move {
        let rows = client.list(CLOSED, PAGE).await?;
        if rows == PAGE as usize { Ok(()) } else { Err(format!("{rows} rows on a page of {PAGE}").into()) }
    })
    .await
}

/// Compares what the server lists with what was done.
pub(super) async fn check(scenario: Scenario, stage: &Stage, operations: usize) -> Result<(), Fault> {
    let mut client = Client::to(stage.way)?;
    let (status, kind, expected) = match scenario {
        Scenario::NoOp
        | Scenario::OneActivity
        | Scenario::TenActivities
        | Scenario::Latency
        | Scenario::ActivityLatency
        | Scenario::Memory => ("Completed", "run", operations),
        Scenario::Timers => ("Completed", "timed", operations),
        Scenario::Backlog => ("Completed", "waiting", operations),
        Scenario::Signals => ("Completed", "signalled", operations.div_ceil(SIGNALS)),
        Scenario::StartOnly | Scenario::StartLatency => ("Running", "started", operations),
        Scenario::Queries | Scenario::QueryLatency => ("Running", "asked", 1),
        Scenario::UpdateLatency => ("Running", "asked", UPDATED),
        Scenario::OneRun => ("Running", "signalled", 1),
        Scenario::LongHistory => ("Running", "long", 1),
        Scenario::BareLatency | Scenario::List | Scenario::ShortList | Scenario::Parked => return Ok(()),
    };
    let filter = format!("ExecutionStatus = '{status}' AND WorkflowId STARTS_WITH '{kind}'");
    expect_count(&mut client, &filter, expected).await
}

/// Starts runs and waits for the end of each before the next one follows.
async fn closed_loop(stage: &Stage, runs: &[String], kind: &'static str) -> Result<Vec<Duration>, Fault> {
    let board = Arc::clone(&stage.board);
    each(stage, runs, move |mut client, name| {
        let board = Arc::clone(&board);
        async move {
            let mut notes = board.watch(&name);
            client.start(&name, kind).await?;
            loop {
                let note = within(notes.recv()).await?.ok_or("the worker has gone")?;
                if note.closed {
                    return Ok(());
                }
            }
        }
    })
    .await
}

/// Each lane signals one run after the other, and waits for the task that each signal causes.
async fn signals(stage: &Stage, operations: usize) -> Result<Vec<Duration>, Fault> {
    let runs: Arc<[String]> = names("signalled", operations.div_ceil(SIGNALS)).into();
    let next = Arc::new(AtomicUsize::new(0));
    let mut lanes = JoinSet::new();
    for _ in 0..stage.concurrency.min(runs.len()) {
        let (mut client, board) = (Client::to(stage.way)?, Arc::clone(&stage.board));
        let (runs, next) = (Arc::clone(&runs), Arc::clone(&next));
        lanes.spawn(async move {
            let mut latencies = Vec::new();
            while let Some(name) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut notes = board.watch(name);
                client.start(name, &format!("signals-{SIGNALS}")).await?;
                within(notes.recv()).await?.ok_or("the worker has gone")?;
                for at in 0..SIGNALS {
                    let started = Instant::now();
                    client.signal(name, format!("{name}-{at}")).await?;
                    within(notes.recv()).await?.ok_or("the worker has gone")?;
                    latencies.push(started.elapsed());
                }
            }
            Ok::<_, Fault>(latencies)
        });
    }
    gather(lanes).await
}

/// All timers run at once. Their lateness counts from a second after the server has confirmed them.
async fn timers(stage: &Stage, operations: usize) -> Result<Vec<Duration>, Fault> {
    let client = Client::to(stage.way)?;
    let mut lanes = JoinSet::new();
    for name in names("timed", operations) {
        let (mut client, board) = (client.clone(), Arc::clone(&stage.board));
        lanes.spawn(async move {
            let mut notes = board.watch(&name);
            client.start(&name, "timer-1").await?;
            let set = within(notes.recv()).await?.ok_or("the worker has gone")?;
            let fired = within(notes.recv()).await?.ok_or("the worker has gone")?;
            let due = set.answered + Duration::from_secs(1);
            Ok::<_, Fault>(vec![fired.taken.saturating_duration_since(due)])
        });
    }
    gather(lanes).await
}

/// Lets a worker loose on the runs that wait. The latency of each counts from the worker's start.
async fn drain(stage: &Stage, prepared: &mut Prepared) -> Result<Vec<Duration>, Fault> {
    let mut watched: Vec<_> = prepared.runs.iter().map(|name| stage.board.watch(name)).collect();
    let started = Instant::now();
    prepared.worker = Some(Worker::start(stage.way, POLLERS, &stage.board)?);
    let mut latencies = Vec::new();
    for notes in &mut watched {
        let note = within(notes.recv()).await?.ok_or("the worker has gone")?;
        latencies.push(note.answered.saturating_duration_since(started));
    }
    Ok(latencies)
}
