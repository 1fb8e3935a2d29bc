//! `perdure server backup`, `restore` and `repair`: what is done to the files of a server.

use std::{
    io::{BufRead as _, Write as _},
    path::PathBuf,
};

use clap::Args;
use store_sqlite::Repair;

/// The flags of `server backup`.
#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// Database file of a server, running or not.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the copy goes. Nothing may be there.
    #[arg(value_name = "TARGET")]
    target: PathBuf,
}

/// The flags of `server restore`.
#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// Copy that perdure server backup has made.
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// Database file to make of it. Nothing may be there.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// The flags of `server repair`.
#[derive(Args, Debug)]
pub(crate) struct RepairArgs {
    /// Database file of a server that does not run.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Go on with what can be saved without asking.
    #[arg(long, short = 'y')]
    yes: bool,
}

/// Copies a database file.
///
/// # Errors
/// One line that names cause and remedy.
pub(super) fn backup(args: &BackupArgs) -> Result<String, String> {
    store_sqlite::backup(&args.file, &args.target).map_err(|error| error.to_string())?;
    Ok(format!("{} holds what {} held, and was verified\n", args.target.display(), args.file.display()))
}

/// Makes a database file of a copy.
///
/// # Errors
/// One line that names cause and remedy.
pub(super) fn restore(args: &RestoreArgs) -> Result<String, String> {
    backup(&BackupArgs { file: args.backup.clone(), target: args.file.clone() })
}

/// Tells what is wrong with a database file, asks, and goes on with what can be saved.
///
/// # Errors
/// One line that names cause and remedy.
pub(super) fn repair(args: &RepairArgs) -> Result<String, String> {
    let file = args.file.display();
    let repair = Repair::prepare(&args.file).map_err(|error| error.to_string())?;
    if repair.findings().is_empty() {
        return Ok(format!("Nothing is wrong with {file}\n"));
    }
    let mut out = std::io::stdout().lock();
    for finding in repair.findings() {
        writeln!(out, "{finding}").map_err(|error| error.to_string())?;
    }
    if !args.yes {
        write!(out, "Go on with what is left, and keep the files as they are beside it? [y/N] ")
            .and_then(|()| out.flush())
            .map_err(|error| error.to_string())?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).map_err(|error| error.to_string())?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            return Err(format!("{file} was left as it is"));
        }
    }
    let kept = repair.carry_out().map_err(|error| error.to_string())?;
    Ok(format!("{file} can be started with. The files as they were begin with {}\n", kept.display()))
}
