//! A copy of a database, also of one that a server has open: a closed file with all that was acknowledged before.
//!
//! A server that runs is not asked and does not wait. SQLite gives a snapshot of the tables, the commit log is read behind
//! it, and what the one holds beyond the other goes into the copy. Where the log has moved on in between, both are taken
//! again. Every page of the source is compared with its checksum, and the copy is looked at after it was written.

use std::{fs::File, io, path::Path};

use rusqlite::{
    Connection, Error, OpenFlags,
    backup::{Backup, StepResult},
};
use store::StoreError;

use crate::{
    OpenOptions, SqliteStore, condition, error,
    files::{self, Files},
    fold::Folding,
    known,
    log::read,
    make, migrate, open, owner,
    schema::FORMAT,
    sums::{
        self, Head, HeadFound,
        seal::{self, Seal},
        wal::Wal,
    },
    tables::Tables,
};

/// How often a snapshot is taken when the log has moved on.
const ATTEMPTS: u32 = 50;

/// How often its pages are looked at when one of them is not what it should be.
const LOOKS: u32 = 3;

/// Copies a database file, with all that is beside it, to a new file that is closed: it can be started from, or copied back
/// in the same way.
///
/// # Errors
/// `Unusable` when there is no such file, it is damaged, or something stands where the copy should; `Full` or `Io` when the
/// copy can't be written. Nothing of it is left then.
pub fn backup(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (source, target) = (Files::of(from), Files::of(to));
    for there in target.all() {
        if there.exists() {
            return Err(StoreError::Unusable(format!(
                "\"{}\" exists: give another name, or move it away",
                there.display()
            )));
        }
    }
    let draft = Files::of(&files::beside(&target.database, "-new"));
    let made = make_draft(&source, &draft).and_then(|()| {
        let to = &target.database;
        let failed = |error: io::Error| error::of_file(to, &error);
        verify(&draft)?;
        make::publish(&draft.database, to).map_err(failed)?;
        files::remove(&draft.database).and_then(|()| files::sync_folder(to)).map_err(failed)
    });
    if made.is_err() {
        discard(&draft);
    }
    made
}

fn make_draft(source: &Files, draft: &Files) -> Result<(), StoreError> {
    discard(draft);
    match owner::try_take(source)? {
        // No server has it, and none can take it now.
        Some(lock) => {
            condition::of(source, lock.file())?;
            copy_set(source, draft)?;
            drop(SqliteStore::open(&draft.database, OpenOptions::default())?);
            (1..FORMAT).for_each(|format| discard(&Files::of(&migrate::copy_path(&draft.database, format))));
            Ok(())
        }
        None => copy_open(source, draft),
    }
}

/// Removes what a copy that was not finished has left.
pub(crate) fn discard(files: &Files) {
    // What can't be removed is in the way of the next one, which says so.
    files.all().into_iter().for_each(|path| drop(files::remove(path)));
}

/// Copies a file that another process has open.
fn copy_open(source: &Files, draft: &Files) -> Result<(), StoreError> {
    let mut last = None;
    let mut looks = LOOKS;
    for _ in 0..ATTEMPTS {
        match Snapshot::take(source)? {
            Ok(snapshot) => match snapshot.verify(source) {
                Ok(()) => return snapshot.write(source, draft),
                // Something was read while it was written.
                Err(_) if looks > 1 => looks -= 1,
                Err(error) => return Err(error),
            },
            Err(fault) => last = Some(fault),
        }
    }
    Err(last.unwrap_or_else(|| error::of_fault(source, read::Fault::Gap)))
}

/// A database that is open elsewhere, as it is at one moment.
struct Snapshot {
    /// Has a transaction open, in which the tables stay as they are.
    connection: Connection,
    /// Closed after SQLite has closed its own: that would end its locks.
    database: File,
    page_bytes: u32,
    known: known::Known,
    left: read::Left,
}

impl Snapshot {
    /// Takes a snapshot and reads the log behind it; the inner error is one that may go away.
    fn take(source: &Files) -> Result<Result<Self, StoreError>, StoreError> {
        let failed = |error: Error| error::of(&source.database, &error);
        let of_file = |error: io::Error| error::of_file(&source.database, &error);
        let database = File::open(&source.database).map_err(of_file)?;
        let connection = read_only(&source.database).map_err(failed)?;
        connection.execute_batch("BEGIN").map_err(failed)?;
        let known = known::read(&connection).map_err(failed)?;
        let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
        if format != FORMAT {
            return Err(StoreError::Unusable(format!(
                "database file \"{}\" has format {format}, and this version copies {FORMAT} from a running server: use \
                 the version that runs, or stop the server",
                source.database.display()
            )));
        }
        let (Some(tail), HeadFound::Head(head), read::Found::Log(content)) = (
            sums::peek_tail(source).map_err(of_file)?,
            Head::read(&source.sums).map_err(of_file)?,
            read::read(&source.log).map_err(of_file)?,
        ) else {
            return Ok(Err(misfit(source)));
        };
        // What was written in between is in neither of the two.
        let now = read_only(&source.database).and_then(|connection| known::writes(&connection)).map_err(failed)?;
        if content.head.session != head.session || known::writes(&connection).map_err(failed)? != now {
            return Ok(Err(misfit(source)));
        }
        match content.follow(&known, Some(tail)) {
            Ok(left) => Ok(Ok(Self { connection, database, page_bytes: head.page_bytes, known, left })),
            Err(fault) => Ok(Err(error::of_fault(source, fault))),
        }
    }

    /// Compares the pages of the database, and what is newer of them in SQLite's log, with their checksums.
    fn verify(&self, source: &Files) -> Result<(), StoreError> {
        let of_file = |error: io::Error| error::of_file(&source.database, &error);
        let Some((pages, mark, _)) = sums::peek(source).map_err(of_file)? else { return Err(misfit(source)) };
        let wal = Wal::open(&source.wal).map_err(of_file)?.map(|wal| wal.committed()).transpose().map_err(of_file)?;
        let wal = wal.unwrap_or_default();
        if wal.extent.salt == mark.needed.salt && wal.extent.frames < mark.needed.frames {
            return Err(error::lost(
                &source.database,
                format_args!("SQLite's log \"{}\" is damaged", source.wal.display()),
            ));
        }
        let is_in_wal = |page| wal.pages.contains_key(&page);
        match sums::first_damaged(&self.database, self.page_bytes, &pages, 1, is_in_wal).map_err(of_file)? {
            Some(page) => Err(error::damaged_page(&source.database, page)),
            None => Ok(()),
        }
    }

    /// Writes it to a file of its own, which is closed then.
    fn write(self, source: &Files, draft: &Files) -> Result<(), StoreError> {
        let failed = |error: Error| error::of(&draft.database, &error);
        let mut target = Connection::open(&draft.database).map_err(failed)?;
        // It is synced as a whole, and of no use before.
        target.pragma_update(None, "synchronous", "OFF").map_err(failed)?;
        let step = Backup::new(&self.connection, &mut target).and_then(|backup| backup.step(-1)).map_err(failed)?;
        if step != StepResult::Done {
            return Err(StoreError::Io(format!("database file \"{}\" is busy: try again", source.database.display())));
        }
        drop(target);
        drop(self.connection);
        let connection = open::connect(&draft.database, &OpenOptions::default())?;
        let (path, options) = (draft.database.clone(), OpenOptions::default());
        let tables = Tables::new(connection, path, options, true, None, self.known.logged);
        let folding = Folding::new(tables);
        folding.take_in(self.left)?;
        folding.fold().tables.close()?;
        let failed = |error: io::Error| error::of_file(&draft.database, &error);
        let file = File::options().read(true).write(true).open(&draft.database).map_err(failed)?;
        make::seal(&draft.database, &file).map(drop).map_err(failed)
    }
}

fn read_only(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(open::PATIENCE)?;
    Ok(connection)
}

fn misfit(source: &Files) -> StoreError {
    let name = source.database.display();
    error::lost(&source.database, format_args!("what is beside database file \"{name}\" does not belong to it"))
}

/// Reads a closed file again, as it is on the disk, and has SQLite look at its trees.
///
/// # Errors
/// `Unusable` when it is not what was written.
pub(crate) fn verify(files: &Files) -> Result<(), StoreError> {
    let failed = |error: io::Error| error::of_file(&files.database, &error);
    let file = File::open(&files.database).map_err(failed)?;
    let seal::Found::Seal(seal) = Seal::read(&file).map_err(failed)? else {
        return Err(error::lost(
            &files.database,
            format_args!("database file \"{}\" is not whole", files.database.display()),
        ));
    };
    let damaged = sums::first_damaged(&file, seal.page_bytes, &seal.pages, 1, |_| false).map_err(failed)?;
    if let Some(page) = damaged {
        return Err(error::damaged_page(&files.database, page));
    }
    let connection = read_only(&files.database);
    let found: Result<String, Error> =
        connection.and_then(|connection| connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)));
    let found = found.map_err(|error| error::of(&files.database, &error));
    // What SQLite has made to read it.
    let cleared = files::remove(&files.wal).and_then(|()| files::remove(&files.shm));
    cleared.map_err(failed)?;
    match found?.as_str() {
        "ok" => Ok(()),
        found => Err(error::lost(
            &files.database,
            format_args!("the copy \"{}\" is damaged ({found})", files.database.display()),
        )),
    }
}

/// Copies all files of a set to other names.
///
/// # Errors
/// When one can't be read or written.
pub(crate) fn copy_set(from: &Files, to: &Files) -> Result<(), StoreError> {
    for (from, to) in from.all().into_iter().zip(to.all()) {
        let mut content = match File::open(from) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error::of_file(from, &error)),
        };
        let copied = File::create_new(to).and_then(|mut target| {
            io::copy(&mut content, &mut target)?;
            target.sync_all()
        });
        copied.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => StoreError::Unusable(format!(
                "a copy of database file \"{}\" can't be made: \"{}\" exists, move it away",
                from.display(),
                to.display()
            )),
            _ => error::of_file(to, &error),
        })?;
    }
    Ok(())
}
