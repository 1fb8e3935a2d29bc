//! The one thread that writes: it takes all commits that wait and makes them durable together.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

use model::{Epoch, ShardId};
use store::Batch;
use tokio::sync::Notify;

use super::Inner;
use crate::Event;

/// One shard's batch on its way to the disk.
type Commit = (ShardId, Epoch, Arc<Batch>);

/// What waits for the writing thread.
pub(super) struct Writer {
    queue: Mutex<Vec<Commit>>,
    filled: Condvar,
    written: Notify,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { queue: Mutex::new(Vec::new()), filled: Condvar::new(), written: Notify::new() }
    }

    pub(super) fn push(&self, commit: Commit) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push(commit);
        self.filled.notify_one();
    }

    /// Returns after the next write, or at once when the last has just ended.
    pub(super) async fn idle(&self) {
        let patience = std::time::Duration::from_millis(20);
        // A write that ends between the look and this wait rings no bell for us: look again soon.
        drop(tokio::time::timeout(patience, self.written.notified()).await);
    }

    /// All that waits; blocks until there is something, at most for a second.
    fn take(&self) -> Vec<Commit> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.filled.wait_timeout_while(queue, std::time::Duration::from_secs(1), |queue| queue.is_empty());
        std::mem::take(&mut *waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

/// Starts the writing thread; it ends when the engine is gone.
pub(super) fn start(inner: &Arc<Inner>) {
    let weak = Arc::downgrade(inner);
    inner.runtime.spawn_blocking(move || write_until_gone(&weak));
}

fn write_until_gone(weak: &Weak<Inner>) {
    while let Some(inner) = weak.upgrade() {
        let commits = inner.writer.take();
        if commits.is_empty() {
            continue;
        }
        let results = inner.store.commit(&commits);
        let mut core = inner.lock();
        for ((shard, ..), result) in commits.iter().zip(results) {
            core.node.on(super::now(), Event::Committed { shard: *shard, result });
        }
        inner.act(&mut core);
        drop(core);
        inner.writer.written.notify_waiters();
    }
}
