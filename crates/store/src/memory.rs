//! The engine in memory: what a development server without a file runs on, what the simulator builds its disks from, and
//! the plainest statement of the contract.

use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use bytes::Bytes;
use imbl::OrdMap;
use model::{Epoch, NamespaceId, RunId, ShardId};

use crate::{
    Batch, Change, CommitError, Committed, Lists, MOST_PAIRS, Medium, Page, Shards, StoreError, Submission,
    key::prefix_end,
    visibility::{Cursor, GroupCount, Position, Query, QueryPage, Row, Value},
};

/// Rows that are looked at for a page; where it is not full by then, it is short.
const PAGE_ROWS: usize = 20_000;

/// A store that lives as long as the process. A clone is an independent copy of the whole content, made in constant time.
#[derive(Debug, Default)]
pub struct MemoryStore {
    content: RwLock<Content>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    shards: BTreeMap<ShardId, Shard>,
    /// In the order of lists, namespace by namespace.
    rows: OrdMap<(NamespaceId, Position), Arc<Row>>,
    /// Where the row of a run stands.
    places: OrdMap<RunId, (NamespaceId, Position)>,
}

#[derive(Clone, Debug, Default)]
struct Shard {
    epoch: Epoch,
    pairs: OrdMap<Vec<u8>, Bytes>,
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }

    // A panic inside a change would be a defect of this module; the content is still a map, so go on.
    fn read(&self) -> RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows of lists as they are now: no commit waits for who looks at them.
    fn rows(&self) -> Content {
        Content { rows: self.read().rows.clone(), ..Content::default() }
    }

    fn write(&self) -> RwLockWriteGuard<'_, Content> {
        self.content.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self { content: RwLock::new(self.read().clone()) }
    }
}

impl Shards for MemoryStore {
    fn acquire_all(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        let mut content = self.write();
        let mut acquire = |shard: &ShardId| {
            let shard = content.shards.entry(*shard).or_default();
            shard.epoch.0 += 1;
            shard.epoch
        };
        Ok(shards.iter().map(&mut acquire).collect())
    }

    fn submit(&self, submission: Submission) -> Option<Committed> {
        let mut content = self.write();
        let commits = submission.commits().iter();
        let results = commits.map(|(shard, epoch, batch)| content.commit(*shard, *epoch, batch)).collect();
        submission.at_once(results)
    }

    fn medium(&self) -> Medium {
        Medium::Memory
    }

    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let content = self.read();
        Ok(content.shards.get(&shard).and_then(|shard| shard.pairs.get(key)).cloned())
    }

    fn scan(&self, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Result<Page, StoreError> {
        let content = self.read();
        let Some(shard) = content.shards.get(&shard).filter(|_| start < end) else {
            return Ok(Page::default());
        };
        let mut found = shard.pairs.range(start.to_vec()..end.to_vec());
        let pairs =
            found.by_ref().take(limit.min(MOST_PAIRS)).map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(Page { pairs, more: found.next().is_some() })
    }
}

impl Lists for MemoryStore {
    fn query(&self, query: &Query) -> Result<QueryPage, StoreError> {
        let content = self.rows();
        let mut page = QueryPage::default();
        for (seen, row) in content.behind(query).enumerate() {
            if seen == PAGE_ROWS {
                return Ok(page);
            }
            let cursor = Cursor::of(row);
            if selects(query, row) {
                page.rows.push(Row::clone(row));
            }
            page.next = Some(cursor);
            if page.rows.len() == query.limit {
                return Ok(page);
            }
        }
        page.next = None;
        Ok(page)
    }

    fn count(&self, query: &Query) -> Result<Vec<GroupCount>, StoreError> {
        let content = self.rows();
        if query.group_by.is_empty() {
            let all = content.behind(query).filter(|row| selects(query, row)).count();
            return Ok(vec![(Vec::new(), i64::try_from(all).unwrap_or(i64::MAX))]);
        }
        let mut groups: Vec<(Vec<Option<Value>>, GroupCount)> = Vec::new();
        for row in content.behind(query).filter(|row| selects(query, row)) {
            let key: Vec<_> = query.group_by.iter().map(|name| row.value(name).map(Cow::into_owned)).collect();
            match groups.iter_mut().find(|(other, _)| *other == key) {
                Some((_, (_, count))) => *count += 1,
                None => {
                    let named = query.group_by.iter().zip(&key);
                    let group = named.map(|(name, value)| Some(Row::as_group(name, value.clone()?))).collect();
                    groups.push((key, (group, 1)));
                }
            }
        }
        groups.sort_by(|(left, _), (right, _)| left.partial_cmp(right).unwrap_or(Ordering::Equal));
        Ok(groups.into_iter().map(|(_, group)| group).collect())
    }
}

impl Content {
    fn commit(&mut self, shard: ShardId, epoch: Epoch, batch: &Batch) -> Result<(), CommitError> {
        let current = self.shards.get(&shard).map_or(Epoch(0), |shard| shard.epoch);
        // Epoch zero is the one before the first owner: nobody commits under it.
        if epoch != current || current == Epoch(0) {
            return Err(CommitError::Fenced { shard, current });
        }
        for change in &batch.changes {
            self.apply(shard, change);
        }
        Ok(())
    }

    fn apply(&mut self, shard: ShardId, change: &Change) {
        let pairs = &mut self.shards.entry(shard).or_default().pairs;
        match change {
            Change::Put { key, value } => {
                pairs.insert(key.clone(), value.clone());
            }
            Change::Delete { key } => {
                pairs.remove(key);
            }
            Change::DeletePrefix { prefix } => {
                let doomed = pairs.range(prefix.clone()..prefix_end(prefix));
                let doomed: Vec<Vec<u8>> = doomed.map(|(key, _)| key.clone()).collect();
                for key in doomed {
                    pairs.remove(&key);
                }
            }
            Change::Show(row) => {
                self.hide(row.run_id);
                let place = (row.namespace, Cursor::of(row).position());
                self.places.insert(row.run_id, place);
                self.rows.insert(place, Arc::new(Row::clone(row)));
            }
            Change::Hide { run_id } => self.hide(*run_id),
        }
    }

    fn hide(&mut self, run_id: RunId) {
        if let Some(place) = self.places.remove(&run_id) {
            self.rows.remove(&place);
        }
    }

    /// The rows of a query's namespace in order, from behind its cursor on.
    fn behind<'a>(&'a self, query: &'a Query) -> impl Iterator<Item = &'a Arc<Row>> {
        let namespace = query.namespace;
        let start = query.after.as_ref().map_or(Position::FIRST, Cursor::position);
        let passed = query.after.as_ref().map(Cursor::position);
        self.rows
            .range((namespace, start)..)
            .take_while(move |((owner, _), _)| *owner == namespace)
            .skip_while(move |((_, position), _)| Some(*position) == passed)
            .map(|(_, row)| row)
    }
}

/// Whether the row passes the query's filter.
fn selects(query: &Query, row: &Row) -> bool {
    query.filter.as_ref().is_none_or(|filter| filter.selects(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_contract() {
        crate::conformance::check(MemoryStore::new, |store| store.clone());
    }

    #[test]
    fn a_clone_goes_its_own_way() {
        let store = MemoryStore::new();
        let shard = ShardId(0);
        let epoch = store.acquire(shard).unwrap();
        let copy = store.clone();
        let change = Change::Delete { key: vec![1] };
        let batch = Arc::new(Batch { changes: vec![change] });
        copy.acquire(shard).unwrap();
        assert_eq!(store.commit(&[(shard, epoch, batch.clone())]), [Ok(())]);
        assert!(copy.commit(&[(shard, epoch, batch)])[0].is_err());
    }
}
