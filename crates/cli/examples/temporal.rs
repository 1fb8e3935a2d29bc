//! The commands alone, as a program: how a binary puts the pieces of this crate together.

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

/// The commands of the `temporal` command line.
#[derive(Parser)]
#[command(name = "temporal", version)]
struct Line {
    #[command(flatten)]
    globals: cli::Globals,
    #[command(subcommand)]
    command: cli::Command,
}

#[tokio::main]
async fn main() -> ExitCode {
    let matches = match cli::parse(Line::command(), std::env::args_os()) {
        Ok(matches) => matches,
        Err(refusal) => return refusal.print(),
    };
    match Line::from_arg_matches(&matches) {
        Ok(line) => cli::run(line.command, &line.globals).await,
        Err(error) => error.exit(),
    }
}
