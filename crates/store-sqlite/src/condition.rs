//! In what condition a file is found, before SQLite opens it.

use std::{fs::File, io};

use store::StoreError;

use crate::{
    error,
    files::{self, Files},
    log::read,
    schema::{APPLICATION_ID, FORMAT, SUMMED},
    sums::{
        Head, HeadFound, Mark, Purpose, read_up_to,
        seal::{self, Seal},
        wal::{Committed, Wal},
    },
};

/// What a file is found to be.
pub(crate) enum Condition {
    /// It was closed.
    Closed(Seal),
    /// Its process was killed, and this is what stands beside it.
    Left(Head, read::Content),
    /// It is of a format that has no checksums, or was being brought up to date from one.
    Old,
}

/// Finds out, as far as the files beside the database and its own end tell.
///
/// # Errors
/// `Unusable` when something of the set is missing, damaged or of another time.
pub(crate) fn of(files: &Files, database: &File) -> Result<Condition, StoreError> {
    let failed = |error: io::Error| error::of_file(&files.database, &error);
    let name = files.database.display();
    if database.metadata().map_err(failed)?.len() == 0 {
        return Err(StoreError::Unusable(format!(
            "database file \"{name}\" is empty: restore a backup, or remove it to begin with a new one"
        )));
    }
    match Seal::read(database).map_err(failed)? {
        seal::Found::Seal(seal) => closed(files, seal),
        seal::Found::Damaged => {
            Err(error::lost(&files.database, format_args!("the end of database file \"{name}\" is damaged")))
        }
        seal::Found::Nothing => not_closed(files, database),
    }
}

/// A file that says it is closed: nothing else may say otherwise.
fn closed(files: &Files, seal: Seal) -> Result<Condition, StoreError> {
    let log = read::read(&files.log).map_err(|error| error::of_log(&files.log, &error))?;
    let is_spent = match &log {
        read::Found::Nothing | read::Found::Blank => true,
        read::Found::Damaged => false,
        read::Found::Log(content) => {
            content.is_unused() || (content.head.id == seal.id && content.ends_at(seal.folded, seal.last))
        }
    };
    if !is_spent {
        return Err(error::lost(
            &files.database,
            format_args!(
                "database file \"{}\" was closed, but commit log \"{}\" is not of that time",
                files.database.display(),
                files.log.display()
            ),
        ));
    }
    if files::length(&files.wal).map_err(|error| error::of_file(&files.wal, &error))?.is_some_and(|length| length > 0) {
        return Err(error::lost(
            &files.database,
            format_args!(
                "database file \"{}\" was closed, but SQLite's log \"{}\" is not of that time",
                files.database.display(),
                files.wal.display()
            ),
        ));
    }
    Ok(Condition::Closed(seal))
}

/// A file whose end does not say that it is closed.
fn not_closed(files: &Files, database: &File) -> Result<Condition, StoreError> {
    let log = read::read(&files.log).map_err(|error| error::of_log(&files.log, &error))?;
    let head = Head::read(&files.sums).map_err(|error| error::of_sums(&files.sums, &error))?;
    let header = Header::read(database).map_err(|error| error::of_file(&files.database, &error))?;
    match header {
        Some(header) if header.application != 0 && !header.is_ours() => return Err(error::foreign(&files.database)),
        Some(header) if header.format > FORMAT => return Err(error::newer_format(&files.database, header.format)),
        Some(_) | None => {}
    }
    let is_old_log = matches!(&log, read::Found::Log(content) if content.head.is_old());
    let is_old = header.is_none_or(|header| !header.is_ours() || header.format < SUMMED);
    let (sums, commits) = (files.sums.display(), files.log.display());
    let reason = match (head, log) {
        (HeadFound::Head(Head { purpose: Purpose::Adopting, .. }), _) => return Ok(Condition::Old),
        (HeadFound::Nothing, log)
            if is_old && (is_old_log || matches!(log, read::Found::Nothing | read::Found::Blank)) =>
        {
            return Ok(Condition::Old);
        }
        (HeadFound::Nothing, read::Found::Damaged) if is_old => format!("commit log \"{commits}\" is damaged"),
        (HeadFound::Nothing, read::Found::Nothing) => format!("commit log \"{commits}\" is missing"),
        (HeadFound::Nothing, _) => format!("file of checksums \"{sums}\" is missing"),
        (HeadFound::Damaged, _) => format!("file of checksums \"{sums}\" is damaged"),
        (HeadFound::Head(_), read::Found::Nothing) => format!("commit log \"{commits}\" is missing"),
        (HeadFound::Head(_), read::Found::Blank) => format!("commit log \"{commits}\" is empty"),
        (HeadFound::Head(_), read::Found::Damaged) => format!("commit log \"{commits}\" is damaged"),
        (HeadFound::Head(head), read::Found::Log(content)) => {
            if (content.head.id, content.head.session) == (head.id, head.session) {
                return Ok(Condition::Left(head, content));
            }
            format!("commit log \"{commits}\" and file of checksums \"{sums}\" do not belong together")
        }
    };
    let file = files.database.display();
    Err(error::lost(&files.database, format_args!("database file \"{file}\" was not closed, and {reason}")))
}

/// What the first page of a database says of it.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    application: i64,
    pub(crate) format: i64,
}

impl Header {
    /// Reads it; `None` when there is none.
    pub(crate) fn read(database: &File) -> io::Result<Option<Self>> {
        let mut bytes = [0; 100];
        read_up_to(database, &mut bytes, 0)?;
        let word = |at: usize| bytes[at..].first_chunk().map_or(0, |word| i64::from(u32::from_be_bytes(*word)));
        let is_sqlite = bytes.starts_with(b"SQLite format 3\0");
        Ok(is_sqlite.then(|| Self { application: word(68), format: word(60) }))
    }

    fn is_ours(self) -> bool {
        self.application == APPLICATION_ID
    }
}

/// Refuses a file, whose pages are what was written, that this version can't read.
///
/// # Errors
/// `Unusable` when it is of a newer version.
pub(crate) fn check_format(files: &Files, database: &File) -> Result<(), StoreError> {
    let header = Header::read(database).map_err(|error| error::of_file(&files.database, &error))?;
    match header.filter(|header| header.is_ours() && header.format > FORMAT) {
        Some(header) => Err(error::newer_format(&files.database, header.format)),
        None => Ok(()),
    }
}

/// What stands in SQLite's log of a file that was not closed; `None` where it is not needed, and then it is removed, for it
/// may be of another time.
///
/// # Errors
/// `Unusable` when it is needed and not there.
pub(crate) fn wal_in_use(files: &Files, mark: &Mark) -> Result<Option<Committed>, StoreError> {
    let failed = |error: io::Error| error::of_file(&files.wal, &error);
    let wal = Wal::open(&files.wal).map_err(failed)?;
    let found = wal.map(|wal| wal.committed()).transpose().map_err(failed)?.unwrap_or_default();
    let is_there = found.extent.salt == mark.needed.salt && found.extent.frames >= mark.needed.frames;
    if mark.is_loose || (is_there && mark.needed.frames > 0) {
        return Ok(Some(found));
    }
    if mark.needed == mark.copied {
        files::remove(&files.wal).map_err(failed)?;
        return Ok(None);
    }
    let of = mark.needed.frames;
    let what = match files::length(&files.wal).map_err(failed)? {
        None => "is missing".to_owned(),
        Some(0) => "is empty".to_owned(),
        Some(_) if found.extent.salt != mark.needed.salt => "is damaged, or of another time".to_owned(),
        Some(_) => format!("is damaged: {} of {of} frames are whole", found.extent.frames),
    };
    let wal = files.wal.display();
    Err(error::lost(&files.database, format_args!("SQLite's log \"{wal}\" {what}")))
}
