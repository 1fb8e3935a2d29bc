//! Keys of older formats, brought up to date: once for all engines, by nothing but their contract.
//!
//! An older key has a tag of its own, so it is known as one wherever it stands, and a shard may hold both kinds. A commit
//! takes some rows from their old keys to their new ones, all of them or none; so this may end at any moment, and what is
//! left is done when it is called again. Values stay as they are.

use std::sync::Arc;

use bytes::Bytes;
use model::{EntityKind, Epoch, ShardId};

use crate::{Batch, Change, CommitError, Store, StoreError, key::tag};

/// The format of the keys that this version writes. It stands in the record of the cluster, which names none where it is
/// older than the second format.
pub const KEY_FORMAT: u32 = 2;

/// Rows that one commit takes along.
const PAGE: usize = 2_000;

/// A kind of key that named a run, as all were before there were kinds of entities.
struct Former {
    tag: u8,
    /// The tag that took its place.
    now: u8,
    /// Where the entity's kind stands in the new key.
    kind_at: fn(&[u8]) -> Option<usize>,
}

/// The tags of the first format. They are never used again.
const FORMER: [Former; 4] = [
    // The namespace, and then the workflow id.
    Former { tag: 0x10, now: tag::CURRENT, kind_at: |_| Some(17) },
    // The time, and then the run id.
    Former { tag: 0x40, now: tag::WAKE, kind_at: |_| Some(9) },
    // The queue, its order, and then the run id and an event id.
    Former { tag: 0x50, now: tag::TASK, kind_at: |key| key.len().checked_sub(24) },
    // The run id, and then the message.
    Former { tag: 0x60, now: tag::OUTBOX, kind_at: |_| Some(1) },
];

/// Rewrites the keys of an older format in these shards, which belong to the caller alone. Returns how many there were.
///
/// # Errors
/// When the storage fails, or a key is damaged. What was rewritten by then stays so.
pub fn run(store: &dyn Store, shards: &[ShardId]) -> Result<u64, StoreError> {
    let epochs = store.acquire_all(shards)?;
    let mut rewritten = 0;
    for (shard, epoch) in shards.iter().zip(epochs) {
        for former in &FORMER {
            rewritten += former.rewrite(store, *shard, epoch)?;
        }
    }
    Ok(rewritten)
}

impl Former {
    fn rewrite(&self, store: &dyn Store, shard: ShardId, epoch: Epoch) -> Result<u64, StoreError> {
        let (mut from, end) = (vec![self.tag], [self.tag + 1]);
        let mut rewritten = 0;
        loop {
            let page = store.scan(shard, &from, &end, PAGE)?;
            let Some((last, _)) = page.pairs.last() else { return Ok(rewritten) };
            // Behind the last: those before are gone, and an engine may have to step over what is left of them.
            from = [last, &[0][..]].concat();
            rewritten += page.pairs.len() as u64;
            let changes = page.pairs.into_iter().map(|(key, value)| self.changes(key, value));
            let changes: Vec<_> = changes.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
            commit(store, shard, epoch, changes)?;
            if !page.more {
                return Ok(rewritten);
            }
        }
    }

    fn changes(&self, old: Vec<u8>, value: Bytes) -> Result<[Change; 2], StoreError> {
        let key = self.new_key(&old).ok_or_else(|| {
            let hex: String = old.iter().take(64).map(|byte| format!("{byte:02x}")).collect();
            StoreError::Unusable(format!("a stored key of an older format is damaged: {hex}. Restore a copy."))
        })?;
        Ok([Change::Delete { key: old }, Change::Put { key, value }])
    }

    /// The same key with the kind of entity that it then could name alone.
    fn new_key(&self, old: &[u8]) -> Option<Vec<u8>> {
        let (before, behind) = old.split_at_checked((self.kind_at)(old)?)?;
        let fields = before.strip_prefix(&[self.tag])?;
        let key = [&[self.now][..], fields, &[EntityKind::Run.number()], behind].concat();
        crate::Key::decode(&key).is_ok().then_some(key)
    }
}

fn commit(store: &dyn Store, shard: ShardId, epoch: Epoch, changes: Vec<Change>) -> Result<(), StoreError> {
    let batch = Arc::new(Batch { changes });
    let results = store.commit(&[(shard, epoch, batch)]);
    results.into_iter().try_for_each(|result| {
        result.map_err(|error| match error {
            CommitError::Store(error) => error,
            // Whatever it was, the next start reads what there is.
            other @ (CommitError::Fenced { .. } | CommitError::Unknown(_)) => StoreError::Io(other.to_string()),
        })
    })
}

#[cfg(test)]
mod tests;
