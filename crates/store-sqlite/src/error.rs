//! SQLite's errors in the words of the contract.

use std::path::Path;

use rusqlite::{Error, ErrorCode};
use store::StoreError;

/// The error of a statement on an open file.
pub(crate) fn of(path: &Path, error: &Error) -> StoreError {
    let file = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(format!(
            "no space is left for database file \"{file}\": free some, then it goes on by itself"
        )),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Unusable(format!(
            "database file \"{file}\" is damaged ({error}): restore a copy, or start with another file"
        )),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => StoreError::Io(format!(
            "database file \"{file}\" can't be written ({error}): make it and its folder writable"
        )),
        _ => StoreError::Io(format!("database file \"{file}\" failed: {error}")),
    }
}
