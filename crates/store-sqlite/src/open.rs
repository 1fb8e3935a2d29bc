//! From a path to a store.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use rusqlite::{Connection, Error, OpenFlags, OptionalExtension};
use store::StoreError;
use uuid::Uuid;

use crate::{
    Committer, OpenOptions, SqliteStore, error,
    fold::Folding,
    log::{Known, Log},
    migrate, owner,
    readers::Readers,
    schema::{APPLICATION_ID, ATTRIBUTES, FORMAT, LOG, TABLES, VISIBILITY},
    tables::Tables,
};

/// Pages in the log before a commit folds it back. A page that many commits change is folded back once: four times
/// SQLite's own default writes a tenth less under load, and few starts wait for a fold.
const LOG_PAGES: i64 = 4_000;

/// How long a statement waits for another connection of this process: a checkpoint, or a reader that closes the log.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn open(path: PathBuf, options: &OpenOptions) -> Result<SqliteStore, StoreError> {
    let lock = owner::take(&path)?;
    let (folding, committer) = prepare(&path, options).map_err(|error| match error {
        // What can't be read now will not be readable later either.
        StoreError::Io(text) => StoreError::Unusable(text),
        other => other,
    })?;
    Ok(SqliteStore { readers: Readers::new(&path), committer: Mutex::new(committer), folding, _lock: lock })
}

fn prepare(path: &Path, options: &OpenOptions) -> Result<(Folding, Committer), StoreError> {
    let failed = |error: Error| error::at_open(path, &error);
    let mut connection = connect(path, options)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if tables == 0 {
        // The one beside it is of a file that was deleted.
        Log::discard(path)?;
        create(&mut connection).map_err(failed)?;
    } else {
        recognise(&mut connection, path)?;
    }
    owner::sign(&connection, &options.address).map_err(failed)?;
    let known = known(&connection).map_err(failed)?;
    let tables = Tables::new(connection, path.to_path_buf(), options.clone()).map_err(failed)?;
    let epochs = tables.epochs().map_err(failed)?.into_iter().collect();
    let (mut log, left) = Log::open(Log::path(path), known, options.segment_bytes, tables.is_durable())?;
    let folding = Folding::new(tables);
    if !left.is_empty() {
        // What a process that did not close the file has committed.
        left.into_iter().try_for_each(|payload| folding.layers_mut().apply(payload))?;
        folding.freeze(log.generation());
        folding.finish()?;
    }
    log.begin_next();
    Ok((folding, Committer { log, epochs }))
}

/// What stands in the file of its log.
fn known(connection: &Connection) -> Result<Known, Error> {
    let value = |name| -> Result<Option<String>, Error> {
        connection.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()
    };
    let id = value("log")?.and_then(|id| Uuid::try_parse(&id).ok());
    let folded = value("folded")?.and_then(|generation| generation.parse().ok());
    Ok(Known { id: id.unwrap_or_default(), folded: folded.unwrap_or_default() })
}

/// Writes down that all generations up to this one are in the tables.
pub(crate) fn set_folded(connection: &Connection, generation: u64) -> Result<(), Error> {
    let values = ["folded", &generation.to_string()];
    connection.prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?.execute(values).map(drop)
}

/// A connection that writes, with our settings and then the user's.
pub(crate) fn connect(path: &Path, options: &OpenOptions) -> Result<Connection, StoreError> {
    let failed = |error: Error| error::at_open(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    configure(&connection).map_err(failed)?;
    for (name, value) in &options.pragmas {
        let plain =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        if !plain(name) || !plain(value) {
            return Err(StoreError::Unusable(format!(
                "SQLite pragma \"{name}={value}\" is not a name and a plain value"
            )));
        }
        connection
            .execute_batch(&format!("PRAGMA {name} = {value}"))
            .map_err(|error| StoreError::Unusable(format!("SQLite pragma \"{name}={value}\" is refused: {error}")))?;
    }
    Ok(connection)
}

fn configure(connection: &Connection) -> Result<(), Error> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -8000)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A log that one large commit has blown up is cut back at the next checkpoint.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn create(connection: &mut Connection) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(VISIBILITY)?;
    transaction.execute_batch(ATTRIBUTES)?;
    transaction.execute_batch(LOG)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// A file with tables in it: ours, and of a format that this version knows?
fn recognise(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error: Error| error::at_open(path, &error);
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(failed)?;
    let format = pragma("user_version").map_err(failed)?;
    let file = path.display();
    if application != APPLICATION_ID {
        return Err(StoreError::Unusable(format!(
            "database file \"{file}\" was written by another program: give another file"
        )));
    }
    if format > FORMAT {
        return Err(StoreError::Unusable(format!(
            "database file \"{file}\" has format {format}, and this version reads up to {FORMAT}: use the newer version that \
             wrote it"
        )));
    }
    migrate::run(connection, path, format, migrate::STEPS)
}
