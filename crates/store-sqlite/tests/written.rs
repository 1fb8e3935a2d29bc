//! What a commit makes the kernel write.
#![cfg(target_os = "linux")]

mod folder;

use std::{fs, sync::Arc};

use folder::Folder;
use model::ShardId;
use store::{Batch, Change, Shards as _};
use store_sqlite::{OpenOptions, SqliteStore};

const SHARD: ShardId = ShardId(0);
const COMMITS: u64 = 100;
/// Of a commit's value: together they go far into what was filled.
const BYTES: usize = 4_000;
/// Pages of a commit: two or three of the log, and one that says how far it goes.
const MOST: u64 = 16 * 1024;

/// Bytes that this process has made the kernel write, as `proc_pid_io(5)` counts them: whole pieces of its cache. On a disk
/// in memory none.
fn written() -> u64 {
    let text = fs::read_to_string("/proc/self/io").expect("the kernel counts");
    let mut lines = text.lines();
    let bytes = lines.find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok());
    bytes.expect("it counts what is written")
}

#[test]
fn a_small_commit_writes_a_few_pages_however_far_the_log_is_filled_ahead() {
    // From here on the system's allocator hands out memory that was used before: pages that were never touched are written one
    // by one anyhow.
    for mebibytes in [8, 4] {
        drop(std::hint::black_box(vec![1_u8; mebibytes << 20]));
    }
    let folder = Folder::new("written");
    let store = SqliteStore::open(folder.file("data.db"), OpenOptions::default()).unwrap();
    let epoch = store.acquire(SHARD).unwrap();
    let commit = |number: u64| {
        let change = Change::Put { key: number.to_be_bytes().to_vec(), value: vec![1; BYTES].into() };
        assert_eq!(store.commit(&[(SHARD, epoch, Arc::new(Batch { changes: vec![change] }))]), [Ok(())]);
    };
    commit(0);
    let before = written();
    (1..=COMMITS).for_each(commit);
    let each = (written() - before) / COMMITS;
    assert!(each <= MOST, "{each} bytes for each commit");
}
