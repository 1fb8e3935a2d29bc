//! What a commit costs: run it beside an older one, under `perf stat -e instructions:u,task-clock`.

mod folder;
mod shown;

use std::sync::Arc;

use folder::Folder;
use model::{RunId, ShardId};
use shown::{everything, row};
use store::{Batch, Change, Lists as _, Shards as _, visibility::Row};
use store_sqlite::{OpenOptions, SqliteStore};
use uuid::Uuid;

const SHARD: ShardId = ShardId(0);
const COMMITS: u64 = 60_000;

/// About what a step of eight workflows writes that are under way at once: a state that changes, history that is added, a task
/// that comes and goes, and a row of lists.
fn changes(number: u64) -> Vec<Change> {
    let key = |what: &str, number: u64| [what.as_bytes(), &number.to_be_bytes()].concat();
    let put = |key: Vec<u8>, bytes: usize| Change::Put { key, value: vec![number as u8; bytes].into() };
    (0..8)
        .flat_map(|step| {
            let run = number / 4 * 8 + step;
            let run_id = RunId(Uuid::from_u128(run.into()));
            [
                put(key("state", run), 400),
                put(key("history", run * 4 + number % 4), 300),
                put(key("task", number * 8 + step), 40),
                Change::Delete { key: key("task", number.wrapping_sub(1).wrapping_mul(8).wrapping_add(step)) },
                Change::Show(Box::new(Row { history_length: number as i64, ..row(run_id) })),
            ]
        })
        .collect()
}

#[test]
#[ignore = "it is measured from outside"]
fn many_commits() {
    let folder = Folder::new("cost");
    let store = SqliteStore::open(folder.file("data.db"), OpenOptions::default()).unwrap();
    let epoch = store.acquire(SHARD).unwrap();
    for number in 0..COMMITS / 8 {
        let batch = Arc::new(Batch { changes: changes(number) });
        assert_eq!(store.commit(&[(SHARD, epoch, batch)]), [Ok(())]);
        if store.is_behind() {
            store.catch_up();
        }
    }
    assert_eq!(store.query(&everything()).unwrap().rows.len(), 100);
}
