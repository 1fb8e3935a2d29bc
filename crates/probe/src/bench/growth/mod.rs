//! How Perdure's cost grows: with the length of one run, the number of open runs and their timers, the tasks that wait,
//! the number of task queues, and the runs that lists search. It runs Perdure alone, always with its state in a file.

mod backlog;
mod lists;
mod one_run;
mod open_runs;
mod queues;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;

use super::{
    figures,
    lanes::Stage,
    measure::{Column, Folder, Setting},
};
use crate::{
    Fault,
    server::{Kind, Server, Usage},
};

/// How often memory is looked at while something goes on.
const LOOK: Duration = Duration::from_millis(250);

/// How far it grows.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Sizes {
    /// Events of the one long run; 51,200 is where the server ends it.
    #[arg(long, default_value_t = 50_000)]
    events: i64,
    /// Open workflows with a timer each, in one file.
    #[arg(long, default_value_t = 1_000_000)]
    open_runs: usize,
    /// Tasks that wait for a worker.
    #[arg(long, default_value_t = 1_000_000)]
    backlog: usize,
    /// Task queues with a few tasks each.
    #[arg(long, default_value_t = 10_000)]
    queues: usize,
    /// Runs that are listed, each with a memo: a million with 10,000 bytes take 13 GB of disk.
    #[arg(long, default_value_t = 100_000)]
    listed_runs: usize,
    /// Bytes of each memo.
    #[arg(long, default_value_t = 10_000)]
    memo_bytes: usize,
    /// Only the lists.
    #[arg(long)]
    lists: bool,
}

impl Sizes {
    /// A size that takes seconds.
    fn tiny() -> Sizes {
        Sizes { events: 200, open_runs: 200, backlog: 300, queues: 20, listed_runs: 300, memo_bytes: 100, lists: false }
    }
}

/// Measures all of it, and prints a table for each.
pub(super) async fn run(perdure: &Path, options: Sizes, setting: Setting<'_>) -> Result<(), Fault> {
    let perdure = &Column::new(Kind::Perdure, perdure, true);
    let options = if setting.smoke { Sizes::tiny() } else { options };
    let ground = Ground { perdure, setting };
    println!("\n### How cost grows, Perdure durable");
    let named = |what: &'static str| move |fault: Fault| -> Fault { format!("{what}: {fault}").into() };
    let lists = lists::run(ground, options.listed_runs, options.memo_bytes);
    if options.lists {
        return lists.await.map_err(named("lists"));
    }
    one_run::run(ground, options.events).await.map_err(named("one long run"))?;
    open_runs::run(ground, options.open_runs).await.map_err(named("open runs with timers"))?;
    backlog::run(ground, options.backlog).await.map_err(named("backlog"))?;
    queues::run(ground, options.queues).await.map_err(named("task queues"))?;
    lists.await.map_err(named("lists"))
}

/// What every measurement here starts from.
#[derive(Debug, Clone, Copy)]
struct Ground<'a> {
    perdure: &'a Column,
    setting: Setting<'a>,
}

impl Ground<'_> {
    async fn server(&self, folder: &Folder) -> Result<Server, Fault> {
        Server::start(&self.perdure.launch(&folder.0), self.setting.catalog).await
    }

    fn stage(&self, server: &Server) -> Stage {
        Stage { way: server.way, concurrency: self.setting.concurrency, board: Arc::default() }
    }
}

/// Parts of one measurement, so that one sees whether the last of very many cost what the first did.
const QUARTERS: usize = 4;

/// How many of so many are done with the end of each quarter.
fn quarters(operations: usize) -> [usize; QUARTERS] {
    std::array::from_fn(|at| operations * (at + 1) / QUARTERS)
}

/// The costs of the quarters as one.
fn together(quarters: &[Cost]) -> Cost {
    let last = |figure: fn(&Cost) -> f64| quarters.last().map_or(0.0, figure);
    Cost {
        elapsed: quarters.iter().map(|cost| cost.elapsed).sum(),
        cpu: quarters.iter().map(|cost| cost.cpu).sum(),
        resident_mib: last(|cost| cost.resident_mib),
        peak_mib: quarters.iter().map(|cost| cost.peak_mib).fold(0.0, f64::max),
    }
}

/// A figure of each quarter, in one cell.
fn told(quarters: &[Cost], figure: impl Fn(&Cost) -> f64) -> String {
    let figures: Vec<String> = quarters.iter().map(|cost| format!("{:.0}", figure(cost))).collect();
    figures.join(", ")
}

/// What something took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    elapsed: Duration,
    /// Processor time of the server, in seconds.
    cpu: f64,
    /// Resident memory at its end, in MiB.
    resident_mib: f64,
    /// Most resident memory on the way, in MiB.
    peak_mib: f64,
}

impl Cost {
    /// Processor time for one of so many, in microseconds.
    fn cpu_us(&self, operations: usize) -> f64 {
        self.cpu * 1e6 / operations.max(1) as f64
    }

    /// How many of so many in a second.
    fn per_second(&self, operations: usize) -> f64 {
        operations as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }
}

fn mib(usage: Usage) -> f64 {
    usage.resident as f64 / (1 << 20) as f64
}

/// Does something and watches what the server uses meanwhile.
async fn watched<T>(server: &Server, work: impl Future<Output = Result<T, Fault>>) -> Result<(T, Cost), Fault> {
    let before = server.usage()?;
    let started = Instant::now();
    let mut peak_mib = mib(before);
    let mut work = std::pin::pin!(work);
    let mut looks = tokio::time::interval(LOOK);
    let done = loop {
        tokio::select! {
            done = &mut work => break done?,
            _ = looks.tick() => peak_mib = peak_mib.max(mib(server.usage()?)),
        }
    };
    let elapsed = started.elapsed();
    let after = server.usage()?;
    let resident_mib = mib(after);
    Ok((done, Cost { elapsed, cpu: after.cpu - before.cpu, resident_mib, peak_mib: peak_mib.max(resident_mib) }))
}

/// The size of the server's files now, in MiB; its log may not be folded back.
fn files_mib(folder: &Folder) -> Result<f64, Fault> {
    Ok(figures::bytes_in(&folder.0)? as f64 / (1 << 20) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_add_up_to_the_whole() {
        assert_eq!(quarters(10), [2, 5, 7, 10]);
        let cost = |cpu, peak_mib| Cost { elapsed: Duration::from_secs(1), cpu, resident_mib: cpu, peak_mib };
        let parts = [cost(1.0, 9.0), cost(2.0, 8.0)];
        let all = together(&parts);
        assert_eq!((all.elapsed.as_secs(), all.cpu, all.resident_mib, all.peak_mib), (2, 3.0, 2.0, 9.0));
        assert_eq!(told(&parts, |cost| cost.cpu), "1, 2");
    }
}
