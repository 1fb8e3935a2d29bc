//! The contract of a storage engine for what stands in shards, and for the lists over all of them.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use model::{Epoch, ShardId};

use crate::{
    Commit, CommitResult, Committed, Page, StoreError, Submission,
    submission::Waiter,
    visibility::{GroupCount, Query, QueryPage},
};

/// The most pairs that one `scan` gives. What needs more asks again, from behind the last key on.
pub const MOST_PAIRS: usize = 5_000;

/// Where an engine has its data: what a call costs the thread that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// In memory. No call waits, and a submission completes within `submit`.
    Memory,
    /// On a disk of this machine. A submission completes within `submit`, which waits for the disk; submissions that several
    /// threads make at a time share a write. Other calls wait seldom, and briefly.
    Disk,
    /// At another machine. `submit` returns at once, and what it was given completes later; all other calls wait.
    Network,
}

/// The data by shards: each an ordered map from keys to values, held by one owner at a time.
///
/// # Ownership
/// A shard's owner has acquired it, which raised the shard's epoch, and commits under that epoch. Who acquires a shard fences
/// its last owner: no commit under an older epoch happens once `acquire_all` has returned, whatever became of the session that
/// made it; one that is under way by then has happened or never will. So what is read after an `acquire` is the truth, and
/// stays it until the new owner commits.
///
/// # Commits
/// An owner has at most one commit of a shard on its way, besides those of the same submission, and submits the next when it
/// knows what became of that one. Commits of different shards complete in any order. A commit happens whole or not at all. It
/// is told as done when it is durable: a power failure does not undo it.
///
/// | outcome | what is on the disk | what the owner does |
/// |---|---|---|
/// | `Ok` | all of it | tells of it |
/// | `Fenced` | nothing of it, now or later | drops what it has of the shard; acquires it only if membership says so |
/// | `Store` | nothing of it, now or later | drops what it has of the shard, acquires it and reads it |
/// | `Unknown` | all of it or nothing, now or later | the same, and tells no caller that it was done or that it was not |
///
/// # Reads
/// A read sees every commit that has completed as done, and no part of one that failed. Of one that is on its way or whose
/// outcome is unknown it sees all or nothing. Reads may be made under any epoch, also by a process that is no owner.
pub trait Shards: Send + Sync + 'static {
    /// Takes shards, each named once: raises the epoch of each by one, all in one durable write, and returns the new ones in
    /// order. It settles what was under way under older epochs.
    ///
    /// # Errors
    /// When the storage fails; epochs may have been raised, and none is held.
    fn acquire_all(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError>;

    /// Takes one shard.
    ///
    /// # Errors
    /// As `acquire_all`.
    fn acquire(&self, shard: ShardId) -> Result<Epoch, StoreError> {
        let epochs = self.acquire_all(&[shard])?;
        epochs.first().copied().ok_or_else(|| StoreError::Io("a shard was acquired without an epoch".into()))
    }

    /// Makes commits durable. A fenced one fails alone; a failure of the storage fails all that it concerns.
    ///
    /// What completes at once is returned, and its completion is not told. `None` means that the completion will be told, once.
    fn submit(&self, submission: Submission) -> Option<Committed>;

    /// Submits commits and waits until they complete. One result for each, in order.
    fn commit(&self, commits: &[Commit]) -> Vec<CommitResult> {
        let waiter = Arc::new(Waiter::default());
        let committed = self.submit(Submission::new(commits.to_vec(), waiter.clone()));
        committed.unwrap_or_else(|| waiter.wait()).results
    }

    /// Where the data is. It stays the same.
    fn medium(&self) -> Medium;

    /// The value under a key.
    ///
    /// # Errors
    /// When the storage fails.
    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// The pairs with `start <= key < end`, in key order: at most `limit` (1 or more) of them, and at most [`MOST_PAIRS`]. Where
    /// `more` says that others follow, the page is as long as that.
    ///
    /// # Errors
    /// When the storage fails.
    fn scan(&self, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Result<Page, StoreError>;
}

/// The visibility rows, over all shards. They are written by the commits of shards.
pub trait Lists: Send + Sync + 'static {
    /// The visibility rows that a query selects. The page may be short, or empty, where it says that there is more.
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

/// A storage engine.
pub trait Store: Shards + Lists {}

impl<S: Shards + Lists> Store for S {}

/// All pairs of a range in key order, read page by page. What is written meanwhile may be seen or not.
///
/// # Errors
/// When the storage fails.
pub fn scan_all<S: Shards + ?Sized>(
    store: &S,
    shard: ShardId,
    range: Range<Vec<u8>>,
) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
    let Range { mut start, end } = range;
    let mut pairs = Vec::new();
    loop {
        let page = store.scan(shard, &start, &end, MOST_PAIRS)?;
        let next = page.next();
        pairs.extend(page.pairs);
        match next {
            Some(next) => start = next,
            None => return Ok(pairs),
        }
    }
}
