//! Pages of history: from what is at hand, or from the store.

use bytes::Bytes;
use store::{Key, Store, StoreError, key};

use crate::HistoryRange;

/// The batches at hand that hold the range.
pub(super) fn from_recent(range: &HistoryRange, max_events: usize) -> Vec<Bytes> {
    let ends = range.recent.iter().skip(1).map(|(first, _)| *first).chain([i64::MAX]);
    let wanted = range.recent.iter().zip(ends).filter(|((first, _), end)| *end > range.from && *first < range.before);
    let last = range.from.saturating_add(i64::try_from(max_events).unwrap_or(i64::MAX));
    wanted.take_while(|((first, _), _)| *first < last).map(|((_, batch), _)| batch.clone()).collect()
}

/// The stored batches that hold the range.
///
/// # Errors
/// When the storage fails.
pub(super) fn read_batches(
    store: &dyn Store,
    range: &HistoryRange,
    max_events: usize,
) -> Result<Vec<Bytes>, StoreError> {
    let last = range.from.saturating_add(i64::try_from(max_events).unwrap_or(i64::MAX)).min(range.before);
    // The batch that holds the first event may begin before it: a step writes one batch, whatever its length.
    let all = key::within(&Key::history_prefix(range.run_id));
    let end = Key::History(range.run_id, last).encode();
    let first = first_batch(store, range, &all.start)?;
    let page = store.scan(range.shard, &first, &end, usize::MAX)?;
    Ok(page.pairs.into_iter().map(|(_, value)| value).collect())
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
        let page = store.scan(range.shard, &low, &exact, usize::MAX)?;
        if let Some((key, _)) = page.pairs.into_iter().next_back() {
            return Ok(key);
        }
        if from == 1 {
            return Ok(exact);
        }
        stride *= 8;
    }
}
