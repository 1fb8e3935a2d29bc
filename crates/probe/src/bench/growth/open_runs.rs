//! Very many open runs with a timer each in one file: how long the server takes until it serves them again, what memory
//! they take, and whether timers fire on time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::mpsc::UnboundedReceiver, task::JoinSet};

use super::{Cost, Ground, QUARTERS, files_mib, mib, quarters, together, told, watched};
use crate::{
    Fault,
    bench::{
        client::Client,
        figures::quantile,
        lanes::{Stage, answered, each, expect_count, gather, names, within},
        measure::Folder,
        worker::{Note, POLLERS, Worker},
    },
    server::Server,
};

/// Runs by which the clients may be ahead of the worker: a backlog is another measurement.
const AHEAD: usize = 200;
/// The timers that are not waited for end after a day.
const FAR: &str = "timer-86400";

/// The timers that are waited for: how many, when the first ends after it was set, and over how many seconds they are
/// spread.
#[derive(Debug, Clone, Copy)]
struct Due {
    timers: usize,
    first: usize,
    spread: usize,
}

/// What was measured.
struct Outcome {
    /// By quarter.
    opened: Vec<Cost>,
    file_mib: f64,
    stop: Duration,
    ready: Duration,
    /// Resident memory: as soon as it was ready, and when all timers had fired.
    resident_mib: [f64; 2],
    /// Processor time of the new server until it was ready, in seconds.
    cpu: f64,
    /// Sorted.
    lateness: Vec<Duration>,
}

pub(super) async fn run(ground: Ground<'_>, runs: usize) -> Result<(), Fault> {
    let due = if ground.setting.smoke {
        Due { timers: 20, first: 3, spread: 2 }
    } else {
        Due { timers: 3_000, first: 25, spread: 30 }
    };
    let folder = Folder::new()?;
    let server = ground.server(&folder).await?;
    let stage = ground.stage(&server);
    let worker = Worker::start(stage.way, POLLERS, &stage.board)?;
    let opened = open(&server, &stage, runs).await?;
    let file_mib = files_mib(&folder)?;
    let waits = set(&stage, due).await?;
    drop(worker);
    let (server, stop, ready, cpu) = restart(ground, &folder, server).await?;
    let resident_at_once = mib(server.usage()?);
    let stage = Stage { way: server.way, ..stage };
    let worker = Worker::start(stage.way, POLLERS, &stage.board)?;
    let lateness = fire(waits).await?;
    drop(worker);
    let mut client = Client::to(stage.way)?;
    expect_count(&mut client, "ExecutionStatus = 'Completed'", due.timers).await?;
    // The one that was started to see that the server is ready is open as well.
    expect_count(&mut client, "ExecutionStatus = 'Running'", runs + 1).await?;
    let resident_mib = [resident_at_once, mib(server.usage()?)];
    report(runs, due, &Outcome { opened, file_mib, stop, ready, resident_mib, cpu, lateness });
    server.stop().await
}

/// Starts the runs quarter by quarter, and waits until each has its timer.
async fn open(server: &Server, stage: &Stage, runs: usize) -> Result<Vec<Cost>, Fault> {
    let runs = names("open", runs);
    let (mut from, mut costs) = (0, Vec::new());
    for to in quarters(runs.len()) {
        let some = runs.get(from..to).unwrap_or_default();
        let opening = async {
            let (board, started) = (Arc::clone(&stage.board), Arc::new(AtomicUsize::new(from)));
            each(stage, some, move |mut client, name| {
                let (board, number) = (Arc::clone(&board), started.fetch_add(1, Ordering::Relaxed));
                async move {
                    answered(&board, number.saturating_sub(AHEAD)).await?;
                    client.start(&name, FAR).await
                }
            })
            .await?;
            answered(&stage.board, to).await
        };
        let ((), cost) = watched(server, opening).await?;
        eprintln!("{to} open runs: {cost:?}");
        costs.push(cost);
        from = to;
    }
    Ok(costs)
}

/// A timer that is waited for: what the worker tells of its run, and when it has to fire.
type Wait = (UnboundedReceiver<Note>, Instant);

/// Starts the runs whose timers end after the restart.
async fn set(stage: &Stage, due: Due) -> Result<Vec<Wait>, Fault> {
    let client = Client::to(stage.way)?;
    let mut lanes = JoinSet::new();
    for at in 0..due.timers {
        let (mut client, board) = (client.clone(), Arc::clone(&stage.board));
        lanes.spawn(async move {
            let (name, seconds) = (format!("due-{at}"), due.first + at % due.spread.max(1));
            let mut notes = board.watch(&name);
            client.start(&name, &format!("timer-{seconds}")).await?;
            let set = within(notes.recv()).await?.ok_or("the worker has gone")?;
            Ok::<_, Fault>((notes, set.answered + Duration::from_secs(seconds as u64)))
        });
    }
    let mut waits = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        waits.push(lane??);
    }
    Ok(waits)
}

/// Stops the server and starts it again on its file: how long it took to stop, how long until it had started a run, and
/// the processor time of that.
async fn restart(
    ground: Ground<'_>,
    folder: &Folder,
    server: Server,
) -> Result<(Server, Duration, Duration, f64), Fault> {
    let stopping = Instant::now();
    server.stop().await?;
    let stop = stopping.elapsed();
    let starting = Instant::now();
    let server = ground.server(folder).await?;
    // Nobody polls this queue.
    Client::to(server.way)?.start_on("ready", "ready", "idle").await?;
    let ready = starting.elapsed();
    let cpu = server.usage()?.cpu;
    Ok((server, stop, ready, cpu))
}

/// How late each timer fired, sorted.
async fn fire(waits: Vec<Wait>) -> Result<Vec<Duration>, Fault> {
    let mut lanes = JoinSet::new();
    for (mut notes, due) in waits {
        lanes.spawn(async move {
            let fired = within(notes.recv()).await?.ok_or("the worker has gone")?;
            Ok::<_, Fault>(vec![fired.taken.saturating_duration_since(due)])
        });
    }
    let mut lateness = gather(lanes).await?;
    lateness.sort();
    Ok(lateness)
}

fn report(runs: usize, due: Due, outcome: &Outcome) {
    let Outcome { opened, file_mib, stop, ready, resident_mib: [at_once, at_end], cpu, lateness } = outcome;
    let Due { timers, first, spread } = due;
    println!("\n{runs} open workflows with a timer each in one file of {file_mib:.0} MiB:\n");
    println!("| what | figure |\n|---|---|");
    let (all, quarter) = (together(opened), runs / QUARTERS);
    println!(
        "| start with its first task and timer: CPU by quarter | {} µs |",
        told(opened, |cost| cost.cpu_us(quarter))
    );
    println!("| the same in a second | {:.0} |", all.per_second(runs));
    println!("| resident memory at the end of each quarter | {} MiB |", told(opened, |cost| cost.resident_mib));
    println!("| stop | {:.2} s |", stop.as_secs_f64());
    println!("| restart until a run is started (goal: ≤ 3 s) | {:.2} s, {cpu:.2} s of CPU |", ready.as_secs_f64());
    println!("| resident memory at once, and after the timers | {at_once:.0} MiB, {at_end:.0} MiB |");
    let late = |share| quantile(lateness, share);
    println!(
        "| lateness of {timers} timers over {spread} s, set {first} s before the first: p50, p99, most | {:.1} ms, {:.1} ms, {:.1} ms |",
        late(0.5),
        late(0.99),
        late(1.0)
    );
}
