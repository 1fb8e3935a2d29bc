//! One process to a file.
//!
//! The lock is the operating system's (`flock`) on the database file itself, so it ends with the process however that
//! ends, and nothing has to be cleaned up. SQLite's own locks are of another kind (`fcntl`) and do not meet it. Who holds
//! the lock is written in the file, for the message of whoever comes second.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    process,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use store::StoreError;

/// The file is ours while this lives.
pub(crate) struct Lock {
    _file: File,
}

/// Opens the file, making it if there is none, and locks it.
pub(crate) fn take(path: &Path) -> Result<Lock, StoreError> {
    let unusable = |error: &io::Error| StoreError::Unusable(describe(path, error));
    let existed = path.exists();
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| unusable(&error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use(path)),
        Err(TryLockError::Error(error)) => return Err(unusable(&error)),
    }
    if !existed {
        sync_folder(path).map_err(|error| unusable(&error))?;
    }
    Ok(Lock { _file: file })
}

/// Writes down who has the file.
pub(crate) fn sign(connection: &Connection, address: &str) -> rusqlite::Result<()> {
    let owner = format!("process {} at {address}", process::id());
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('owner', ?1)", [owner])?;
    Ok(())
}

/// The name of a new file must be as durable as its content.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn in_use(path: &Path) -> StoreError {
    let owner = signature(path).unwrap_or_else(|| "another process".into());
    StoreError::Unusable(format!(
        "database file \"{}\" is in use by {owner}: stop that server, or give another file",
        path.display()
    ))
}

/// What the owner has signed with; `None` while it is still opening the file.
fn signature(path: &Path) -> Option<String> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    connection.query_row("SELECT value FROM meta WHERE name = 'owner'", [], |row| row.get(0)).optional().ok()?
}

fn describe(path: &Path, error: &io::Error) -> String {
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
