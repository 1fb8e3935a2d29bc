//! The storage contract as a script that every engine's tests run. It panics where an engine differs.

mod draw;
mod pairs;
mod rows;
mod sessions;

use std::{fmt::Display, sync::Arc};

use bytes::Bytes;
use model::{Epoch, ShardId};

use crate::{Batch, Change, CommitError, Store};

/// Runs everything. `fresh` opens an empty store; `reopen` ends one and opens it again with what it held.
///
/// # Panics
/// Where the engine does not keep the contract.
pub fn check<S: Store>(mut fresh: impl FnMut() -> S, mut reopen: impl FnMut(S) -> S) {
    pairs::a_commit_needs_the_newest_epoch(&fresh());
    pairs::a_fenced_batch_fails_alone(&fresh());
    pairs::changes_happen_in_order(&fresh());
    pairs::prefixes_are_deleted_whole(&fresh());
    pairs::scans_page_in_key_order(&fresh());
    pairs::scans_are_bounded(&fresh());
    pairs::shards_are_apart(&fresh());
    pairs::large_values_come_back(&fresh());
    sessions::an_unknown_outcome_is_settled_by_an_acquire(&fresh());
    sessions::an_acquire_waits_for_what_is_under_way(&fresh());
    sessions::a_submission_completes_once(&fresh());
    rows::rows_come_back_whole(&fresh());
    rows::a_row_is_replaced_and_hidden(&fresh());
    rows::lists_are_in_order_and_page(&fresh());
    rows::namespaces_are_apart(&fresh());
    rows::counts_group(&fresh());
    rows::filters_mean_the_same(&fresh());
    let store = fresh();
    let epoch = pairs::fill(&store);
    rows::fill(&store, epoch);
    let store = reopen(store);
    pairs::is_filled(&store, epoch);
    rows::is_filled(&store);
}

const SHARD: ShardId = ShardId(3);

/// The value of a call that has no reason to fail.
fn done<T, E: Display>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the store failed: {error}"),
    }
}

fn acquire(store: &impl Store) -> Epoch {
    done(store.acquire(SHARD))
}

fn batch(changes: Vec<Change>) -> Arc<Batch> {
    Arc::new(Batch { changes })
}

fn commit(store: &impl Store, epoch: Epoch, changes: Vec<Change>) -> Result<(), CommitError> {
    let mut results = store.commit(&[(SHARD, epoch, batch(changes))]);
    assert_eq!(results.len(), 1, "one result for each batch");
    results.remove(0)
}

fn put(key: &str, value: &str) -> Change {
    Change::Put { key: key.as_bytes().to_vec(), value: Bytes::copy_from_slice(value.as_bytes()) }
}

fn delete(key: &str) -> Change {
    Change::Delete { key: key.as_bytes().to_vec() }
}

fn delete_prefix(prefix: &str) -> Change {
    Change::DeletePrefix { prefix: prefix.as_bytes().to_vec() }
}

fn get(store: &impl Store, key: &str) -> Option<String> {
    done(store.get(SHARD, key.as_bytes())).map(|value| String::from_utf8_lossy(&value).into_owned())
}
