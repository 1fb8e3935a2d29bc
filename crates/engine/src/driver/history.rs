//! Pages of history: from what is at hand, or from the store.

use bytes::Bytes;
use store::{Key, Store, StoreError, key};

use crate::HistoryRange;

/// Batches that are read at first, to see how large they are.
const FIRST_ROWS: usize = 16;

/// How much of a history is read at once: until one of both is reached. The batch in which that happens comes whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// Events of the range.
    pub events: usize,
    /// Bytes of the encoded batches.
    pub bytes: usize,
}

impl PageLimit {
    /// All of it.
    pub const NONE: Self = Self { events: usize::MAX, bytes: usize::MAX };

    /// The first event behind the last that is asked for.
    fn end(self, from: i64) -> i64 {
        from.saturating_add(i64::try_from(self.events).unwrap_or(i64::MAX))
    }
}

/// The batches at hand that hold the range.
pub(super) fn from_recent(range: &HistoryRange, limit: PageLimit) -> Vec<Bytes> {
    let ends = range.recent.iter().skip(1).map(|(first, _)| *first).chain([i64::MAX]);
    let wanted = range.recent.iter().zip(ends).filter(|((first, _), end)| *end > range.from && *first < range.before);
    let (last, mut bytes) = (limit.end(range.from), 0_usize);
    let mut found = Vec::new();
    for ((first, batch), _) in wanted {
        if *first >= last || bytes >= limit.bytes {
            break;
        }
        bytes = bytes.saturating_add(batch.len());
        found.push(batch.clone());
    }
    found
}

/// The stored batches that hold the range.
///
/// # Errors
/// When the storage fails.
pub(super) fn read_batches(
    store: &dyn Store,
    range: &HistoryRange,
    limit: PageLimit,
) -> Result<Vec<Bytes>, StoreError> {
    // The batch that holds the first event may begin before it: a step writes one batch, whatever its length.
    let all = key::within(&Key::history_prefix(range.run_id));
    let end = Key::History(range.run_id, limit.end(range.from).min(range.before)).encode();
    let mut start = first_batch(store, range, &all.start)?;
    let (mut found, mut bytes) = (Vec::new(), 0_usize);
    let mut rows = if limit.bytes == usize::MAX { usize::MAX } else { FIRST_ROWS };
    loop {
        let page = store.scan(range.shard, &start, &end, rows)?;
        for (key, batch) in page.pairs {
            if bytes >= limit.bytes {
                return Ok(found);
            }
            bytes = bytes.saturating_add(batch.len());
            found.push(batch);
            start = key;
        }
        if !page.more || bytes >= limit.bytes {
            return Ok(found);
        }
        // The first key behind the last one.
        start.push(0);
        // As many more as fit, if they are as large as those.
        rows = ((limit.bytes - bytes) / (bytes / found.len()).max(1)).max(FIRST_ROWS);
    }
}

/// The key of the batch that holds the first event of the range.
fn first_batch(store: &dyn Store, range: &HistoryRange, start: &[u8]) -> Result<Vec<u8>, StoreError> {
    let exact = Key::History(range.run_id, range.from).encode();
    if range.from <= 1 || store.get(range.shard, &exact)?.is_some() {
        return Ok(exact);
    }
    // Look back in growing strides until a batch begins in the stride.
    let mut stride = 16;
    loop {
        let from = (range.from - stride).max(1);
        let low = if from == 1 { start.to_vec() } else { Key::History(range.run_id, from).encode() };
        let pairs = store::scan_all(store, range.shard, low..exact.clone())?;
        if let Some((key, _)) = pairs.into_iter().next_back() {
            return Ok(key);
        }
        if from == 1 {
            return Ok(exact);
        }
        stride *= 8;
    }
}

#[cfg(test)]
mod tests {
    use std::{iter, sync::Arc};

    use model::{RunId, ShardId};
    use store::{Batch, Change, MemoryStore, Shards as _};

    use super::*;

    /// A history of batches of two events each, of so many bytes.
    fn range(sizes: &[usize]) -> (MemoryStore, HistoryRange) {
        let (store, run_id) = (MemoryStore::default(), RunId::default());
        let batches: Vec<_> = iter::successors(Some(1), |first| Some(first + 2))
            .zip(sizes.iter().map(|size| Bytes::from(vec![0; *size])))
            .collect();
        let put = |(first, value): &(i64, Bytes)| Change::Put {
            key: Key::History(run_id, *first).encode(),
            value: value.clone(),
        };
        let batch = Arc::new(Batch { changes: batches.iter().map(put).collect() });
        let epoch = store.acquire(ShardId(0)).unwrap();
        store.commit(&[(ShardId(0), epoch, batch)]).remove(0).unwrap();
        let before = 1 + 2 * i64::try_from(sizes.len()).unwrap();
        (store, HistoryRange { shard: ShardId(0), run_id, from: 1, before, recent: batches })
    }

    #[test]
    fn a_page_ends_with_the_batch_that_fills_it() {
        let sizes: Vec<_> = (0..100).map(|number| 10 + number % 7).collect();
        let (store, range) = range(&sizes);
        for bytes in [0, 1, 10, 11, 159, 160, 161, 700, 1_274, 1_275, usize::MAX] {
            for events in [1, 2, 3, 60, usize::MAX] {
                let limit = PageLimit { events, bytes };
                let by_events = sizes.len().min(events.div_ceil(2));
                let by_bytes = sizes.iter().scan(0, |sum, size| Some(std::mem::replace(sum, *sum + size)));
                let expected = by_bytes.take(by_events).take_while(|before| *before < bytes).count();
                let lengths = |batches: Vec<Bytes>| batches.iter().map(Bytes::len).collect::<Vec<_>>();
                assert_eq!(lengths(read_batches(&store, &range, limit).unwrap()), sizes[..expected], "{limit:?}");
                assert_eq!(lengths(from_recent(&range, limit)), sizes[..expected], "{limit:?}");
            }
        }
    }
}
