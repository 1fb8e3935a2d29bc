//! The benchmark: the reference and the server under test, each in turn on the same machine under the same load, and
//! what each used for it. It compares; it does not judge: no result of it fails on time.

mod figures;
mod load;
mod scenario;
mod table;

use std::{fs, path::PathBuf, sync::Arc};

use clap::{Args, ValueEnum};

use crate::{
    Fault,
    catalog::Catalog,
    reference,
    server::{Kind, Launch, Server},
};
use figures::Figures;
use scenario::{Scenario, Stage};

/// How to run it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server under test; `target/release/perdure` by default.
    #[arg(long)]
    perdure: Option<PathBuf>,
    /// The reference server; `.venv/bin/temporal` by default.
    #[arg(long)]
    reference: Option<PathBuf>,
    /// Measure only this server.
    #[arg(long, value_enum)]
    server: Option<Side>,
    /// Measure only these scenarios.
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    /// Where the servers store.
    #[arg(long, value_enum, default_value_t = Mode::Both)]
    mode: Mode,
    /// How often each scenario is run; the medians are printed.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Operations under way at a time, where the scenario does not say.
    #[arg(long, default_value_t = 50)]
    concurrency: usize,
    /// Compare Perdure with itself: open, and with TLS and API keys. Both store durably.
    #[arg(long, conflicts_with_all = ["server", "mode"])]
    secured: bool,
    /// A few operations of each kind, to see that their results are right.
    #[arg(long)]
    smoke: bool,
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
    Both,
}

/// Runs the scenarios and prints the tables.
pub(crate) async fn run(options: Options) -> Result<(), Fault> {
    let catalog = Catalog::load()?;
    let mut servers = Vec::new();
    if options.secured {
        servers.push((Kind::Secured, reference::subject(options.perdure.clone())?));
    } else if options.server != Some(Side::Perdure) {
        servers.push((Kind::Reference, reference::find(options.reference.clone())?));
    }
    if options.server != Some(Side::Reference) {
        servers.push((Kind::Perdure, reference::subject(options.perdure.clone())?));
    }
    let scenarios = if options.scenario.is_empty() { Scenario::ALL.to_vec() } else { options.scenario.clone() };
    let modes = match options.mode {
        _ if options.secured => vec![true],
        Mode::Memory => vec![false],
        Mode::Durable => vec![true],
        Mode::Both => vec![false, true],
    };
    let runs = if options.smoke { 1 } else { options.runs.max(1) };
    let mut in_memory = Vec::new();
    for durable in modes {
        let mut rows = Vec::new();
        for scenario in &scenarios {
            let mut row = table::Row { scenario: *scenario, reference: None, perdure: None };
            for (kind, binary) in &servers {
                let mut measured = Vec::new();
                for _ in 0..runs {
                    let launch = Launch { kind: *kind, binary: binary.clone(), database: None, arguments: Vec::new() };
                    measured.push(
                        measure(*scenario, launch, durable, &options, &catalog)
                            .await
                            .map_err(|fault| format!("{} on {kind:?}: {fault}", scenario.title()))?,
                    );
                }
                let figures = Figures::median(&measured);
                eprintln!("{kind:?} {}: {figures:?}", scenario.title());
                match kind {
                    Kind::Perdure if options.secured => row.reference = Some(figures),
                    Kind::Reference => row.reference = Some(figures),
                    Kind::Perdure | Kind::Secured => row.perdure = Some(figures),
                }
            }
            rows.push(row);
        }
        let title = if durable { "durable (`--db-filename`)" } else { "in memory" };
        print!("{}", table::markdown(title, durable, runs, &rows));
        if options.secured {
            println!("Here the reference is Perdure without TLS and API keys, and Perdure the same with both.");
        }
        if durable && !in_memory.is_empty() {
            let across = table::across(&in_memory, &rows);
            print!("{}", table::markdown("the reference in memory, Perdure durable", false, runs, &across));
        }
        if !durable {
            in_memory = rows;
        }
    }
    Ok(())
}

/// Runs one scenario once, on a fresh server.
async fn measure(
    scenario: Scenario,
    mut launch: Launch,
    durable: bool,
    options: &Options,
    catalog: &Catalog,
) -> Result<Figures, Fault> {
    let folder = Folder::new()?;
    let mut empty = 0;
    if durable {
        launch.database = Some(folder.0.join("bench.db"));
        if launch.kind != Kind::Secured {
            Server::start(&launch, catalog).await?.stop().await?;
            empty = figures::bytes_in(&folder.0)?;
        }
    }
    let server = Server::start(&launch, catalog).await?;
    let long = scenario::LONG_HISTORY[usize::from(options.smoke)];
    let stage = Stage { port: server.way, concurrency: options.concurrency, board: Arc::default(), long };
    let operations = scenario.operations(launch.kind, options.smoke);
    let mut prepared = scenario::prepare(scenario, &stage, operations).await?;
    let before = server.usage()?;
    let samples = scenario::run(scenario, &stage, &mut prepared, operations).await?;
    let after = server.usage()?;
    drop(prepared);
    // Only a server that has stopped has folded its log back into its file.
    server.stop().await?;
    let disk = figures::bytes_in(&folder.0)?.saturating_sub(empty);
    Ok(Figures::of(operations, &samples, before, after, disk))
}

/// A folder for one server's files, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Fault> {
        let path = std::env::temp_dir().join(format!("perdure-bench-{}", std::process::id()));
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the temporary folder of the machine.
        let _ = fs::remove_dir_all(&self.0);
    }
}
