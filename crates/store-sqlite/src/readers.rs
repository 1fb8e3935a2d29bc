//! Connections for reads: as many as are needed at once, a few of them kept.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rusqlite::{Connection, Error, OpenFlags, config::DbConfig, types::Type};
use store::StoreError;

use crate::error;

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
#[derive(Debug)]
pub(crate) enum Failure {
    Sqlite(Error),
    Record(StoreError),
}

impl Failure {
    /// What the reader of that file is told.
    pub(crate) fn into_error(self, path: &Path) -> StoreError {
        match self {
            Self::Sqlite(error) => error::of(path, &error),
            Self::Record(error) => error,
        }
    }
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

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Sqlite(error) => error,
            Failure::Record(error) => Error::FromSqlConversionFailure(0, Type::Blob, Box::new(error)),
        }
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
        let result = read(&connection).map_err(|failure| failure.into_error(&self.path))?;
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

fn configure(connection: &Connection) -> Result<(), Error> {
    connection.pragma_update(None, "cache_size", -2000)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise each new value of a bound LIMIT has the statement prepared again.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
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
