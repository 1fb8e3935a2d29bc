//! The embedded storage engine: one SQLite file, opened by one process, with a commit log beside it while it is open.
//!
//! A commit is one synced write to the log, and what it changes is looked up in memory until it is folded into the tables,
//! later and together with much else. So a key that changes often is written to a table once, and one that comes and goes
//! often never. Reads go through a few connections of their own and see every commit that has returned. What bytes mean is
//! not known here, with one exception: visibility rows are columns, so that lists find them.

mod adopt;
mod backup;
mod bits;
mod blocks;
mod condition;
mod error;
mod files;
mod fold;
mod group;
mod known;
mod layer;
mod log;
mod make;
mod migrate;
mod open;
mod owner;
mod query;
mod readers;
mod repair;
mod rows;
mod scan;
mod schema;
mod sums;
mod tables;
mod upkeep;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use model::{Epoch, ShardId};
use rusqlite::Connection;
use store::{
    Batch, Commit, CommitError, CommitResult, Committed, Lists, MOST_PAIRS, Medium, Page, Shards, StoreError,
    Submission,
    visibility::{GroupCount, Query, QueryPage},
};

pub use backup::backup;
use blocks::Bounds;
use error::WriteError;
use files::Files;
use fold::Folding;
use group::Group;
use log::Log;
use owner::Lock;
use readers::{Read, Readers};
pub use repair::Repair;
use upkeep::Upkeep;

/// How to open a file.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Where this server listens: what a second process on the file is told.
    pub address: String,
    /// Settings of SQLite by name, applied after ours.
    pub pragmas: Vec<(String, String)>,
    /// Bytes of each of the commit log's two segments, 1 or more: how much is folded together, and of how much a start
    /// after a crash has to be made up for. As much stands in memory. A log that is there keeps its size.
    pub segment_bytes: u64,
    /// Pages in SQLite's own log, 1 or more, before they are copied into the database. A page that many commits change is
    /// copied once: four times SQLite's own default writes a tenth less under load, and few starts wait for a copy.
    pub wal_pages: u32,
    /// Bytes of the database that are looked at before it is open, so that nothing of them is served that is not what was
    /// written. What a file has beyond is looked at afterwards, by [`SqliteStore::verify_next`].
    pub verified_bytes: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            address: String::new(),
            pragmas: Vec::new(),
            segment_bytes: 2 << 20,
            wal_pages: 4_000,
            verified_bytes: 256 << 20,
        }
    }
}

/// A store in a file.
// Fields drop in this order, and the lock must go last: closing its descriptor also ends SQLite's own locks on the file.
pub struct SqliteStore {
    readers: Readers,
    group: Group,
    committer: Mutex<Committer>,
    folding: Folding,
    upkeep: Upkeep,
    /// The first page that was not looked at yet.
    unverified: Mutex<Option<u32>>,
    files: Files,
    lock: Lock,
}

/// Pages that are looked at while commits wait.
const PAGES_AT_ONCE: u32 = 256;

/// The one that commits.
struct Committer {
    log: Log,
    /// The epochs as they stand in the file. The file is ours alone, so they can't change behind our back.
    epochs: BTreeMap<ShardId, Epoch>,
}

impl SqliteStore {
    /// Opens the file, or makes it, and takes it for this process.
    ///
    /// # Errors
    /// `Unusable`, in one line with cause and remedy: the file belongs to a running process, is of a newer format, is
    /// damaged or not ours, or can't be written.
    pub fn open(path: impl Into<PathBuf>, options: OpenOptions) -> Result<Self, StoreError> {
        open::open(&path.into(), &options)
    }

    /// Whether all of the file has been looked at.
    pub fn is_verified(&self) -> bool {
        self.unverified.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Looks at some more of a large file, which opened before all of it was looked at; whether there is more.
    ///
    /// # Errors
    /// `Unusable` when a page is not what was written to it: then the store must not be used any longer.
    pub fn verify_next(&self) -> Result<bool, StoreError> {
        let mut unverified = self.unverified.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(from) = *unverified else { return Ok(false) };
        let (damaged, has_more) = self.folding.fold().tables.first_damaged(from, PAGES_AT_ONCE)?;
        if let Some(page) = damaged {
            return Err(error::damaged_page(&self.files.database, page));
        }
        *unverified = has_more.then_some(from + PAGES_AT_ONCE);
        Ok(has_more)
    }

    /// Brings all into the database file, and seals it: from then on it is all there is.
    fn close(&mut self) -> Result<(), StoreError> {
        let Self { committer, folding, readers, .. } = self;
        readers.close();
        let committer = committer.get_mut().unwrap_or_else(PoisonError::into_inner);
        fold_all(folding, &mut committer.log)?;
        let Some(seal) = folding.fold().tables.close()? else { return Ok(()) };
        seal.write(self.lock.file()).map_err(|error| error::of_file(&self.files.database, &error))?;
        // What stays is known as spent.
        for path in [&self.files.log, &self.files.sums] {
            files::remove(path).map_err(|error| error::of_file(path, &error))?;
        }
        files::sync_folder(&self.files.database).map_err(|error| error::of_file(&self.files.database, &error))
    }

    // A panic inside a commit leaves nothing behind in the log that counts.
    fn committer(&self) -> MutexGuard<'_, Committer> {
        self.committer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from lists that are whole: also while the tables can't be written, on a full disk.
    fn with_all_rows<T>(&self, read: impl Fn(&Connection) -> Read<T>) -> Result<T, StoreError> {
        match self.folding.show_rows() {
            Ok(()) => self.readers.with(read),
            Err(_) => self.folding.with_rows(read),
        }
    }

    /// Makes accepted batches durable.
    fn write(&self, log: &mut Log, batches: &[(ShardId, &Batch)]) -> Result<(), WriteError> {
        let mut frame = log::encode(batches);
        if log.is_broken() || !log.can_hold(&frame) {
            fold_all(&self.folding, log)?;
        }
        if !log.can_hold(&frame) {
            return self.folding.fold().tables.write(batches);
        }
        if !log.has_room(&frame) {
            turn(&self.folding, log)?;
        }
        let link = log.append(&mut frame)?;
        self.folding.layers_mut().apply(link, log::payload(frame)).map_err(WriteError::Unknown)
    }

    /// Commits in one write.
    fn commit_all(&self, commits: &[Commit]) -> Vec<CommitResult> {
        let mut committer = self.committer();
        let mut results: Vec<_> = commits.iter().map(|(shard, epoch, _)| committer.admit(*shard, *epoch)).collect();
        let accepted = commits.iter().zip(&results).filter(|(_, result)| result.is_ok());
        let accepted: Vec<_> = accepted.map(|((shard, _, batch), _)| (*shard, &**batch)).collect();
        if accepted.is_empty() {
            return results;
        }
        if let Err(error) = self.write(&mut committer.log, &accepted) {
            let error = CommitError::from(error);
            for result in results.iter_mut().filter(|result| result.is_ok()) {
                *result = Err(error.clone());
            }
        }
        results
    }

    /// Does a part of what commits have put off, in about the time of a commit. A commit that needs what is still put off does
    /// it all; a failure shows there.
    pub fn catch_up(&self) {
        let fullness = self.committer().log.fullness();
        drop(self.folding.keep_up(fullness));
    }

    /// Whether `catch_up` has something to do.
    pub fn is_behind(&self) -> bool {
        let fullness = self.committer().log.fullness();
        self.folding.is_due(fullness)
    }

    /// Catches up whenever commits have put enough off, on this thread, until `end_upkeep` is called. At most one thread does.
    pub fn keep_up(&self) {
        while self.upkeep.wait() {
            self.catch_up();
        }
    }

    /// Has `keep_up` return.
    pub fn end_upkeep(&self) {
        self.upkeep.end();
    }
}

/// Has the segments change places. What comes from here on is of the next generation, whatever becomes of folding this one.
fn turn(folding: &Folding, log: &mut Log) -> Result<(), StoreError> {
    folding.finish()?;
    folding.freeze(log.generation());
    log.begin_next();
    Ok(())
}

/// Brings the tables up to date.
fn fold_all(folding: &Folding, log: &mut Log) -> Result<(), StoreError> {
    // A generation without a frame leaves no trace in the log, so no other may follow it before the tables name it.
    if !log.is_empty() || log.is_broken() {
        turn(folding, log)?;
    }
    folding.finish()?;
    log.mend();
    Ok(())
}

impl Shards for SqliteStore {
    fn acquire_all(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        let mut committer = self.committer();
        if committer.log.is_broken() {
            // What a failed sync has left may be there or not. From the next generation on it is not.
            fold_all(&self.folding, &mut committer.log)?;
        }
        let raised: Vec<_> = shards.iter().map(|shard| (*shard, Epoch(committer.current(*shard).0 + 1))).collect();
        self.folding.fold().tables.set_epochs(&raised)?;
        committer.epochs.extend(raised.iter().copied());
        Ok(raised.into_iter().map(|(_, epoch)| epoch).collect())
    }

    fn submit(&self, submission: Submission) -> Option<Committed> {
        let results = self.group.commit(submission.commits(), |commits| self.commit_all(commits));
        if self.upkeep.is_kept() && self.is_behind() {
            self.upkeep.call();
        }
        submission.at_once(results)
    }

    fn medium(&self) -> Medium {
        Medium::Disk
    }

    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let known = self.folding.layers().get(shard, key);
        match known {
            Some(value) => Ok(value),
            None => self.readers.with(|connection| query::get(connection, shard, key)),
        }
    }

    fn scan(&self, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Result<Page, StoreError> {
        if start >= end {
            return Ok(Page::default());
        }
        let limit = limit.min(MOST_PAIRS);
        loop {
            let view = self.folding.layers().view(shard);
            let below =
                |from: &[u8], limit| self.readers.with(|connection| query::scan(connection, shard, from, end, limit));
            let page = scan::merged(&view, start, end, limit, below)?;
            // Otherwise something newer than the view may have been folded: of that, part would be seen.
            if self.folding.layers().freezes() == view.freezes {
                return Ok(page);
            }
        }
    }
}

impl Lists for SqliteStore {
    fn query(&self, query: &Query) -> Result<QueryPage, StoreError> {
        self.with_all_rows(|connection| blocks::list(connection, query, &Bounds::USUAL)).map(|(page, _)| page)
    }

    fn count(&self, query: &Query) -> Result<Vec<GroupCount>, StoreError> {
        self.with_all_rows(|connection| blocks::count(connection, query, &Bounds::USUAL)).map(|(groups, _)| groups)
    }
}

impl Committer {
    /// Whether a commit under this epoch may be made.
    fn admit(&self, shard: ShardId, epoch: Epoch) -> Result<(), CommitError> {
        let current = self.current(shard);
        // Epoch zero is the one before the first owner: nobody commits under it.
        if epoch != current || current == Epoch(0) {
            return Err(CommitError::Fenced { shard, current });
        }
        Ok(())
    }

    fn current(&self, shard: ShardId) -> Epoch {
        self.epochs.get(&shard).copied().unwrap_or_default()
    }
}

impl Drop for SqliteStore {
    /// Where the file can't be closed, what is beside it stays, and the next open goes on with it as after a kill.
    fn drop(&mut self) {
        drop(self.close());
    }
}

#[cfg(test)]
mod tests;
