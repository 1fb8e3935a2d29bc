//! The benchmark: the reference and the server under test, each in turn on the same machine under the same load, and
//! what each used for it. It compares; it does not judge: no result of it fails on time.

pub(crate) mod client;
mod disk;
mod figures;
mod goals;
mod growth;
mod lanes;
mod measure;
mod play;
mod reach;
mod scenario;
mod table;
pub(crate) mod worker;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::{Fault, catalog::Catalog, reference, server::Kind};
use measure::{Column, Setting};
use scenario::Scenario;

/// How to run it. Without `--reach`, `--growth` and what chooses scenarios it measures both.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server under test; `target/release/perdure` by default.
    #[arg(long)]
    perdure: Option<PathBuf>,
    /// The reference server; `.venv/bin/temporal` by default.
    #[arg(long)]
    reference: Option<PathBuf>,
    /// Set Perdure on a disk beside the reference, line by line of the goals.
    #[arg(long)]
    reach: bool,
    /// Measure how Perdure's cost grows with what it holds.
    #[arg(long)]
    growth: bool,
    /// Every scenario on both servers, in memory and durable.
    #[arg(long)]
    tables: bool,
    /// Such tables of only this server.
    #[arg(long, value_enum)]
    server: Option<Side>,
    /// Such tables of only these scenarios.
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    /// Such tables of servers that store only there.
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// How often each scenario is run; the medians are printed.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Operations under way at a time, where the scenario does not say.
    #[arg(long, default_value_t = 50)]
    concurrency: usize,
    /// Compare Perdure with itself: open, and with TLS and API keys. Both store durably.
    #[arg(long, conflicts_with_all = ["server", "mode", "reach", "growth"])]
    secured: bool,
    /// A few operations of each kind, to see that their results are right.
    #[arg(long)]
    smoke: bool,
    #[command(flatten)]
    sizes: growth::Sizes,
}

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    Reference,
    Perdure,
}

/// Where the servers store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Memory,
    Durable,
}

/// Runs the scenarios and prints the tables.
pub(crate) async fn run(options: Options) -> Result<(), Fault> {
    let catalog = Catalog::load()?;
    let runs = if options.smoke { 1 } else { options.runs.max(1) };
    let setting = Setting { catalog: &catalog, concurrency: options.concurrency, runs, smoke: options.smoke };
    let perdure = || reference::subject(options.perdure.clone());
    let tables = options.tables
        || options.secured
        || options.server.is_some()
        || options.mode.is_some()
        || !options.scenario.is_empty();
    let all = !(tables || options.reach || options.growth);
    if tables {
        side_by_side(&options, setting).await?;
    }
    if options.reach || all {
        let binary = reference::find(options.reference.clone())?;
        reach::run(&binary, &perdure()?, setting).await?;
    }
    if options.growth || all {
        growth::run(&perdure()?, options.sizes, setting).await?;
    }
    Ok(())
}

/// The two that are compared: the reference and Perdure, or Perdure open and secured.
fn pair(options: &Options) -> Result<[Option<(Kind, PathBuf)>; 2], Fault> {
    let subject = || reference::subject(options.perdure.clone());
    if options.secured {
        return Ok([Some((Kind::Perdure, subject()?)), Some((Kind::Secured, subject()?))]);
    }
    let left = match options.server {
        Some(Side::Perdure) => None,
        Some(Side::Reference) | None => Some((Kind::Reference, reference::find(options.reference.clone())?)),
    };
    let right = match options.server {
        Some(Side::Reference) => None,
        Some(Side::Perdure) | None => Some((Kind::Perdure, subject()?)),
    };
    Ok([left, right])
}

/// Every scenario on both servers, one table for each place where they store.
async fn side_by_side(options: &Options, setting: Setting<'_>) -> Result<(), Fault> {
    let pair = pair(options)?;
    let scenarios = if options.scenario.is_empty() { Scenario::ALL.to_vec() } else { options.scenario.clone() };
    let places = match options.mode {
        _ if options.secured => vec![true],
        Some(Mode::Memory) => vec![false],
        Some(Mode::Durable) => vec![true],
        None => vec![false, true],
    };
    for durable in places {
        let mut columns: Vec<Column> =
            pair.iter().flatten().map(|(kind, binary)| Column::new(*kind, binary, durable)).collect();
        let mut rows = Vec::new();
        for scenario in &scenarios {
            let mut taking_turns: Vec<&mut Column> = columns.iter_mut().collect();
            let mut medians = measure::medians(*scenario, &mut taking_turns, setting).await?.into_iter();
            let [reference, perdure] = pair.each_ref().map(|side| side.as_ref().and_then(|_| medians.next()));
            rows.push(table::Row { scenario: *scenario, reference, perdure });
        }
        let title = if durable { "Durable (`--db-filename`)" } else { "In memory" };
        print!("{}", table::markdown(title, durable, setting.runs, &rows));
        if options.secured {
            println!("Here the reference is Perdure without TLS and API keys, and Perdure the same with both.");
        }
    }
    Ok(())
}
