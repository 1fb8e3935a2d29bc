//! One process to a file.
//!
//! The lock is the operating system's (`flock`) on the database file itself, so it ends with the process however that
//! ends, and nothing has to be cleaned up. SQLite's own locks are of another kind (`fcntl`) and do not meet it, but they
//! end when any descriptor of the file is closed: so whatever else reads or writes the file does it through the lock. Who
//! holds the lock is written beside the file, for the message to a second process.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    process,
};

use store::StoreError;

use crate::{
    files::Files,
    sums::{Head, HeadFound},
};

/// The file is ours while this lives.
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// The locked file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

/// Opens a file that is there and locks it.
///
/// # Errors
/// `Unusable` when it can't be opened, or belongs to another process.
pub(crate) fn take(files: &Files) -> Result<Lock, StoreError> {
    try_take(files)?.ok_or_else(|| in_use(files))
}

/// Opens a file that is there and locks it; `None` when it belongs to another process.
///
/// # Errors
/// `Unusable` when it can't be opened.
pub(crate) fn try_take(files: &Files) -> Result<Option<Lock>, StoreError> {
    let unusable = |error: &io::Error| StoreError::Unusable(describe(&files.database, error));
    let file = File::options().read(true).write(true).open(&files.database).map_err(|error| unusable(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock { file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(unusable(&error)),
    }
}

/// What an owner who serves at this address is called.
pub(crate) fn name(address: &str) -> String {
    format!("process {} at {address}", process::id())
}

/// The error of a file that another process has.
pub(crate) fn in_use(files: &Files) -> StoreError {
    let owner = match Head::read(&files.sums) {
        Ok(HeadFound::Head(head)) => head.owner,
        // It is still being opened.
        Ok(HeadFound::Nothing | HeadFound::Damaged) | Err(_) => "another process".into(),
    };
    StoreError::Unusable(format!(
        "database file \"{}\" is in use by {owner}: stop that server, or give another file",
        files.database.display()
    ))
}

/// Why a file can't be opened, in one line.
pub(crate) fn describe(path: &Path, error: &io::Error) -> String {
    let file = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("database file \"{file}\" can't be made: its folder does not exist, make it first")
        }
        io::ErrorKind::IsADirectory => format!("database file \"{file}\" is a folder: give the name of a file"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("database file \"{file}\" can't be written: make it and its folder writable for this user")
        }
        io::ErrorKind::StorageFull => format!("no space is left for database file \"{file}\": free some"),
        _ => format!("database file \"{file}\" can't be opened: {error}"),
    }
}
