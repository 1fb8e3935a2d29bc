//! `sim`: runs seeds, and says which of them break a promise.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use sim::{Bug, Options, Report, run};

/// Simulates a cluster from seeds.
#[derive(Debug, Parser)]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// Plant this bug; a violation is then what is hoped for.
    #[arg(long)]
    bug: Option<Bug>,
    /// Plant every bug in turn, and say with which seed it is found.
    #[arg(long)]
    all_bugs: bool,
    /// Print the log of the first seed.
    #[arg(long)]
    log: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.all_bugs {
        return hunt(&arguments);
    }
    if arguments.log {
        let report = run(&Options { seed: arguments.from, bug: arguments.bug, keeps_log: true });
        println!("{}", report.log);
        return verdict(arguments.from, &report);
    }
    let mut runs = 0;
    let mut happenings = 0;
    for seed in arguments.from..arguments.from + arguments.seeds {
        let report = run(&Options { seed, bug: arguments.bug, keeps_log: false });
        runs += report.runs;
        happenings += report.happenings;
        if !report.violations.is_empty() {
            return verdict(seed, &report);
        }
    }
    println!("{} seeds without a violation: {runs} runs, {happenings} happenings", arguments.seeds);
    ExitCode::SUCCESS
}

fn verdict(seed: u64, report: &Report) -> ExitCode {
    for violation in &report.violations {
        println!("seed {seed}: {violation}");
    }
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Looks for each planted bug; fails when one goes unfound.
fn hunt(arguments: &Arguments) -> ExitCode {
    let mut missed = 0;
    for bug in Bug::ALL {
        let name = bug.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let found = (arguments.from..arguments.from + arguments.seeds).find_map(|seed| {
            let report = run(&Options { seed, bug: Some(bug), keeps_log: false });
            report.violations.first().map(|violation| (seed, violation.clone()))
        });
        match found {
            Some((seed, violation)) => println!("{name}: found with seed {seed}: {violation}"),
            None => {
                missed += 1;
                println!("{name}: NOT FOUND within {} seeds", arguments.seeds);
            }
        }
    }
    println!("{} passed, {missed} failed", Bug::ALL.len() - missed);
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
