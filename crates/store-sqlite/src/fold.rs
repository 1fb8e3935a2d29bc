//! Folding: what the log holds goes into the tables, in slices, between commits.
//!
//! A slice may be written twice, for a crash loses what was not synced and the log is then folded from its start; so
//! nothing is counted or added up here. While a layer is being folded it is looked up as before: whether a part of it is
//! in the tables by then makes no difference.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError},
};

use bytes::Bytes;
use model::ShardId;
use rusqlite::Connection;
use store::StoreError;

use crate::{
    layer::Layers,
    log::read,
    readers::Read,
    tables::{Slice, Tables},
};

/// Pairs in a slice at least, so that a transaction is worth it, and at most, so that no commit waits for it long. Under
/// load, which is where a commit fills so much of its segment, steps wait for each other anyway.
const LEAST: usize = 64;
const LEAST_UNDER_LOAD: usize = 512;
const LOAD: f64 = 0.005;
const MOST: usize = 1_024;

/// The layers and the tables below them.
pub(crate) struct Folding {
    layers: RwLock<Layers>,
    fold: Mutex<Fold>,
}

/// What writes to the tables, and how far it is.
pub(crate) struct Fold {
    pub(crate) tables: Tables,
    progress: Progress,
}

/// How far the frozen layer is in the tables.
#[derive(Default)]
struct Progress {
    generation: u64,
    are_prefixes_done: bool,
    /// The last pair that is done.
    place: Option<(ShardId, Bytes)>,
    pairs_done: usize,
    /// How full the next segment was when this was last looked at.
    fullness: f64,
}

impl Folding {
    pub(crate) fn new(tables: Tables) -> Self {
        let fold = Fold { tables, progress: Progress::default() };
        Self { layers: RwLock::default(), fold: Mutex::new(fold) }
    }

    // A panic inside a change of the layers or of the tables leaves a map that is a map, and a transaction that is rolled
    // back.
    pub(crate) fn layers(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn layers_mut(&self) -> RwLockWriteGuard<'_, Layers> {
        self.layers.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tables, while nobody folds.
    pub(crate) fn fold(&self) -> MutexGuard<'_, Fold> {
        self.fold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to fold what this generation has filled. The one before must be finished.
    pub(crate) fn freeze(&self, generation: u64) {
        let mut fold = self.fold();
        fold.progress = Progress { generation, ..Progress::default() };
        self.layers_mut().freeze();
    }

    /// Takes in what a log holds behind the tables, and folds it.
    ///
    /// # Errors
    /// When the tables can't be written, or a payload makes no sense.
    pub(crate) fn take_in(&self, left: read::Left) -> Result<(), StoreError> {
        if left.payloads.is_empty() {
            return Ok(());
        }
        left.payloads.into_iter().try_for_each(|(link, payload)| self.layers_mut().apply(link, payload))?;
        self.freeze(left.generation);
        self.finish()
    }

    /// Folds all that is frozen.
    ///
    /// # Errors
    /// When the tables can't be written: what is left is tried again by the next call.
    pub(crate) fn finish(&self) -> Result<(), StoreError> {
        let mut fold = self.fold();
        while self.slice(&mut fold, usize::MAX)? {}
        Ok(())
    }

    /// Folds as much as is due when the next segment is so full, from 0 to 1: all when it is half full.
    ///
    /// # Errors
    /// As `finish`.
    pub(crate) fn keep_up(&self, fullness: f64) -> Result<(), StoreError> {
        let mut fold = self.fold();
        if let Some(most) = self.due(&mut fold.progress, fullness) {
            self.slice(&mut fold, most)?;
        }
        Ok(())
    }

    /// Whether `keep_up` would fold something, unless somebody is folding.
    pub(crate) fn is_due(&self, fullness: f64) -> bool {
        let mut fold = match self.fold.try_lock() {
            Ok(fold) => fold,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        self.due(&mut fold.progress, fullness).is_some()
    }

    /// How much the next slice may hold, if one is due.
    fn due(&self, progress: &mut Progress, fullness: f64) -> Option<usize> {
        let pairs = self.layers().frozen()?.len();
        let due = (pairs as f64 * (fullness * 2.0).min(1.0)) as usize;
        let behind = due.saturating_sub(progress.pairs_done);
        let is_loaded = fullness - mem::replace(&mut progress.fullness, fullness) > LOAD;
        let least = if is_loaded { LEAST_UNDER_LOAD } else { LEAST };
        (behind >= least || due == pairs).then(|| behind.clamp(least, MOST))
    }

    /// Writes all rows that are not in the tables yet, so that a list is whole.
    ///
    /// # Errors
    /// When the tables can't be written.
    pub(crate) fn show_rows(&self) -> Result<(), StoreError> {
        let mut fold = self.fold();
        let (rows, from) = self.layers_mut().take_rows();
        if rows.is_empty() {
            return Ok(());
        }
        let slice = Slice { rows: &rows, prefixes: Vec::new(), pairs: Vec::new(), from, completes: None };
        let written = fold.tables.fold(&slice);
        if written.is_err() {
            self.layers_mut().return_rows(rows);
        }
        written
    }

    /// Reads from the tables as they are with all rows that are not in them yet, and writes nothing.
    ///
    /// # Errors
    /// When the tables can't be read.
    pub(crate) fn with_rows<T>(&self, read: impl FnOnce(&Connection) -> Read<T>) -> Result<T, StoreError> {
        let mut fold = self.fold();
        let rows = self.layers().rows();
        fold.tables.with_rows(&rows, read)
    }

    /// Folds at most so many changes of what is frozen; whether any of it is left. Rows go first, so with the last pair all
    /// rows of its generation are in the tables.
    fn slice(&self, Fold { tables, progress }: &mut Fold, most: usize) -> Result<bool, StoreError> {
        let (Some(layer), from) = ({
            let layers = self.layers();
            (layers.frozen().cloned(), layers.frozen_last())
        }) else {
            return Ok(false);
        };
        let rows = self.layers_mut().take_frozen_rows(most);
        let room = most - rows.len();
        let prefixes = match progress.are_prefixes_done {
            true => Vec::new(),
            false => layer.prefixes().collect(),
        };
        let mut behind = layer.behind(progress.place.as_ref());
        let pairs: Vec<_> = behind.by_ref().take(room).collect();
        let is_last = room > 0 && behind.next().is_none();
        drop(behind);
        let completes = is_last.then_some(progress.generation);
        let place = pairs.last().map(|(shard, key, _)| (*shard, (*key).clone()));
        let done = pairs.len();
        let slice = Slice { rows: &rows, prefixes, pairs, from, completes };
        let written = tables.fold(&slice);
        if let Err(error) = written {
            self.layers_mut().return_rows(rows);
            return Err(error);
        }
        progress.are_prefixes_done = true;
        progress.pairs_done += done;
        progress.place = place.or(progress.place.take());
        if is_last {
            self.layers_mut().thaw();
        }
        Ok(!is_last)
    }
}
