//! `perdure cloud audit verify`: whether anybody has changed the audit log behind the server's back.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use store_sqlite::{OpenOptions, SqliteStore};

use crate::config;

/// `perdure cloud audit`.
#[derive(Args, Debug)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Verify the audit log
    ///
    /// Every record carries the hash of the one before it, so that a record can't be changed, removed or put in without
    /// a trace. Reads the file itself, which a running server keeps to itself: stop the server, or name a backup.
    Verify(VerifyArgs),
}

#[derive(Args, Debug)]
struct VerifyArgs {
    /// Configuration of the server. Required.
    #[arg(long, required = true, value_name = "FILE")]
    config: PathBuf,
    /// File of the data, where it is not the one that the configuration names: a backup.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Checks the chain and tells how far it is whole.
///
/// # Errors
/// The first fault.
pub(super) fn run(args: &AuditArgs, json: bool) -> Result<String, String> {
    let Verb::Verify(args) = &args.verb;
    let config = config::load(&args.config)?;
    let file = args.file.as_ref().unwrap_or(&config.storage_file);
    if !file.exists() {
        return Err(format!("there is no data at {}", file.display()));
    }
    let store = SqliteStore::open(file, OpenOptions::default()).map_err(|error| error.to_string())?;
    while store.verify_next().map_err(|error| error.to_string())? {}
    let verified = control::verify_audit(&store).map_err(|fault| format!("the audit log is not whole: {fault}"))?;
    if json {
        let value = serde_json::json!({ "records": verified.records, "head": verified.head });
        return Ok(format!("{value:#}\n"));
    }
    Ok(format!("The audit log is whole: {} records, the last with the hash {}\n", verified.records, verified.head))
}
