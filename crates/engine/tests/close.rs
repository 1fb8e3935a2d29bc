//! The end of an engine: who holds on to its store.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use bytes::Bytes;
use engine::{Config, Engine};
use model::{Epoch, Limits, ShardId};
use store::{
    Batch, CommitError, MemoryStore, Page, Store, StoreError,
    visibility::{GroupCount, Query, QueryPage},
};

/// A store that says when it is dropped. A commit of it may wait, so it is written to by a thread of its own.
struct Closing {
    inner: MemoryStore,
    closed: mpsc::Sender<()>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.closed.send(()).expect("the test waits for it");
    }
}

impl Store for Closing {
    fn acquire(&self, shard: ShardId) -> Result<Epoch, StoreError> {
        self.inner.acquire(shard)
    }

    fn commit(&self, batches: &[(ShardId, Epoch, Arc<Batch>)]) -> Vec<Result<(), CommitError>> {
        self.inner.commit(batches)
    }

    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(shard, key)
    }

    fn scan(&self, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Result<Page, StoreError> {
        self.inner.scan(shard, start, end, limit)
    }

    fn query(&self, query: &Query) -> Result<QueryPage, StoreError> {
        self.inner.query(query)
    }

    fn count(&self, query: &Query) -> Result<Vec<GroupCount>, StoreError> {
        self.inner.count(query)
    }
}

/// The file that a store is must be whole, and free for others, when the process that had it is gone: nobody in the
/// engine may hold on to it, neither the clock nor the writing thread.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_engine_lets_go_of_its_store() {
    let (closed, hears) = mpsc::channel();
    let store = Closing { inner: MemoryStore::default(), closed };
    let config = Config { shards: 1, limits: Arc::new(Limits::default()), address: String::new(), cached_runs: 100 };
    let engine = Engine::open(Arc::new(store), config).expect("an empty store opens");
    engine.shutdown().await;
    drop(engine);
    // The clock would hold on to it for a minute, and nobody rings for a writer that nobody has anything for.
    hears.recv_timeout(Duration::from_secs(20)).expect("the store is closed");
}
