//! SQLite's errors in the words of the contract.

use std::{io, path::Path};

use rusqlite::{Error, ErrorCode};
use store::{CommitError, StoreError};

use crate::{files::Files, log::read::Fault, schema::FORMAT};

/// Why a write is not known to be durable.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// Nothing of it happened, and nothing will.
    Failed(StoreError),
    /// All of it may be found after a crash, or nothing, until what comes next at its place is written.
    Unknown(StoreError),
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        WriteError::Failed(error)
    }
}

/// For what is written again when it failed, so that it makes no difference whether it happened.
impl From<WriteError> for StoreError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Failed(error) | WriteError::Unknown(error) => error,
        }
    }
}

impl From<WriteError> for CommitError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Failed(error) => CommitError::Store(error),
            WriteError::Unknown(error) => CommitError::Unknown(error.to_string()),
        }
    }
}

/// The error of a statement on an open file.
pub(crate) fn of(path: &Path, error: &Error) -> StoreError {
    let file = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(format!(
            "no space is left for database file \"{file}\": free some, then it goes on by itself"
        )),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(path, error),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => StoreError::Io(format!(
            "database file \"{file}\" can't be written ({error}): make it and its folder writable"
        )),
        _ => StoreError::Io(format!("database file \"{file}\" failed: {error}")),
    }
}

/// The error of a statement while the file is being opened. A plain failure is then a header or a schema that does not
/// make sense.
pub(crate) fn at_open(path: &Path, error: &Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::Unknown) => damaged(path, error),
        _ => of(path, error),
    }
}

/// The error of a read or write of the commit log.
pub(crate) fn of_log(path: &Path, error: &io::Error) -> StoreError {
    let file = path.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full(format!(
            "no space is left for commit log \"{file}\": free some, then it goes on by itself"
        )),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::Io(format!("commit log \"{file}\" can't be written ({error}): make it and its folder writable"))
        }
        _ => StoreError::Io(format!("commit log \"{file}\" failed: {error}")),
    }
}

/// The error of a read or write of the file of checksums.
pub(crate) fn of_sums(path: &Path, error: &io::Error) -> StoreError {
    let file = path.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full(format!(
            "no space is left for file of checksums \"{file}\": free some, then it goes on by itself"
        )),
        _ => StoreError::Io(format!("file of checksums \"{file}\" failed: {error}")),
    }
}

/// The error of a plain read or write of a database file, or of a file that is to become one.
pub(crate) fn of_file(path: &Path, error: &io::Error) -> StoreError {
    let file = path.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::Full(format!("no space is left for database file \"{file}\": free some"))
        }
        _ => StoreError::Io(format!("database file \"{file}\" failed: {error}")),
    }
}

/// The file is not ours.
pub(crate) fn foreign(path: &Path) -> StoreError {
    StoreError::Unusable(format!(
        "database file \"{}\" was written by another program: give another file",
        path.display()
    ))
}

/// The file is of a format that this version does not know.
pub(crate) fn newer_format(path: &Path, format: i64) -> StoreError {
    StoreError::Unusable(format!(
        "database file \"{}\" has format {format}, and this version reads up to {FORMAT}: use the newer version that wrote \
         it",
        path.display()
    ))
}

/// A page of the database is not what was written to it.
pub(crate) fn damaged_page(path: &Path, page: u32) -> StoreError {
    lost(path, format_args!("database file \"{}\" is damaged: page {page} is not what was written", path.display()))
}

/// The commit log is not what was written.
pub(crate) fn of_fault(files: &Files, fault: Fault) -> StoreError {
    let (log, database) = (files.log.display(), files.database.display());
    let what = match fault {
        Fault::Hole { generation } => {
            format!("commit log \"{log}\" is damaged: a commit of generation {generation} is")
        }
        Fault::Gap => format!(
            "commit log \"{log}\" is damaged, or of another state of the database file: it does not begin where database \
             file \"{database}\" ends"
        ),
        Fault::Older => format!("commit log \"{log}\" is older than database file \"{database}\""),
        Fault::Short { found, of } => {
            format!("commit log \"{log}\" is damaged: {found} of {of} acknowledged commits at its end are whole")
        }
    };
    lost(&files.database, what)
}

/// How the remedy of a loss begins.
pub(crate) const REMEDY: &str = ": bring back all files as they were together";

/// Something is not there that was acknowledged, or not as it was: `what` names the file and says what is wrong with it.
pub(crate) fn lost(database: &Path, what: impl std::fmt::Display) -> StoreError {
    StoreError::Unusable(format!(
        "{what}{REMEDY}, or a backup, or see with \"perdure server repair {}\" what can be saved",
        database.display()
    ))
}

fn damaged(path: &Path, error: &Error) -> StoreError {
    let file = path.display();
    StoreError::Unusable(format!(
        "database file \"{file}\" is damaged ({error}): restore a backup, or start with another file"
    ))
}
