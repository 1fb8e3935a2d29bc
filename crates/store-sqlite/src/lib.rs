//! The embedded storage engine: one SQLite file, opened by one process.
//!
//! Commits go through one connection, in WAL mode with a full sync; reads through a few others, which see every commit
//! that has returned. What bytes mean is not known here, with one exception: visibility rows are columns, so that
//! filters run as SQL.

mod commit;
mod error;
mod migrate;
mod open;
mod owner;
mod query;
mod readers;
mod render;
mod rows;
mod schema;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use model::{Epoch, ShardId};
use store::{
    Batch, CommitError, Page, Store, StoreError,
    visibility::{GroupCount, Query, QueryPage},
};

use commit::Writer;
use owner::Lock;
use readers::Readers;

/// How to open a file.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Where this server listens: what a second process on the file is told.
    pub address: String,
    /// Settings of SQLite by name, applied after ours.
    pub pragmas: Vec<(String, String)>,
}

/// A store in a file.
// Fields drop in this order, and the lock must go last: closing its descriptor also ends SQLite's own locks on the file.
pub struct SqliteStore {
    readers: Readers,
    writer: Mutex<Writer>,
    _lock: Lock,
}

impl SqliteStore {
    /// Opens the file, or makes it, and takes it for this process.
    ///
    /// # Errors
    /// `Unusable`, in one line with cause and remedy: the file belongs to a running process, is of a newer format, is
    /// damaged or not ours, or can't be written.
    pub fn open(path: impl Into<PathBuf>, options: OpenOptions) -> Result<Self, StoreError> {
        open::open(path.into(), &options)
    }

    // A panic inside a commit rolls its transaction back, so the writer is still sound.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for SqliteStore {
    fn acquire(&self, shard: ShardId) -> Result<Epoch, StoreError> {
        self.writer().acquire(shard)
    }

    fn commit(&self, batches: &[(ShardId, Epoch, Arc<Batch>)]) -> Vec<Result<(), CommitError>> {
        self.writer().commit(batches)
    }

    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.readers.with(|connection| query::get(connection, shard, key))
    }

    fn scan(&self, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Result<Page, StoreError> {
        self.readers.with(|connection| query::scan(connection, shard, start, end, limit))
    }

    fn query(&self, query: &Query) -> Result<QueryPage, StoreError> {
        self.readers.with(|connection| query::list(connection, query))
    }

    fn count(&self, query: &Query) -> Result<Vec<GroupCount>, StoreError> {
        self.readers.with(|connection| query::count(connection, query))
    }
}
