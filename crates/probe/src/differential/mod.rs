//! The differential run: random programs of RPCs against the server under test and the reference server in lockstep.
//! It compares replies, codes, texts, error details, histories and lists, and it ends only when every implemented RPC
//! has succeeded and each of its declared failures has occurred. Timing and throughput are not its business.

mod kept;
mod ledger;
mod names;
mod normal;
pub(crate) mod pair;
mod program;
mod refusals;
mod report;
mod restarts;

use std::{path::PathBuf, sync::Arc, time::Instant};

use clap::Args;
use tokio::task::JoinSet;

use crate::{
    Fault,
    catalog::Catalog,
    reference,
    seed::Seed,
    server::{Kind, Launch, Server},
    wire::Wire,
};
pub(crate) use ledger::IMPLEMENTED;
use ledger::Ledger;
use pair::{Manner, Pair, Stop};
use program::{Program, content::SEARCH_ATTRIBUTES};

/// Every so many programs one sweeps over declared refusals, and one over bad commands, until all have occurred.
const SWEEP_EVERY: u64 = 12;
/// Programs beyond the number asked for that may be spent on what is still missing.
const EXTRA: u64 = 400;
/// Differences after which a run gives up.
const ENOUGH: usize = 10;
/// Programs that differed among others, after which these are run again by themselves before any more.
const SUSPECTS: usize = 10;

/// How to run it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server under test; `target/release/perdure` by default.
    #[arg(long)]
    perdure: Option<PathBuf>,
    /// The reference server; `.venv/bin/temporal` by default.
    #[arg(long)]
    reference: Option<PathBuf>,
    /// Put the reference on both sides: whatever differs then is a fault of this tool.
    #[arg(long)]
    itself: bool,
    /// Go on behind differences, and print them by kind with their first example.
    #[arg(long)]
    survey: bool,
    /// Run exactly so many programs, and do not ask for every declared outcome.
    #[arg(long)]
    partial: bool,
    /// How many programs to run, at least.
    #[arg(long, default_value_t = 100)]
    programs: u64,
    /// What the programs are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run only the program of this number, and print all its calls.
    #[arg(long)]
    program: Option<u64>,
    /// How many programs go on across restarts of both servers, after all others.
    #[arg(long, default_value_t = 0)]
    restarted: u64,
    /// Run only the program of this number of those that go on across restarts, and print all its calls.
    #[arg(long)]
    restarted_program: Option<u64>,
    /// Provoke and require only what is declared for this RPC.
    #[arg(long)]
    only: Option<String>,
    /// How many programs run at a time.
    #[arg(long, default_value_t = 24)]
    concurrency: usize,
}

/// What all programs of a run share.
#[derive(Debug)]
struct Stage {
    catalog: Arc<Catalog>,
    ledger: Arc<Ledger>,
    /// Where the two servers listen.
    ports: [u16; 2],
    manner: Manner,
    seed: u64,
    only: Option<String>,
}

/// Starts both servers, runs the programs, and prints what was reached.
pub(crate) async fn run(options: Options) -> Result<(), Fault> {
    let catalog = Arc::new(Catalog::load()?);
    let reference = launch(Kind::Reference, reference::find(options.reference.clone())?);
    let subject = if options.itself {
        reference.clone()
    } else {
        launch(Kind::Perdure, reference::subject(options.perdure.clone())?)
    };
    let left = Server::start(&reference, &catalog).await?;
    let right = Server::start(&subject, &catalog).await?;
    let stage = Arc::new(Stage {
        ports: [left.port, right.port],
        manner: Manner { mirrored: options.itself, survey: options.survey },
        ledger: Arc::new(Ledger::default()),
        catalog,
        seed: options.seed,
        only: options.only.clone(),
    });
    let started = Instant::now();
    if let Some(number) = options.program {
        let (program, outcome) = one(&stage, number, "").await?;
        report::transcript(&program);
        return outcome.map_err(|stop| report::stop(&options.name(number), &program, &stop).into());
    }
    let mut outcome =
        if options.restarted_program.is_some() { Outcome::default() } else { many(&stage, &options).await? };
    restarts::run(&stage, [reference, subject], &options, &mut outcome).await?;
    stage.ledger.print(options.only.as_deref());
    let missing = if options.partial { Vec::new() } else { stage.ledger.missing(options.only.as_deref()) };
    if options.survey {
        stage.ledger.print_differences();
    }
    print!("{}", report::end(&outcome, &missing));
    println!(
        "\n{} programs and {} across restarts in {:.0} s, seed {}",
        outcome.programs,
        outcome.restarted,
        started.elapsed().as_secs_f64(),
        options.seed
    );
    println!(
        "{} with a difference, {} that agreed when run again alone, {} left undecided by the reference, {} declared \
         outcomes not reached",
        outcome.differing.len(),
        outcome.crowded.len(),
        outcome.undecided,
        missing.len()
    );
    if outcome.differing.is_empty() && missing.is_empty() { Ok(()) } else { Err("the differential run failed".into()) }
}

/// How the programs ended.
#[derive(Default)]
struct Outcome {
    /// Programs that were begun.
    programs: u64,
    /// Programs that went on across restarts.
    restarted: usize,
    undecided: usize,
    /// Those that differed, a line each.
    differing: Vec<String>,
    /// Those that differed among others and agreed when they were alone: how they differed, a line each.
    crowded: Vec<String>,
}

impl Outcome {
    /// How a program that differed among others has ended when it ran once more.
    fn judge(&mut self, name: &report::Name, program: &Program, again: Result<(), Stop>, among_others: String) {
        match again {
            Ok(()) | Err(Stop::Undecided) => self.crowded.push(among_others),
            Err(stop) => {
                self.differing.push(report::brief(name, &stop));
                println!("{}", report::stop(name, program, &stop));
            }
        }
    }
}

impl Options {
    /// How a program is named in reports.
    fn name(&self, number: u64) -> report::Name {
        report::Name { seed: self.seed, flag: "--program", number }
    }
}

/// One partition for each task queue of the reference, so that a poll and a task meet without detours and their delays.
const UNPARTITIONED: [&str; 4] = [
    "--dynamic-config-value",
    "matching.numTaskqueueReadPartitions=1",
    "--dynamic-config-value",
    "matching.numTaskqueueWritePartitions=1",
];

fn launch(kind: Kind, binary: PathBuf) -> Launch {
    let mut arguments: Vec<String> = Vec::new();
    for attribute in SEARCH_ATTRIBUTES {
        arguments.extend(["--search-attribute".to_owned(), attribute.to_owned()]);
    }
    if kind == Kind::Reference {
        arguments.extend(UNPARTITIONED.map(str::to_owned));
    }
    Launch { kind, binary, database: None, arguments }
}

async fn many(stage: &Arc<Stage>, options: &Options) -> Result<Outcome, Fault> {
    let mut running = JoinSet::new();
    let mut suspects = Vec::new();
    let mut outcome = Outcome::default();
    loop {
        let is_over = outcome.differing.len() >= ENOUGH || suspects.len() >= SUSPECTS;
        while running.len() < options.concurrency
            && (!is_over || options.survey)
            && wanted(stage, options, outcome.programs)
        {
            let (stage, number) = (Arc::clone(stage), outcome.programs);
            running.spawn(async move { (number, one(&stage, number, "").await) });
            outcome.programs += 1;
        }
        if let Some(joined) = running.join_next().await {
            let (number, ended) = joined?;
            let (program, ended) = ended?;
            match ended {
                Ok(()) => {}
                Err(Stop::Undecided) => outcome.undecided += 1,
                Err(stop) => {
                    let name = options.name(number);
                    println!("{}", report::stop(&name, &program, &stop));
                    suspects.push((number, report::brief(&name, &stop)));
                }
            }
        } else if options.survey || suspects.is_empty() {
            outcome.differing.extend(suspects.into_iter().map(|(_, differed)| differed));
            return Ok(outcome);
        } else {
            confirm(stage, options, std::mem::take(&mut suspects), &mut outcome).await?;
        }
    }
}

/// Runs each program that differed once more, by itself: what does not come again came from the load, because a server
/// that is busy lets a poll run out where the other one finds a task.
async fn confirm(
    stage: &Arc<Stage>,
    options: &Options,
    suspects: Vec<(u64, String)>,
    outcome: &mut Outcome,
) -> Result<(), Fault> {
    for (number, among_others) in suspects {
        let (program, ended) = one(stage, number, "again-").await?;
        outcome.judge(&options.name(number), &program, ended, among_others);
    }
    Ok(())
}

/// True while programs are due: those asked for, then more while something declared is missing.
fn wanted(stage: &Stage, options: &Options, next: u64) -> bool {
    next < options.programs
        || (!options.survey
            && !options.partial
            && next < options.programs + EXTRA
            && !stage.ledger.missing(options.only.as_deref()).is_empty())
}

/// Runs one program by its number; `again` keeps the names of a second run apart from those of the first.
async fn one(stage: &Stage, number: u64, again: &str) -> Result<(Program, Result<(), Stop>), Fault> {
    let prefix = format!("p{}x{number}-{again}", stage.seed);
    // Connections of its own, since the reference closes each after five minutes.
    let wires = [Wire::to(stage.ports[0])?, Wire::to(stage.ports[1])?];
    let pair = Pair::new(Arc::clone(&stage.catalog), wires, stage.manner, Arc::clone(&stage.ledger), prefix);
    let round = number / SWEEP_EVERY;
    let mut program = Program::new(pair, Seed::of(stage.seed, number), number, stage.only.clone());
    let outcome = match number % SWEEP_EVERY {
        0 => program.sweep(round as usize).await,
        1 => program.sweep_commands(round as usize).await,
        _ => program.run().await,
    };
    Ok((program, outcome))
}
