//! `perdure server`: the flags, and what they start.

mod banner;
mod flags;
mod listen;
mod settings;
mod start;

use clap::{Args, Subcommand};
use cli::Refusal;

use self::flags::StartDevArgs;
use crate::logs::Output;

/// `perdure server`.
#[derive(Args, Debug)]
pub(crate) struct ServerArgs {
    #[command(subcommand)]
    command: ServerCommand,
}

#[derive(Debug, Subcommand)]
enum ServerCommand {
    /// Start the development server
    ///
    /// Serves a whole cluster from one process, open to everybody who reaches it. Without --db-filename all is kept in
    /// memory and lost at the end.
    StartDev(StartDevArgs),
    /// Start a server; for now with the flags of start-dev only
    ///
    /// The secured server, with TLS and identities, is not there yet. Until then this is start-dev by another name.
    Start(StartDevArgs),
}

/// Runs the server until a signal ends it.
///
/// # Errors
/// One line that names cause and remedy.
pub(crate) fn run(args: ServerArgs, output: &Output) -> Result<(), String> {
    let (ServerCommand::StartDev(args) | ServerCommand::Start(args)) = args.command;
    start::run(args, output)
}

/// Says to those who want a secured server that there is none, where a flag of it was not understood.
pub(crate) fn explain(mut refusal: Refusal) -> Refusal {
    let line: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).take(2).collect();
    if line == ["server", "start"] && refusal.stderr.contains("unknown flag") {
        refusal
            .stderr
            .push_str("server start takes the flags of start-dev only: the secured server is not there yet.\n");
    }
    refusal
}
