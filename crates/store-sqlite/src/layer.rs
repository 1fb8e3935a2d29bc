//! What the log holds and the tables don't yet: looked up before the tables, and folded into them generation by generation.

use std::{
    collections::BTreeMap,
    ops::{Bound, Range},
    sync::Arc,
};

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use model::{RunId, ShardId};
use store::StoreError;

use crate::log::{self, Entry, Link};

/// A visibility row in its record; `None`: the run has none any more.
pub(crate) type Shown = Option<Bytes>;

/// The generations above the tables.
#[derive(Default)]
pub(crate) struct Layers {
    /// What is being filled.
    active: Layer,
    /// What is being folded.
    frozen: Option<Arc<Layer>>,
    /// The last rows of runs in each of both. They are not looked up here but folded before a list is read.
    rows: BTreeMap<RunId, Shown>,
    frozen_rows: BTreeMap<RunId, Shown>,
    /// Counts the freezes.
    freezes: u64,
    /// The last frame of the log that was taken in, and the last whose changes are frozen.
    last: Option<Link>,
    frozen_last: Option<Link>,
}

/// The pairs of one generation.
#[derive(Clone, Default)]
pub(crate) struct Layer {
    shards: BTreeMap<ShardId, Pairs>,
}

/// The pairs of one shard in one generation; a clone takes constant time.
#[derive(Clone, Default)]
pub(crate) struct Pairs {
    /// `None`: the key is deleted.
    map: OrdMap<Bytes, Option<Bytes>>,
    /// Every key below that begins with one of these is deleted. None of them begins with another one.
    gone: OrdSet<Bytes>,
}

/// A shard's pairs above the tables at one moment.
pub(crate) struct View {
    active: Pairs,
    frozen: Pairs,
    /// When this is not that of the layers any more, the tables may hold more than what was below this view.
    pub(crate) freezes: u64,
}

impl Layers {
    /// Takes in what a frame of the log holds.
    ///
    /// # Errors
    /// `Unusable` when it is damaged; part of it may have been taken in.
    pub(crate) fn apply(&mut self, link: Link, payload: Bytes) -> Result<(), StoreError> {
        self.last = Some(link);
        let Self { active, rows, .. } = self;
        log::decode(payload, |shard, entry| match entry {
            Entry::Put { key, value } => drop(active.pairs(shard).map.insert(key, Some(value))),
            Entry::Delete { key } => drop(active.pairs(shard).map.insert(key, None)),
            Entry::DeletePrefix { prefix } => active.pairs(shard).delete_prefix(prefix),
            Entry::Show { run_id, row } => drop(rows.insert(run_id, Some(row))),
            Entry::Hide { run_id } => drop(rows.insert(run_id, None)),
        })
    }

    /// What the layers know of a key: nothing, that it is deleted, or its value.
    pub(crate) fn get(&self, shard: ShardId, key: &[u8]) -> Option<Option<Bytes>> {
        self.active.get(shard, key).or_else(|| self.frozen.as_ref()?.get(shard, key))
    }

    /// The layers of a shard as they are now.
    pub(crate) fn view(&self, shard: ShardId) -> View {
        let pairs = |layer: &Layer| layer.shards.get(&shard).cloned().unwrap_or_default();
        View {
            active: pairs(&self.active),
            frozen: self.frozen.as_deref().map(pairs).unwrap_or_default(),
            freezes: self.freezes,
        }
    }

    pub(crate) fn freezes(&self) -> u64 {
        self.freezes
    }

    /// What is being folded.
    pub(crate) fn frozen(&self) -> Option<&Arc<Layer>> {
        self.frozen.as_ref()
    }

    /// What was filled is to be folded. Nothing else may be being folded.
    pub(crate) fn freeze(&mut self) {
        debug_assert!(self.frozen.is_none(), "one generation is folded at a time");
        self.frozen = Some(Arc::new(std::mem::take(&mut self.active)));
        // Of a run that has a row in both, the newer one stands.
        self.frozen_rows.append(&mut self.rows);
        self.frozen_last = self.last;
        self.freezes += 1;
    }

    /// The last frame of which something is frozen.
    pub(crate) fn frozen_last(&self) -> Option<Link> {
        self.frozen_last
    }

    /// All of the frozen layer is in the tables.
    pub(crate) fn thaw(&mut self) {
        self.frozen = None;
    }

    /// Takes at most so many frozen rows out, which then must go into the tables or come back. A run that is opened and
    /// closed within a generation so is written once.
    pub(crate) fn take_frozen_rows(&mut self, most: usize) -> Vec<(RunId, Shown)> {
        std::iter::from_fn(|| self.frozen_rows.pop_first()).take(most).collect()
    }

    /// Takes all rows out, which then must go into the tables or come back; with the last frame that they came with.
    pub(crate) fn take_rows(&mut self) -> (Vec<(RunId, Shown)>, Option<Link>) {
        let mut rows = std::mem::take(&mut self.frozen_rows);
        rows.append(&mut self.rows);
        (rows.into_iter().collect(), self.last)
    }

    /// All rows, each as it is last.
    pub(crate) fn rows(&self) -> Vec<(RunId, Shown)> {
        let rows = self.frozen_rows.iter().filter(|(run_id, _)| !self.rows.contains_key(run_id)).chain(&self.rows);
        rows.map(|(run_id, row)| (*run_id, row.clone())).collect()
    }

    /// Takes rows back; newer ones that came meanwhile are written after them.
    pub(crate) fn return_rows(&mut self, rows: Vec<(RunId, Shown)>) {
        self.frozen_rows.extend(rows);
    }
}

impl Layer {
    fn pairs(&mut self, shard: ShardId) -> &mut Pairs {
        self.shards.entry(shard).or_default()
    }

    fn get(&self, shard: ShardId, key: &[u8]) -> Option<Option<Bytes>> {
        self.shards.get(&shard)?.get(key)
    }

    /// How many pairs it has.
    pub(crate) fn len(&self) -> usize {
        self.shards.values().map(|pairs| pairs.map.len()).sum()
    }

    /// The deleted prefixes, which count before its pairs do.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = (ShardId, &Bytes)> {
        self.shards.iter().flat_map(|(shard, pairs)| pairs.gone.iter().map(|prefix| (*shard, prefix)))
    }

    /// The pairs behind a place, in order.
    pub(crate) fn behind<'a>(
        &'a self,
        place: Option<&'a (ShardId, Bytes)>,
    ) -> impl Iterator<Item = (ShardId, &'a Bytes, Option<&'a Bytes>)> {
        let from = place.map_or(ShardId(0), |(shard, _)| *shard);
        self.shards.range(from..).flat_map(move |(shard, pairs)| {
            let start = match place.filter(|(of, _)| of == shard) {
                Some((_, key)) => Bound::Excluded(key.clone()),
                None => Bound::Unbounded,
            };
            pairs.map.range((start, Bound::Unbounded)).map(|(key, value)| (*shard, key, value.as_ref()))
        })
    }
}

impl Pairs {
    fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        match self.map.get(key) {
            Some(found) => Some(found.clone()),
            None => self.hides(key).then_some(None),
        }
    }

    /// Whether a prefix that the key begins with was deleted.
    fn hides(&self, key: &[u8]) -> bool {
        // As none of them begins with another one, only the last before the key can be the one.
        !self.gone.is_empty() && self.gone.get_prev(key).is_some_and(|prefix| key.starts_with(prefix))
    }

    fn delete_prefix(&mut self, prefix: Bytes) {
        let doomed = |key: &Bytes| key.starts_with(&prefix);
        let keys: Vec<Bytes> =
            self.map.range(prefix.clone()..).map(|(key, _)| key.clone()).take_while(doomed).collect();
        for key in keys {
            self.map.remove(&key);
        }
        if self.hides(&prefix) {
            return;
        }
        let narrower: Vec<Bytes> = self.gone.range(prefix.clone()..).take_while(|key| doomed(key)).cloned().collect();
        for prefix in narrower {
            self.gone.remove(&prefix);
        }
        self.gone.insert(prefix);
    }
}

impl View {
    /// The keys of a range that the layers know of, in order, with what they know.
    pub(crate) fn range(&self, range: &Range<Bytes>) -> impl Iterator<Item = (&Bytes, Option<&Bytes>)> {
        let mut active = self.active.map.range(range.clone()).peekable();
        let mut frozen = self.frozen.map.range(range.clone()).peekable();
        std::iter::from_fn(move || {
            let is_below = |upper: Option<&(&Bytes, _)>, key: &Bytes| upper.is_none_or(|(next, _)| key < *next);
            if let Some((key, value)) = frozen.next_if(|(key, _)| is_below(active.peek(), key)) {
                return Some((key, value.as_ref().filter(|_| !self.active.hides(key))));
            }
            let (key, value) = active.next()?;
            // What stands above counts.
            frozen.next_if(|(lower, _)| *lower == key);
            Some((key, value.as_ref()))
        })
    }

    /// Whether a key of the tables that `range` does not give is deleted.
    pub(crate) fn hides(&self, key: &[u8]) -> bool {
        self.active.hides(key) || self.frozen.hides(key)
    }
}
