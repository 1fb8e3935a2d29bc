//! A new database file. It is made beside its place and takes it when it is whole, so that a file which is there always
//! has its tables, and an empty one is known to have lost them.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

use rusqlite::{Connection, Error};
use store::StoreError;
use uuid::Uuid;

use crate::{
    error,
    files::{self, Files},
    known, owner,
    schema::{APPLICATION_ID, BLOCKS, FORMAT, LOG, TABLES, VISIBILITY},
    sums::{first_pages, seal::Seal},
};

/// Makes a file of no rows if there is none.
///
/// # Errors
/// `Unusable` when the file is gone but what belongs to it is there, or the folder can't be written.
pub(crate) fn unless_there(files: &Files) -> Result<(), StoreError> {
    let unusable = |error: &io::Error| StoreError::Unusable(owner::describe(&files.database, error));
    if files::length(&files.database).map_err(|error| unusable(&error))?.is_some() {
        return Ok(());
    }
    for left in [&files.log, &files.sums, &files.wal, &files.shm] {
        if files::length(left).map_err(|error| unusable(&error))?.is_some_and(|length| length > 0) {
            return Err(StoreError::Unusable(format!(
                "database file \"{}\" is missing, but \"{}\" is there and belongs to it: bring the file back, or move away \
                 what is left to begin with a new one",
                files.database.display(),
                left.display()
            )));
        }
    }
    let draft = files::beside(&files.database, "-new");
    let file = File::options().read(true).write(true).create(true).truncate(false).open(&draft);
    let file = file.map_err(|error| unusable(&error))?;
    match file.try_lock() {
        Ok(()) => {}
        // Another process makes it.
        Err(TryLockError::WouldBlock) => return Err(owner::in_use(files)),
        Err(TryLockError::Error(error)) => return Err(unusable(&error)),
    }
    if !files.database.exists() {
        file.set_len(0).map_err(|error| unusable(&error))?;
        draw(&draft).map_err(|error| error::at_open(&files.database, &error))?;
        seal(&draft, &file).map(drop).map_err(|error| unusable(&error))?;
        publish(&draft, &files.database).map_err(|error| unusable(&error))?;
    }
    files::remove(&draft).map_err(|error| unusable(&error))?;
    files::sync_folder(&files.database).map_err(|error| unusable(&error))
}

/// Writes the tables.
///
/// # Errors
/// When they can't be written.
pub(crate) fn draw(path: &Path) -> Result<(), Error> {
    let mut connection = Connection::open(path)?;
    // It is synced as a whole.
    connection.pragma_update(None, "journal_mode", "MEMORY")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(VISIBILITY)?;
    transaction.execute_batch(BLOCKS)?;
    transaction.execute_batch(LOG)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()?;
    // A later change to this mode would be written past SQLite's log.
    connection.pragma_update(None, "journal_mode", "WAL")
}

/// Seals a file as it is, that SQLite has closed.
///
/// # Errors
/// When it can't be read or written, or is not a database of ours.
pub(crate) fn seal(path: &Path, file: &File) -> io::Result<Seal> {
    let known = Connection::open(path).and_then(|connection| known::read(&connection)).map_err(io::Error::other)?;
    let (page_bytes, pages) = first_pages(file)?;
    let last = known.logged.map_or(0, |(_, checksum)| checksum);
    let seal = Seal { id: known.id, page_bytes, pages, folded: known.folded, last };
    seal.write(file)?;
    Ok(seal)
}

/// Gives a file its name, unless another one has it by now; the draft may keep its own.
///
/// # Errors
/// When the name can't be given.
pub(crate) fn publish(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Not every file system has links.
        Err(_) => File::create_new(path).and_then(|_| fs::rename(draft, path)),
        Ok(()) => Ok(()),
    }
}

/// A new id.
pub(crate) fn new_id() -> Result<Uuid, Error> {
    let bytes: [u8; 16] = Connection::open_in_memory()?.query_row("SELECT randomblob(16)", [], |row| row.get(0))?;
    Ok(Uuid::from_bytes(bytes))
}
