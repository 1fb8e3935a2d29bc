//! `perdure server`: the flags, and what they start.

mod banner;
mod files;
mod flags;
mod listen;
mod open_files;
mod secured;
mod settings;
mod start;
mod status;
mod upkeep;
mod verification;

use clap::{Args, Subcommand};
use cli::Refusal;

use self::flags::{StartArgs, StartDevArgs};
pub(crate) use self::secured::{control_settings, now_and_seed, secret};
use crate::{logs::Output, memory};

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
    /// Start a server
    ///
    /// With --config, a secured server: TLS, client certificates and API keys, and an account that perdure cloud init
    /// has made. Without it, the same as start-dev, but on loopback only.
    Start(StartArgs),
    /// Say how a server is that runs on this machine
    ///
    /// Names the runs that are quarantined: their code has panicked, and nothing is done with them until another build of
    /// the server is started. Asks the port of its metrics.
    Status(status::StatusArgs),
    /// Copy a server's database file
    ///
    /// Also while the server runs. The copy is one closed file with all that was acknowledged before, and is verified: a
    /// server starts with it as it is.
    Backup(files::BackupArgs),
    /// Make a database file of a copy
    ///
    /// Verifies the copy and what is made of it. To go back to a copy, stop the server and move its files away first.
    Restore(files::RestoreArgs),
    /// Save what can be saved of damaged files
    ///
    /// Tells what is wrong and what would be lost, asks, and goes on with the rest. The files as they were are kept.
    Repair(files::RepairArgs),
}

/// Runs the server until a signal ends it, or does something to its files; gives what there is to print.
///
/// # Errors
/// One line that names cause and remedy.
pub(crate) fn run(args: ServerArgs, output: &Output) -> Result<String, String> {
    match args.command {
        ServerCommand::Status(args) => return status::run(&args),
        ServerCommand::Backup(args) => return files::backup(&args),
        ServerCommand::Restore(args) => return files::restore(&args),
        ServerCommand::Repair(args) => return files::repair(&args),
        ServerCommand::StartDev(args) => start::run(args, output),
        ServerCommand::Start(args) => match &args.config {
            Some(file) => {
                let memory = args.development.memory.as_deref().map(memory::read).transpose()?;
                secured::run(file, args.allow_open_network, memory, output)
            }
            None => {
                listen::check_open(&args)?;
                start::run(args.development, output)
            }
        },
    }
    .map(|()| String::new())
}

/// Leads those who want a secured server to its flag, where another one was not understood.
pub(crate) fn explain(mut refusal: Refusal) -> Refusal {
    let line: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).take(2).collect();
    if line == ["server", "start"] && refusal.stderr.contains("unknown flag") {
        refusal.stderr.push_str(
            "A secured server takes its settings from a file: perdure server start --config perdure.toml. `perdure \
             cloud init` makes one.\n",
        );
    }
    refusal
}
