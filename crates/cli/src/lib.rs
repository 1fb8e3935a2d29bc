//! The commands of the `temporal` command line, as a plain gRPC client: the same flags, output, errors and exit codes.
//!
//! This crate knows nothing of our server. A binary puts the pieces together: [`Globals`] flattened into its root
//! command, [`Command`] flattened into its subcommands, [`parse`] for the command line and [`run`] for the rest.
//!
//! What stands here is a part of the `temporal` command; a command that is missing is refused by its name.

mod certificate;
mod cloud;
mod connect;
mod context;
mod doctor;
mod failure;
mod flags;
mod operator;
mod output;
mod profiles;
mod task_queue;
mod usage;
mod workflow;

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;

pub use self::{
    cloud::CloudCommand,
    flags::{Globals, values::positive_duration as duration},
    profiles::ProfileCommand,
    usage::{Refusal, nearest, parse},
};
use self::{context::Context, failure::Failure};

/// What a server says to those whom it does not know or does not let do something, and no more than that.
const REFUSALS: [&str; 2] = ["request not authenticated", "Request unauthorized"];
/// Where to find out more.
const HINT: &str = "To find out why, run perdure doctor with the same connection options.";

/// The commands of this crate.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    Workflow(Box<workflow::WorkflowArgs>),
    Operator(Box<operator::OperatorArgs>),
    TaskQueue(Box<task_queue::TaskQueueArgs>),
    Doctor(Box<doctor::DoctorArgs>),
}

/// The folder in which a user keeps certificates and keys of clients, `perdure` in the system's directory for a user's
/// configuration; it need not be there. `None` where the environment does not say where that is.
pub fn own_folder() -> Option<PathBuf> {
    connect::own_folder(&connect::environment_of_process())
}

/// Runs a command to its end, to an interrupt or to `--command-timeout`. What went wrong is told on stderr; the exit
/// code is 0 or 1.
pub async fn run(command: Command, globals: &Globals) -> ExitCode {
    let mut context = Context::of_process(globals);
    finish(dispatch(command, &mut context), globals).await
}

/// Runs a command on the control plane, likewise.
pub async fn run_cloud(command: CloudCommand, globals: &Globals) -> ExitCode {
    let mut context = Context::of_process(globals);
    finish(command.run(&mut context), globals).await
}

/// Runs a command on the file of profiles, likewise.
pub async fn run_profiles(command: ProfileCommand, globals: &Globals) -> ExitCode {
    let mut context = Context::of_process(globals);
    finish(async { command.run(&mut context) }, globals).await
}

async fn finish(work: impl Future<Output = Result<(), Failure>>, globals: &Globals) -> ExitCode {
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = interrupted(globals) => Err(Failure::told("program interrupted")),
    };
    match outcome {
        Ok(()) | Err(Failure::Unread) => ExitCode::SUCCESS,
        Err(Failure::Told(text)) => {
            eprintln!("Error: {text}");
            if REFUSALS.iter().any(|refusal| text.contains(refusal)) {
                eprintln!("{HINT}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command, context: &mut Context) -> Result<(), Failure> {
    match command {
        Command::Workflow(args) => args.run(context).await,
        Command::Operator(args) => args.run(context).await,
        Command::TaskQueue(args) => args.run(context).await,
        Command::Doctor(args) => args.run(context).await,
    }
}

/// Returns when the user interrupts or the command's time is up.
async fn interrupted(globals: &Globals) {
    let time_is_up = async {
        match globals.general.command_timeout {
            Some(timeout) if timeout.is_positive() => tokio::time::sleep(timeout.unsigned_abs()).await,
            Some(_) | None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time_is_up => {}
        () = signalled() => {}
    }
}

async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};

    let wait = async |kind: SignalKind| match signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        // A signal that cannot be watched ends the process by itself.
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}
