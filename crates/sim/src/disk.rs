//! A disk that loses what was not synced: writes go to a page cache, a sync makes them durable or fails, a crash keeps
//! some of what was not synced and tears the rest. The way to it loses answers: then the write was done, was not done, or
//! happens later, but not once its shard has been acquired.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use model::{Epoch, RunId, ShardId};
use store::{
    Batch, Change, Commit, CommitError, CommitResult, Committed, Lists, Medium, MemoryStore, Page, Shards, StoreError,
    Submission,
    visibility::{GroupCount, Query, QueryPage},
};

use crate::{bug::Bug, rng::Rng};

/// What goes wrong with the second half of a commit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Trouble {
    Nothing,
    /// The sync fails.
    Sync,
    /// The answer to it is lost.
    Answer,
}

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
    cached: Vec<(u64, Commit)>,
    /// The number that the next write gets.
    next: u64,
    /// Writes that a failed sync has lost: their own sync must not call them durable later.
    lost: BTreeSet<u64>,
    /// Writes without an answer that happen later, or never.
    late: Vec<(u64, Commit)>,
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
            late: Vec::new(),
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
        record: Commit,
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

    /// The second half, for the write of this number: everything written becomes durable, or it is not known what did.
    pub(crate) fn sync(&self, number: u64, trouble: Trouble, rng: &mut Rng) -> CommitResult {
        let mut state = self.state();
        if self.bug == Some(Bug::LostFsync) {
            return Ok(());
        }
        if state.lost.contains(&number) {
            return Err(CommitError::Store(StoreError::Io("an earlier sync failed".into())));
        }
        if trouble == Trouble::Answer {
            state.lose_answer(number, rng);
            return Err(CommitError::Unknown("the connection was closed".into()));
        }
        if trouble == Trouble::Sync {
            // The kernel may have dropped the pages, or written them before it failed.
            if rng.one_in(2) {
                let lost: Vec<u64> = state.cached.iter().map(|(number, _)| *number).collect();
                state.lost.extend(lost);
                state.lose(0);
            } else {
                state.keep_all();
            }
            let acknowledged = self.bug == Some(Bug::FailedSyncAcknowledged);
            return if acknowledged { Ok(()) } else { Err(CommitError::Unknown("the sync failed".into())) };
        }
        state.keep_all();
        Ok(())
    }

    /// What is late happens now, if its shard has not been acquired since.
    pub(crate) fn land(&self) {
        let mut state = self.state();
        for (_, commit) in mem::take(&mut state.late) {
            state.do_late(commit);
        }
    }

    /// The power goes: some of what was not synced is there after all, the record that was being written is torn.
    pub(crate) fn crash(&self, rng: &mut Rng) {
        let mut state = self.state();
        let kept = usize::try_from(rng.below(state.cached.len() as u64 + 1)).unwrap_or(0);
        // What is late stands in no cache of this machine.
        if rng.one_in(2) {
            state.late.clear();
        }
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

    /// Nothing is heard of the write: it was done, it never is, or it is late.
    fn lose_answer(&mut self, number: u64, rng: &mut Rng) {
        let place = self.cached.iter().position(|(of, _)| *of == number);
        let fate = rng.below(3);
        let Some(place) = place.filter(|_| fate > 0) else { return self.keep_all() };
        let write = self.cached.remove(place);
        self.visible = self.durable.clone();
        for (_, commit) in &self.cached {
            drop(self.visible.commit(std::slice::from_ref(commit)));
        }
        if fate > 1 {
            self.late.push(write);
        }
    }

    fn do_late(&mut self, commit: Commit) {
        drop(self.visible.commit(&[commit]));
        self.keep_all();
    }

    /// Keeps the first `kept` records of the page cache and forgets the rest.
    fn lose(&mut self, kept: usize) {
        let cached = mem::take(&mut self.cached);
        for (_, record) in cached.into_iter().take(kept) {
            drop(self.durable.commit(&[record]));
        }
        self.visible = self.durable.clone();
    }
}

impl Shards for Disk {
    fn acquire_all(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        let mut state = self.state();
        // What is late has happened before this returns, or never does.
        let late = mem::take(&mut state.late);
        for (number, commit) in late {
            if !shards.contains(&commit.0) {
                state.late.push((number, commit));
            } else if number.is_multiple_of(2) {
                state.do_late(commit);
            }
        }
        let epochs = state.visible.acquire_all(shards)?;
        state.keep_all();
        Ok(epochs)
    }

    fn submit(&self, submission: Submission) -> Option<Committed> {
        let refused = || Err(CommitError::Store(StoreError::Io("commits come in two halves here".into())));
        let results = submission.commits().iter().map(|_| refused()).collect();
        submission.at_once(results)
    }

    fn medium(&self) -> Medium {
        Medium::Network
    }

    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.state().visible.get(shard, key)
    }

    fn scan(&self, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Result<Page, StoreError> {
        self.state().visible.scan(shard, start, end, limit)
    }
}

impl Lists for Disk {
    fn query(&self, query: &Query) -> Result<QueryPage, StoreError> {
        self.state().visible.query(query)
    }

    fn count(&self, query: &Query) -> Result<Vec<GroupCount>, StoreError> {
        self.state().visible.count(query)
    }
}
