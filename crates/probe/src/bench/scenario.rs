//! The scenarios: what is done how often, and which moments are measured.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clap::ValueEnum;
use tokio::task::JoinSet;

use super::load::{Board, Client, Worker};
use crate::{Fault, server::Kind, wire::Way};

/// Pollers of each kind that the worker keeps open.
const POLLERS: usize = 16;
/// How long one wait within a scenario may take before the scenario has failed.
const PATIENCE: Duration = Duration::from_secs(90);
/// Signals that each run of that scenario gets.
const SIGNALS: usize = 20;
/// Runs that go before the measured ones.
const WARM_UP: usize = 20;
/// Events of the long history, and of its short form in a smoke run. The reference takes ten thousand signals in one run.
pub(super) const LONG_HISTORY: [usize; 2] = [10_000, 500];
/// Rows on a page of the list scenario.
const PAGE: i32 = 100;

/// One kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scenario {
    /// Runs that complete with their first Workflow Task.
    NoOp,
    /// Runs with one Activity.
    OneActivity,
    /// Runs with ten Activities, one after the other.
    TenActivities,
    /// Signals, each with the Workflow Task that it causes.
    Signals,
    /// Timers of one second that all run at once; the latency is their lateness.
    Timers,
    /// Queries to a run that does nothing else.
    Queries,
    /// Starts without a worker.
    StartOnly,
    /// A worker that comes when many runs wait.
    Backlog,
    /// Pages of a list over closed runs.
    List,
    /// No-op runs one at a time.
    Latency,
    /// Runs with one Activity, one at a time.
    ActivityLatency,
    /// Starts without a worker, one at a time.
    StartLatency,
    /// Signals to one run that nobody works on.
    OneRun,
    /// A history of ten thousand events, read from its first to its last page.
    LongHistory,
    /// Seconds in which many pollers wait and nothing happens.
    Parked,
}

impl Scenario {
    /// In the order in which they are run and printed.
    pub(super) const ALL: [Scenario; 15] = [
        Scenario::NoOp,
        Scenario::OneActivity,
        Scenario::TenActivities,
        Scenario::Signals,
        Scenario::Timers,
        Scenario::Queries,
        Scenario::StartOnly,
        Scenario::Backlog,
        Scenario::List,
        Scenario::Latency,
        Scenario::ActivityLatency,
        Scenario::StartLatency,
        Scenario::OneRun,
        Scenario::LongHistory,
        Scenario::Parked,
    ];

    /// Its name and unit in the table.
    pub(super) fn title(self) -> &'static str {
        match self {
            Scenario::NoOp => "no-op workflow",
            Scenario::OneActivity => "one activity",
            Scenario::TenActivities => "ten sequential activities",
            Scenario::Signals => "signal with its task",
            Scenario::Timers => "one-second timer (latency = lateness)",
            Scenario::Queries => "query",
            Scenario::StartOnly => "start only",
            Scenario::Backlog => "backlog drain",
            Scenario::List => "list a page of 100",
            Scenario::Latency => "no-op workflow, one at a time",
            Scenario::ActivityLatency => "one activity, one at a time",
            Scenario::StartLatency => "start only, one at a time",
            Scenario::OneRun => "signals to one run",
            Scenario::LongHistory => "read a history of 10,000 events",
            Scenario::Parked => "a second with 200 parked pollers",
        }
    }

    /// Pollers of each kind that the worker keeps open; none where there is no worker.
    fn pollers(self) -> usize {
        match self {
            Scenario::StartOnly
            | Scenario::StartLatency
            | Scenario::Backlog
            | Scenario::List
            | Scenario::OneRun
            | Scenario::LongHistory => 0,
            Scenario::Parked => 100,
            Scenario::NoOp
            | Scenario::OneActivity
            | Scenario::TenActivities
            | Scenario::Signals
            | Scenario::Timers
            | Scenario::Queries
            | Scenario::Latency
            | Scenario::ActivityLatency => POLLERS,
        }
    }

    /// How many operations are measured: as many as the clock of the kernel needs, whose ticks are 10 ms, so more of
    /// them on the server that does them in less time.
    pub(super) fn operations(self, kind: Kind, smoke: bool) -> usize {
        if smoke {
            return if self == Scenario::Parked { 1 } else { 20 };
        }
        let (few, factor) = match self {
            Scenario::NoOp | Scenario::StartOnly | Scenario::Backlog | Scenario::Queries => (2_000, 10),
            Scenario::OneActivity | Scenario::Signals => (1_000, 10),
            Scenario::TenActivities | Scenario::Latency | Scenario::ActivityLatency => (200, 10),
            Scenario::StartLatency => (500, 4),
            Scenario::OneRun => (2_000, 4),
            Scenario::LongHistory => (10, 10),
            Scenario::Parked => (20, 1),
            Scenario::Timers => (400, 1),
            Scenario::List => (300, 10),
        };
        match kind {
            Kind::Reference => few,
            Kind::Perdure | Kind::Secured => few * factor,
        }
    }
}

/// What a scenario measured at the client.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples {
    /// Latencies of the operations.
    pub(super) latencies: Vec<Duration>,
    /// From the first operation to the last answer.
    pub(super) elapsed: Duration,
}

/// A server under load.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) port: Way,
    pub(super) concurrency: usize,
    pub(super) board: Arc<Board>,
    /// Events of the long history.
    pub(super) long: usize,
}

/// What has to be there before the measured part begins.
#[derive(Debug)]
pub(super) struct Prepared {
    worker: Option<Worker>,
    runs: Vec<String>,
}

/// Prepares a scenario: connections are opened, and what it works on is created.
pub(super) async fn prepare(scenario: Scenario, stage: &Stage, operations: usize) -> Result<Prepared, Fault> {
    let mut client = Client::to(stage.port)?;
    let worker =
        if scenario.pollers() > 0 { Some(Worker::start(stage.port, scenario.pollers(), &stage.board)?) } else { None };
    if worker.is_some() {
        // Connections, queues and code paths are there before anything is measured.
        closed_loop(stage, &names("warm", WARM_UP), "none").await?;
    }
    let mut runs = Vec::new();
    match scenario {
        Scenario::Backlog => {
            runs = names("waiting", operations);
            each(stage, &runs, |mut client, name| async move { client.start(&name, "none").await }).await?;
        }
        Scenario::List => {
            runs = names("listed", if operations < 50 { 150 } else { 2_000 });
            each(stage, &runs, |mut client, name| async move {
                client.start(&name, "none").await?;
                client.terminate(&name).await
            })
            .await?;
            expect_count(&mut client, "ExecutionStatus = 'Terminated'", runs.len()).await?;
        }
        Scenario::Queries => {
            let name = "asked".to_owned();
            let mut notes = stage.board.watch(&name);
            client.start(&name, "idle").await?;
            within(notes.recv()).await?.ok_or("the worker has gone")?;
            runs.push(name);
        }
        Scenario::OneRun => {
            runs.push("signalled".to_owned());
            client.start("signalled", "none").await?;
        }
        Scenario::LongHistory => {
            runs.push("long".to_owned());
            client.start("long", "none").await?;
            let signals = names("long", stage.long - 2);
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
        | Scenario::StartLatency => {
            client.count("").await?;
        }
    }
    Ok(Prepared { worker, runs })
}

/// Runs the measured part, and checks its result.
pub(super) async fn run(
    scenario: Scenario,
    stage: &Stage,
    prepared: &mut Prepared,
    operations: usize,
) -> Result<Samples, Fault> {
    let started = Instant::now();
    let alone = Stage { concurrency: 1, ..stage.clone() };
    let latencies = match scenario {
        Scenario::NoOp => closed_loop(stage, &names("run", operations), "none").await?,
        Scenario::OneActivity => closed_loop(stage, &names("run", operations), "activities-1").await?,
        Scenario::TenActivities => closed_loop(stage, &names("run", operations), "activities-10").await?,
        Scenario::Latency => closed_loop(&alone, &names("run", operations), "none").await?,
        Scenario::ActivityLatency => closed_loop(&alone, &names("run", operations), "activities-1").await?,
        Scenario::Signals => signals(stage, operations).await?,
        Scenario::Timers => timers(stage, operations).await?,
        Scenario::Queries => {
            let asked = vec![prepared.runs.first().cloned().unwrap_or_default(); operations];
            each(stage, &asked, |mut client, name| async move { client.query(&name).await }).await?
        }
        Scenario::StartOnly | Scenario::StartLatency => {
            let runs = names("started", operations);
            let stage = if scenario == Scenario::StartOnly { stage } else { &alone };
            each(stage, &runs, |mut client, name| async move { client.start(&name, "none").await }).await?
        }
        Scenario::Backlog => drain(stage, prepared).await?,
        Scenario::OneRun => {
            let signals = names("signal", operations);
            each(stage, &signals, |mut client, name| async move { client.signal("signalled", name).await }).await?
        }
        Scenario::LongHistory => {
            let reads = vec![String::new(); operations];
            let long = stage.long;
            each(&alone, &reads, move |mut client, _| async move {
                let events = client.history("long").await?;
                if events == long { Ok(()) } else { Err(format!("{events} events, not {long}").into()) }
            })
            .await?
        }
        Scenario::Parked => {
            tokio::time::sleep(Duration::from_secs(operations as u64)).await;
            Vec::new()
        }
        Scenario::List => {
            let pages = vec![String::new(); operations];
            each(stage, &pages, |mut client, _| async move {
                let filter = "ExecutionStatus = 'Terminated' AND WorkflowType = 'none'";
                let rows = client.list(filter, PAGE).await?;
                if rows == PAGE as usize { Ok(()) } else { Err(format!("{rows} rows on a page of {PAGE}").into()) }
            })
            .await?
        }
    };
    let elapsed = started.elapsed();
    if let Some(fault) = stage.board.first_fault() {
        return Err(fault.into());
    }
    check(scenario, stage, operations).await?;
    Ok(Samples { latencies, elapsed })
}

/// Compares what the server lists with what was done.
async fn check(scenario: Scenario, stage: &Stage, operations: usize) -> Result<(), Fault> {
    let mut client = Client::to(stage.port)?;
    let (status, kind, expected) = match scenario {
        Scenario::NoOp
        | Scenario::OneActivity
        | Scenario::TenActivities
        | Scenario::Latency
        | Scenario::ActivityLatency => ("Completed", "run", operations),
        Scenario::Timers => ("Completed", "timed", operations),
        Scenario::Backlog => ("Completed", "waiting", operations),
        Scenario::Signals => ("Completed", "signalled", operations.div_ceil(SIGNALS)),
        Scenario::StartOnly | Scenario::StartLatency => ("Running", "started", operations),
        Scenario::Queries => ("Running", "asked", 1),
        Scenario::OneRun => ("Running", "signalled", 1),
        Scenario::LongHistory => ("Running", "long", 1),
        Scenario::List | Scenario::Parked => return Ok(()),
    };
    let filter = format!("ExecutionStatus = '{status}' AND WorkflowId STARTS_WITH '{kind}'");
    expect_count(&mut client, &filter, expected).await
}

/// Waits until so many runs are listed: the reference lists with a delay.
async fn expect_count(client: &mut Client, filter: &str, expected: usize) -> Result<(), Fault> {
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

fn names(kind: &str, number: usize) -> Vec<String> {
    (0..number).map(|at| format!("{kind}-{at}")).collect()
}

async fn within<T>(wait: impl Future<Output = T>) -> Result<T, Fault> {
    Ok(tokio::time::timeout(PATIENCE, wait).await.map_err(|_| "nothing came for ninety seconds")?)
}

/// Does something once for each name, as many at a time as the stage allows; the latency of each.
async fn each<F, W>(stage: &Stage, names: &[String], action: F) -> Result<Vec<Duration>, Fault>
where
    F: Fn(Client, String) -> W + Clone + Send + 'static,
    W: Future<Output = Result<(), Fault>> + Send,
{
    let client = Client::to(stage.port)?;
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

async fn gather(mut lanes: JoinSet<Result<Vec<Duration>, Fault>>) -> Result<Vec<Duration>, Fault> {
    let mut latencies = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        latencies.extend(lane??);
    }
    Ok(latencies)
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
        let (mut client, board) = (Client::to(stage.port)?, Arc::clone(&stage.board));
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
    let client = Client::to(stage.port)?;
    let mut lanes = JoinSet::new();
    for name in names("timed", operations) {
        let (mut client, board) = (client.clone(), Arc::clone(&stage.board));
        lanes.spawn(async move {
            let mut notes = board.watch(&name);
            client.start(&name, "timer").await?;
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
    prepared.worker = Some(Worker::start(stage.port, POLLERS, &stage.board)?);
    let mut latencies = Vec::new();
    for notes in &mut watched {
        let note = within(notes.recv()).await?.ok_or("the worker has gone")?;
        latencies.push(note.answered.saturating_duration_since(started));
    }
    Ok(latencies)
}
