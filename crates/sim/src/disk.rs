//! A disk that loses what was not synced: writes go to a page cache, a sync makes them durable or fails, a crash keeps
//! some of what was not synced and tears the rest.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use model::{Epoch, RunId, ShardId};
use store::{
    Batch, Change, CommitError, MemoryStore, Page, Store, StoreError,
    visibility::{GroupCount, Query, QueryPage},
};

use crate::{bug::Bug, rng::Rng};

/// One shard's batch as it was handed to the disk.
type Record = (ShardId, Epoch, Arc<Batch>);

/// The disk of a cluster. It is a store, so that nodes can read from it; their commits come in two halves.
#[derive(Debug)]
pub(crate) struct Disk {
    state: Mutex<State>,
    bug: Option<Bug>,
}

#[derive(Debug)]
struct State {
    /// What survives a crash.
    durable: MemoryStore,
    /// Written since, not synced; each with its number.
    cached: Vec<(u64, Record)>,
    /// The number that the next write gets.
    next: u64,
    /// Writes that a failed sync has lost: their own sync must not call them durable later.
    lost: BTreeSet<u64>,
    /// What a reader sees: all of it.
    visible: MemoryStore,
}

impl Disk {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        let state = State {
            durable: MemoryStore::new(),
            cached: Vec::new(),
            next: 0,
            lost: BTreeSet::new(),
            visible: MemoryStore::new(),
        };
        Self { state: Mutex::new(state), bug }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a row of the first shard there before anything begins.
    pub(crate) fn install(&self, key: Vec<u8>, value: Bytes) {
        let mut state = self.state();
        let home = ShardId(0);
        if let Ok(epoch) = state.visible.acquire(home) {
            let batch = Batch { changes: vec![Change::Put { key, value }] };
            drop(state.visible.commit(&[(home, epoch, Arc::new(batch))]));
        }
        state.keep_all();
    }

    /// What would be left after a crash at this moment with the worst luck.
    pub(crate) fn durable(&self) -> MemoryStore {
        self.state().durable.clone()
    }

    /// The first half of a commit: into the page cache, if the epoch is the shard's. Returns the write's number.
    /// `quarantined` are the runs that its writer has left alone since a panic.
    pub(crate) fn write(
        &self,
        record: Record,
        quarantined: &BTreeSet<RunId>,
        rng: &mut Rng,
    ) -> Result<u64, CommitError> {
        let mut state = self.state();
        let (shard, epoch, batch) = record;
        let batch = self.bug.map_or_else(|| batch.clone(), |bug| Arc::new(bug.mangle(&batch, quarantined, rng)));
        let outcome = state.visible.commit(&[(shard, epoch, batch.clone())]).pop().unwrap_or(Ok(()));
        let epoch = match outcome {
            Ok(()) => epoch,
            Err(CommitError::Fenced { current, .. }) if self.bug == Some(Bug::SkippedEpochCheck) => {
                drop(state.visible.commit(&[(shard, current, batch.clone())]));
                current
            }
            Err(error) => return Err(error),
        };
        let number = state.next;
        state.next += 1;
        state.cached.push((number, (shard, epoch, batch)));
        Ok(number)
    }

    /// The second half, for the write of this number: everything written becomes durable, or nobody knows what did.
    pub(crate) fn sync(&self, number: u64, fails: bool, rng: &mut Rng) -> Result<(), StoreError> {
        let mut state = self.state();
        if self.bug == Some(Bug::LostFsync) {
            return Ok(());
        }
        if state.lost.contains(&number) {
            return Err(StoreError::Io("an earlier sync failed".into()));
        }
        if fails {
            // The kernel may have dropped the pages, or written them before it failed.
            if rng.one_in(2) {
                let lost: Vec<u64> = state.cached.iter().map(|(number, _)| *number).collect();
                state.lost.extend(lost);
                state.lose(0);
            } else {
                state.keep_all();
            }
            let acknowledged = self.bug == Some(Bug::FailedSyncAcknowledged);
            return if acknowledged { Ok(()) } else { Err(StoreError::Io("sync failed".into())) };
        }
        state.keep_all();
        Ok(())
    }

    /// The power goes: some of what was not synced is there after all, the record that was being written is torn.
    pub(crate) fn crash(&self, rng: &mut Rng) {
        let mut state = self.state();
        let kept = usize::try_from(rng.below(state.cached.len() as u64 + 1)).unwrap_or(0);
        let torn = state.cached.get(kept).map(|(_, record)| record.clone());
        state.lose(kept);
        if let (Some(Bug::TornWriteApplied), Some((shard, epoch, batch))) = (self.bug, torn) {
            let half = Batch { changes: batch.changes[..batch.changes.len() / 2].to_vec() };
            drop(state.durable.commit(&[(shard, epoch, Arc::new(half))]));
            state.visible = state.durable.clone();
        }
    }
}

impl State {
    fn keep_all(&mut self) {
        self.durable = self.visible.clone();
        self.cached.clear();
    }

    /// Keeps the first `kept` records of the page cache and forgets the rest.
    fn lose(&mut self, kept: usize) {
        let cached = std::mem::take(&mut self.cached);
        for (_, record) in cached.into_iter().take(kept) {
            drop(self.durable.commit(&[record]));
        }
        self.visible = self.durable.clone();
    }
}

impl Store for Disk {
    fn acquire_all(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        let mut state = self.state();
        let epochs = state.visible.acquire_all(shards)?;
        state.keep_all();
        Ok(epochs)
    }

    fn commit(&self, batches: &[(ShardId, Epoch, Arc<Batch>)]) -> Vec<Result<(), CommitError>> {
        let refused = || Err(CommitError::Store(StoreError::Io("commits come in two halves here".into())));
        batches.iter().map(|_| refused()).collect()
    }

    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.state().visible.get(shard, key)
    }

    fn scan(&self, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Result<Page, StoreError> {
        self.state().visible.scan(shard, start, end, limit)
    }

    fn query(&self, query: &Query) -> Result<QueryPage, StoreError> {
        self.state().visible.query(query)
    }

    fn count(&self, query: &Query) -> Result<Vec<GroupCount>, StoreError> {
        self.state().visible.count(query)
    }
}
