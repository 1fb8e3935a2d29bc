//! A file of a format without checksums gets them.

use rusqlite::{Connection, Error};
use store::StoreError;
use uuid::Uuid;

use crate::{
    OpenOptions, error,
    files::{self, Files},
    fold::Folding,
    known,
    log::read,
    make, migrate, open,
    owner::{self, Lock},
    sums::{Head, Purpose, seal::Seal},
    tables::{self, Tables},
};

/// Brings a file of an older format up to date, with all that its log holds, and closes it. Until its seal is there, a mark
/// beside it says that it is good without one.
///
/// # Errors
/// `Unusable` when the file is damaged, not ours, or its log does not belong to it.
pub(crate) fn adopt(files: &Files, lock: &Lock, options: &OpenOptions) -> Result<Seal, StoreError> {
    let failed = |error: Error| error::at_open(&files.database, &error);
    let connection = open::connect(&files.database, options)?;
    let format = open::recognise(&connection, &files.database)?;
    check(&connection, files)?;
    drop(connection);
    if migrate::is_needed(format) {
        migrate::copy(files, format)?;
    }
    mark(files, &options.address)?;
    let mut connection = open::connect(&files.database, options)?;
    migrate::run(&mut connection, &files.database, format, migrate::STEPS)?;
    let known = known::read(&connection).map_err(failed)?;
    let is_durable = tables::is_durable(&connection).map_err(failed)?;
    let tables = Tables::new(connection, files.database.clone(), options.clone(), is_durable, None, known.logged);
    let folding = Folding::new(tables);
    if let read::Found::Log(content) = read::read(&files.log).map_err(|error| error::of_log(&files.log, &error))? {
        if content.head.id != known.id {
            return Err(error::of_fault(files, read::Fault::Gap));
        }
        folding.take_in(content.follow(&known, None).map_err(|fault| error::of_fault(files, fault))?)?;
    }
    folding.fold().tables.close()?;
    files::remove(&files.log).map_err(|error| error::of_log(&files.log, &error))?;
    let seal = make::seal(&files.database, lock.file()).map_err(|error| error::of_file(&files.database, &error))?;
    files::remove(&files.sums).map_err(|error| error::of_sums(&files.sums, &error))?;
    Ok(seal)
}

/// Without checksums, SQLite itself is asked whether its trees are whole.
fn check(connection: &Connection, files: &Files) -> Result<(), StoreError> {
    let found: Result<String, Error> = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    let found = found.map_err(|error| error::at_open(&files.database, &error))?;
    if found == "ok" {
        return Ok(());
    }
    let found = found.lines().last().unwrap_or_default();
    Err(error::lost(
        &files.database,
        format_args!("database file \"{}\" is damaged ({found})", files.database.display()),
    ))
}

fn mark(files: &Files, address: &str) -> Result<(), StoreError> {
    let owner = owner::name(address);
    let head = Head { purpose: Purpose::Adopting, id: Uuid::nil(), session: Uuid::nil(), page_bytes: 0, owner };
    let written = head.write_alone(&files.sums).and_then(|()| files::sync_folder(&files.sums));
    written.map_err(|error| error::of_sums(&files.sums, &error))
}
