//! The store in memory, watched: what is written to it, and when it is closed; and one that breaks.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::Sender,
    },
    thread::{self, ThreadId},
    time::Duration,
};

use bytes::Bytes;
use model::{Epoch, ShardId};
use store::{
    Committed, Lists, Medium, MemoryStore, Page, Shards, StoreError, Submission,
    visibility::{GroupCount, Query, QueryPage},
};

/// The store in memory, which counts its batches.
pub(crate) struct Watched {
    store: MemoryStore,
    pub(crate) batches: AtomicU64,
    /// Whether the next commit panics.
    pub(crate) breaks: AtomicBool,
    /// How long a commit takes.
    pub(crate) delay: Duration,
    /// Who made the commits.
    pub(crate) writers: Mutex<Vec<ThreadId>>,
    /// Told when the store is dropped. Then it is also one on a disk, so that a thread of its own writes to it.
    closed: Option<Sender<()>>,
}

impl Watched {
    pub(crate) fn new(closed: Option<Sender<()>>) -> Self {
        Self {
            store: MemoryStore::default(),
            batches: AtomicU64::new(0),
            breaks: AtomicBool::new(false),
            delay: Duration::ZERO,
            writers: Mutex::default(),
            closed,
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(closed) = &self.closed {
            // A test that is over hears no more.
            let _ = closed.send(());
        }
    }
}

impl Shards for Watched {
    fn acquire_all(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        self.store.acquire_all(shards)
    }

    fn submit(&self, submission: Submission) -> Option<Committed> {
        assert!(!self.breaks.load(Ordering::Relaxed), "the store breaks, as the test wants it");
        #[expect(clippy::disallowed_methods, reason = "the store is slow, as the test wants it")]
        thread::sleep(self.delay);
        self.batches.fetch_add(submission.commits().len() as u64, Ordering::Relaxed);
        self.writers.lock().expect("no writer panics here").push(thread::current().id());
        self.store.submit(submission)
    }

    fn medium(&self) -> Medium {
        if self.closed.is_some() { Medium::Disk } else { Medium::Memory }
    }

    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.store.get(shard, key)
    }

    fn scan(&self, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Result<Page, StoreError> {
        self.store.scan(shard, start, end, limit)
    }
}

impl Lists for Watched {
    fn query(&self, query: &Query) -> Result<QueryPage, StoreError> {
        self.store.query(query)
    }

    fn count(&self, query: &Query) -> Result<Vec<GroupCount>, StoreError> {
        self.store.count(query)
    }
}
