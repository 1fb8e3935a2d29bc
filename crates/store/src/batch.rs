//! Commits and reads.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use model::{Epoch, RunId, ShardId};

use crate::visibility::{GroupCount, Query, QueryPage, Row};

/// One change to a shard.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Put {
        key: Vec<u8>,
        value: Bytes,
    },
    Delete {
        key: Vec<u8>,
    },
    /// Deletes every key that begins with the prefix.
    DeletePrefix {
        prefix: Vec<u8>,
    },
    /// Inserts or replaces the visibility row of a run.
    Show(Box<Row>),
    /// Removes the visibility row of a run.
    Hide {
        run_id: RunId,
    },
}

/// The changes to one shard that become durable together, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    pub changes: Vec<Change>,
}

/// Why nothing of a commit happened.
#[derive(Clone, Debug, PartialEq)]
pub enum CommitError {
    /// Somebody else owns the shard by now.
    Fenced {
        shard: ShardId,
        current: Epoch,
    },
    Store(StoreError),
}

/// The storage failed. Nothing is known to have been written.
#[derive(Clone, Debug, PartialEq)]
pub enum StoreError {
    /// No space is left; reads of keys still work.
    Full(String),
    /// The file is in a newer format, damaged or not ours: stop.
    Unusable(String),
    /// The call failed and may succeed when repeated.
    Io(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Full(text) | StoreError::Unusable(text) | StoreError::Io(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StoreError {}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::Fenced { shard, current } => {
                write!(f, "shard {} has a newer owner, of epoch {}", shard.0, current.0)
            }
            CommitError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CommitError {}

/// A page of a scan: pairs in key order, and whether there are more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub pairs: Vec<(Vec<u8>, Bytes)>,
    pub more: bool,
}

/// A storage engine. Calls block; the caller has threads for them. Reads see every commit that has returned.
pub trait Store: Send + Sync + 'static {
    /// Takes shards, each named once: raises the epoch of each by one, all in one durable write, and returns the new ones in
    /// order. Commits under older epochs fail from then on.
    ///
    /// # Errors
    /// When the storage fails; none is taken then.
    fn acquire_all(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError>;

    /// Takes one shard.
    ///
    /// # Errors
    /// As `acquire_all`.
    fn acquire(&self, shard: ShardId) -> Result<Epoch, StoreError> {
        let epochs = self.acquire_all(&[shard])?;
        epochs.first().copied().ok_or_else(|| StoreError::Io("a shard was acquired without an epoch".into()))
    }

    /// Makes the batches durable, all in one synced write. Each batch stands under its shard's epoch; a fenced one fails
    /// alone, a storage failure fails all. One result for each batch, in order.
    fn commit(&self, batches: &[(ShardId, Epoch, Arc<Batch>)]) -> Vec<Result<(), CommitError>>;

    /// Whether a commit waits for something slower than memory: then it is worth a thread of its own.
    fn waits(&self) -> bool {
        true
    }

    /// Does a part of what commits have put off, in about the time of a commit. Whoever commits calls this in between; a
    /// commit that needs what is still put off does it all. A failure shows there.
    fn catch_up(&self) {}

    /// Whether `catch_up` has something to do, for whoever commits and would have another thread call it.
    fn is_behind(&self) -> bool {
        false
    }

    /// The value under a key.
    ///
    /// # Errors
    /// When the storage fails.
    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// The pairs with `start <= key < end`, at most `limit` (1 or more) of them, in key order.
    ///
    /// # Errors
    /// When the storage fails.
    fn scan(&self, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Result<Page, StoreError>;

    /// The visibility rows that a query selects, over all shards.
    ///
    /// # Errors
    /// When the storage fails.
    fn query(&self, query: &Query) -> Result<QueryPage, StoreError>;

    /// How many rows a query selects, by group where it groups.
    ///
    /// # Errors
    /// When the storage fails.
    fn count(&self, query: &Query) -> Result<Vec<GroupCount>, StoreError>;
}
