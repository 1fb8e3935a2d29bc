//! Connections for reads: as many as are needed at once, a few of them kept.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use rusqlite::{Connection, Error, OpenFlags, config::DbConfig, functions::FunctionFlags, types::ValueRef};
use store::{
    StoreError,
    visibility::{Phrases, decode_attributes},
};
use uuid::Uuid;

use crate::{error, rows};

/// Idle connections that are kept; each holds some cache.
const KEPT: usize = 4;

/// The reading side of a file.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// What a read gives: SQLite failed, or a stored record can't be read.
pub(crate) type Read<T> = Result<T, Failure>;

/// Why a read gives nothing.
pub(crate) enum Failure {
    Sqlite(Error),
    Record(StoreError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Record(error)
    }
}

impl Readers {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), idle: Mutex::new(Vec::new()) }
    }

    /// Closes the connections that are kept.
    pub(crate) fn close(&mut self) {
        self.idle.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Runs a read. A connection on which one failed is not used again.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&Connection) -> Read<T>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path).map_err(|error| error::of(&self.path, &error))?,
        };
        let result = read(&connection).map_err(|failure| match failure {
            Failure::Sqlite(error) => error::of(&self.path, &error),
            Failure::Record(error) => error,
        })?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(connection);
        }
        Ok(result)
    }
}

fn connect(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    Ok(connection)
}

/// Our settings, and the functions that queries use beside SQLite's own.
fn configure(connection: &Connection) -> Result<(), Error> {
    connection.pragma_update(None, "cache_size", -2000)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise each new value of a bound LIMIT has the statement prepared again.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("mentions", 2, flags, |context| {
        let phrases = context.get_or_create_aux(1, |value| {
            let text = value.as_str().map_err(|error| Error::UserFunctionError(error.into()))?;
            Ok::<_, Error>(Phrases::parse(text))
        })?;
        let ValueRef::Text(text) = context.get_raw(0) else {
            return Ok(false);
        };
        let text = String::from_utf8_lossy(text);
        Ok(phrases.as_ref().as_ref().is_some_and(|phrases| phrases.found_in(&text)))
    })?;
    // SQLite's own means (LIKE, GLOB, substr) fold case, know wildcards, or take an empty text for null.
    connection.create_scalar_function("starts_with", 2, flags, |context| {
        let ValueRef::Text(prefix) = context.get_raw(1) else {
            return Ok(None);
        };
        let ValueRef::Text(text) = context.get_raw(0) else {
            return Ok(None);
        };
        Ok(Some(text.starts_with(prefix)))
    })?;
    connection.create_scalar_function("attribute", 2, flags, |context| {
        let ValueRef::Blob(stored) = context.get_raw(0) else {
            return Ok(None);
        };
        let attributes = decode_attributes(Bytes::copy_from_slice(stored));
        let attributes = attributes.map_err(|error| Error::UserFunctionError(error.into()))?;
        Ok(attributes.get(context.get_raw(1).as_str().unwrap_or_default()).map(rows::cell))
    })?;
    connection.create_scalar_function("run_text", 1, flags, |context| {
        let run = Uuid::from_slice(context.get_raw(0).as_blob().unwrap_or_default());
        Ok(run.ok().map(|run| run.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use model::ShardId;
    use rusqlite::StatementStatus;

    use super::*;
    use crate::{query, schema::TABLES};

    #[test]
    fn a_statement_is_prepared_once_whatever_is_bound() {
        let connection = Connection::open_in_memory().expect("memory is always there");
        connection.execute_batch(TABLES).expect("the tables are sound");
        configure(&connection).expect("the settings are known");
        for limit in 1..5 {
            assert!(query::scan(&connection, ShardId(0), b"a", b"b", limit).is_ok());
        }
        let statement = connection.prepare_cached(query::SCAN).expect("it is in the cache");
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
