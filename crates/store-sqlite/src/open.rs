//! From a path to a store.

use std::{fs::File, path::Path, sync::Mutex, time::Duration};

use rusqlite::{Connection, Error, OpenFlags, config::DbConfig};
use store::StoreError;

use crate::{
    Committer, OpenOptions, SqliteStore, adopt,
    condition::{self, Condition},
    error,
    files::{self, Files},
    fold::Folding,
    group::Group,
    known::{self, Known},
    log::{Log, read},
    make, migrate,
    owner::{self, Lock},
    readers::Readers,
    schema::{APPLICATION_ID, FORMAT},
    sums::{self, Head, Purpose, Sums, seal::Seal},
    tables::{self, Tables},
    upkeep::Upkeep,
};

/// How long a statement waits for another connection of this process: a checkpoint, or a reader that closes the log.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What SQLite's settings may not be: who copies SQLite's log into the database has to keep its checksums.
const FIXED: [&str; 3] = ["journal_mode", "wal_autocheckpoint", "wal_checkpoint"];

pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<SqliteStore, StoreError> {
    check_pragmas(options)?;
    let files = Files::of(path);
    make::unless_there(&files)?;
    let lock = owner::take(&files)?;
    let opened = prepare(&files, &lock, options).map_err(|error| match error {
        // What can't be read now will not be readable later either.
        StoreError::Io(text) => StoreError::Unusable(text),
        other => other,
    })?;
    let Opened { folding, committer, unverified } = opened;
    let readers = Readers::new(&files.database);
    let (committer, unverified) = (Mutex::new(committer), Mutex::new(unverified));
    let (group, upkeep) = (Group::default(), Upkeep::default());
    Ok(SqliteStore { readers, group, committer, folding, upkeep, unverified, files, lock })
}

/// The parts of an open store.
struct Opened {
    folding: Folding,
    committer: Committer,
    /// The first page that was not looked at yet.
    unverified: Option<u32>,
}

fn prepare(files: &Files, lock: &Lock, options: &OpenOptions) -> Result<Opened, StoreError> {
    match condition::of(files, lock.file())? {
        Condition::Closed(seal) => begin(files, lock, options, seal),
        Condition::Left(head, content) => resume(files, lock, options, head, &content),
        Condition::Old => {
            let seal = adopt::adopt(files, lock, options)?;
            begin(files, lock, options, seal)
        }
    }
}

/// Opens a closed file. Until its seal is off, what is made beside it counts for nothing.
fn begin(files: &Files, lock: &Lock, options: &OpenOptions, seal: Seal) -> Result<Opened, StoreError> {
    let failed = |error: Error| error::at_open(&files.database, &error);
    let head = Head {
        purpose: Purpose::Live,
        id: seal.id,
        session: make::new_id().map_err(failed)?,
        page_bytes: seal.page_bytes,
        owner: owner::name(&options.address),
    };
    let unverified = verify(files, lock, options, seal.page_bytes, &seal.pages, |_| false)?;
    condition::check_format(files, lock.file())?;
    let sums = Sums::create(files, duplicate(files, lock)?, &head, seal.pages.clone());
    let sums = sums.map_err(|error| error::of_sums(&files.sums, &error))?;
    let base = seal.folded;
    let log = read::Head { id: head.id, session: head.session, base, segment_bytes: options.segment_bytes };
    let mut log = Log::make(files.log.clone(), log, seal.last)?;
    files::sync_folder(&files.log).map_err(|error| error::of_log(&files.log, &error))?;
    seal.remove(lock.file()).map_err(|error| error::of_file(&files.database, &error))?;
    let (connection, known) = connect_to_tables(files, options)?;
    let tables = tables(files, options, connection, sums, &known, &mut log)?;
    let epochs = tables.epochs().map_err(failed)?.into_iter().collect();
    Ok(Opened { folding: Folding::new(tables), committer: Committer { log, epochs }, unverified })
}

/// Opens a file that a process has left open.
fn resume(
    files: &Files,
    lock: &Lock,
    options: &OpenOptions,
    head: Head,
    content: &read::Content,
) -> Result<Opened, StoreError> {
    let failed = |error: Error| error::at_open(&files.database, &error);
    let read =
        Sums::load(files, duplicate(files, lock)?, &head).map_err(|error| error::of_sums(&files.sums, &error))?;
    let (sums, tail) = read.ok_or_else(|| {
        let what = format_args!("file of checksums \"{}\" is damaged", files.sums.display());
        error::lost(&files.database, what)
    })?;
    let wal = condition::wal_in_use(files, &sums.mark())?;
    let is_in_wal = |page| wal.as_ref().is_some_and(|wal| wal.pages.contains_key(&page));
    let unverified = verify(files, lock, options, head.page_bytes, sums.pages(), is_in_wal)?;
    condition::check_format(files, lock.file())?;
    let signed = sums.sign(&Head { owner: owner::name(&options.address), ..head });
    signed.map_err(|error| error::of_sums(&files.sums, &error))?;
    let (connection, known) = connect_to_tables(files, options)?;
    let left = content.follow(&known, Some(tail)).map_err(|fault| error::of_fault(files, fault))?;
    let mut log = Log::resume(files.log.clone(), content, &left)?;
    let tables = tables(files, options, connection, sums, &known, &mut log)?;
    let epochs = tables.epochs().map_err(failed)?.into_iter().collect();
    let folding = Folding::new(tables);
    folding.take_in(left)?;
    Ok(Opened { folding, committer: Committer { log, epochs }, unverified })
}

fn duplicate(files: &Files, lock: &Lock) -> Result<File, StoreError> {
    lock.file().try_clone().map_err(|error| error::of_file(&files.database, &error))
}

fn tables(
    files: &Files,
    options: &OpenOptions,
    connection: Connection,
    mut sums: Sums,
    known: &Known,
    log: &mut Log,
) -> Result<Tables, StoreError> {
    let is_durable = tables::is_durable(&connection).map_err(|error| error::at_open(&files.database, &error))?;
    sums.set_loose(!is_durable)?;
    log.set_tail(is_durable.then(|| sums.tail_writer()));
    Ok(Tables::new(connection, files.database.clone(), options.clone(), is_durable, Some(sums), known.logged))
}

/// Looks at the pages of the database, up to a bound; gives the first that is left.
fn verify(
    files: &Files,
    lock: &Lock,
    options: &OpenOptions,
    page_bytes: u32,
    pages: &[u32],
    is_in_wal: impl Fn(u32) -> bool,
) -> Result<Option<u32>, StoreError> {
    let count = usize::try_from(options.verified_bytes / u64::from(page_bytes)).unwrap_or(usize::MAX).min(pages.len());
    let damaged = sums::first_damaged(lock.file(), page_bytes, &pages[..count], 1, is_in_wal);
    match damaged.map_err(|error| error::of_file(&files.database, &error))? {
        Some(page) => Err(error::damaged_page(&files.database, page)),
        None => Ok((count < pages.len()).then_some(count as u32 + 1)),
    }
}

/// A connection to the tables of a file of ours, which are of the newest format then.
fn connect_to_tables(files: &Files, options: &OpenOptions) -> Result<(Connection, Known), StoreError> {
    let failed = |error: Error| error::at_open(&files.database, &error);
    let mut connection = connect(&files.database, options)?;
    let format = recognise(&connection, &files.database)?;
    if migrate::is_needed(format) {
        drop(connection);
        migrate::copy(files, format)?;
        connection = connect(&files.database, options)?;
        migrate::run(&mut connection, &files.database, format, migrate::STEPS)?;
    }
    let known = known::read(&connection).map_err(failed)?;
    Ok((connection, known))
}

/// A connection that writes, with our settings and then the user's.
pub(crate) fn connect(path: &Path, options: &OpenOptions) -> Result<Connection, StoreError> {
    let failed = |error: Error| error::at_open(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    configure(&connection).map_err(failed)?;
    for (name, value) in &options.pragmas {
        connection
            .execute_batch(&format!("PRAGMA {name} = {value}"))
            .map_err(|error| StoreError::Unusable(format!("SQLite pragma \"{name}={value}\" is refused: {error}")))?;
    }
    Ok(connection)
}

fn check_pragmas(options: &OpenOptions) -> Result<(), StoreError> {
    for (name, value) in &options.pragmas {
        let plain =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        if !plain(name) || !plain(value) {
            return Err(StoreError::Unusable(format!(
                "SQLite pragma \"{name}={value}\" is not a name and a plain value"
            )));
        }
        let is_fixed =
            FIXED.iter().any(|fixed| name.rsplit('.').next().is_some_and(|name| name.eq_ignore_ascii_case(fixed)));
        if is_fixed && !value.eq_ignore_ascii_case("wal") {
            return Err(StoreError::Unusable(format!(
                "SQLite pragma \"{name}={value}\" is refused: the file's checksums depend on it, leave it out"
            )));
        }
    }
    Ok(())
}

fn configure(connection: &Connection) -> Result<(), Error> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -8000)?;
    // Its log is copied into the database when we say so, and not when a connection is closed.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A log that one large commit has blown up is cut back at the next checkpoint.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// The format of a file with tables in it, if it is ours and this version knows it.
pub(crate) fn recognise(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let failed = |error: Error| error::at_open(path, &error);
    let file = path.display();
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if tables == 0 {
        return Err(StoreError::Unusable(format!(
            "database file \"{file}\" has no tables: restore a backup, or remove it and what is beside it to begin with a \
             new one"
        )));
    }
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(failed)?;
    let format = pragma("user_version").map_err(failed)?;
    if application != APPLICATION_ID {
        return Err(error::foreign(path));
    }
    if format > FORMAT {
        return Err(error::newer_format(path, format));
    }
    Ok(format)
}
