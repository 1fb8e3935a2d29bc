//! SQLite's errors in the words of the contract.

use std::{io, path::Path};

use rusqlite::{Error, ErrorCode};
use store::StoreError;

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

/// A log that does not go on where the tables of the file end.
pub(crate) fn foreign_log(path: &Path) -> StoreError {
    StoreError::Unusable(format!(
        "commit log \"{}\" is damaged, or of another state of the database file: bring back the two as they were together, \
         or move the log away to go on without what is only in it",
        path.display()
    ))
}

fn damaged(path: &Path, error: &Error) -> StoreError {
    let file = path.display();
    StoreError::Unusable(format!(
        "database file \"{file}\" is damaged ({error}): restore a copy, or start with another file"
    ))
}
