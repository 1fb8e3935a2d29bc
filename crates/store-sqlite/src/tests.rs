//! What only the inside of a store can bring about.

#[path = "../tests/folder/mod.rs"]
mod folder;
#[path = "../tests/left/mod.rs"]
mod left;

use std::{fs::File, sync::Arc};

use folder::Folder;
use left::copy_as_killed;
use store::{Batch, Change, CommitError};

use super::*;

#[test]
fn nothing_is_appended_behind_a_write_that_failed() {
    let folder = Folder::new("failed");
    let path = folder.file("data.db");
    let shard = ShardId(0);
    let store = SqliteStore::open(&path, OpenOptions::default()).unwrap();
    let epoch = store.acquire(shard).unwrap();
    let commit = |key: u8| {
        let put = Change::Put { key: vec![key], value: Bytes::from_static(b"value") };
        store.commit(&[(shard, epoch, Arc::new(Batch { changes: vec![put] }))]).remove(0)
    };
    let held = |store: &SqliteStore| (0..5).filter(|key| store.get(shard, &[*key]).unwrap().is_some()).collect();
    assert_eq!(commit(0), Ok(()));
    let unwritable = File::open(&path).unwrap();
    let file = store.committer().log.replace_file(unwritable);
    for key in [1, 2] {
        assert!(matches!(commit(key), Err(CommitError::Store(StoreError::Io(_)))));
        assert_eq!(store.folding.layers().get(shard, &[key]), None);
    }
    let generation = store.committer().log.generation();
    drop(store.committer().log.replace_file(file));
    assert_eq!(commit(3), Ok(()));
    assert_eq!(store.committer().log.generation(), generation + 1, "what the failed write left is behind no frame");
    let kept: Vec<u8> = held(&store);
    assert_eq!(kept, [0, 3]);
    let copy = folder.file("copy.db");
    copy_as_killed(&path, &copy);
    let kept: Vec<u8> = held(&SqliteStore::open(&copy, OpenOptions::default()).unwrap());
    assert_eq!(kept, [0, 3]);
}

#[test]
fn what_became_of_a_failed_sync_is_settled_by_an_acquire() {
    let folder = Folder::new("unknown");
    let path = folder.file("data.db");
    let shard = ShardId(0);
    let store = SqliteStore::open(&path, OpenOptions::default()).unwrap();
    let commit = |epoch: Epoch, key: u8| {
        let put = Change::Put { key: vec![key], value: Bytes::from_static(b"value") };
        store.commit(&[(shard, epoch, Arc::new(Batch { changes: vec![put] }))]).remove(0)
    };
    let held = |store: &SqliteStore| -> Vec<u8> {
        (0..5).filter(|key| store.get(shard, &[*key]).unwrap().is_some()).collect()
    };
    let after_a_kill = |name: &str| {
        let copy = folder.file(name);
        copy_as_killed(&path, &copy);
        held(&SqliteStore::open(&copy, OpenOptions::default()).unwrap())
    };
    let first = store.acquire(shard).unwrap();
    assert_eq!(commit(first, 0), Ok(()));
    store.committer().log.fails_to_sync = true;
    let unknown = commit(first, 1);
    assert!(matches!(unknown, Err(CommitError::Unknown(_))), "{unknown:?}");
    assert_eq!(after_a_kill("before.db"), [0, 1], "it was written");
    store.committer().log.fails_to_sync = false;
    let second = store.acquire(shard).unwrap();
    assert_eq!(held(&store), [0]);
    assert_eq!(after_a_kill("after.db"), [0], "what was read after the acquire stays");
    assert_eq!(commit(first, 2), Err(CommitError::Fenced { shard, current: second }));
    assert_eq!(commit(second, 3), Ok(()));
    assert_eq!(after_a_kill("later.db"), [0, 3]);
}

#[test]
fn a_store_that_is_kept_up_folds_by_itself() {
    let folder = Folder::new("kept-up");
    let options = OpenOptions { segment_bytes: 100_000, ..OpenOptions::default() };
    let store = SqliteStore::open(folder.file("data.db"), options).unwrap();
    let shard = ShardId(0);
    let epoch = store.acquire(shard).unwrap();
    let commit = |number: u32| {
        let put = Change::Put { key: number.to_be_bytes().to_vec(), value: Bytes::from(vec![7; 100]) };
        assert_eq!(store.commit(&[(shard, epoch, Arc::new(Batch { changes: vec![put] }))]), [Ok(())]);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| store.keep_up());
        // Until a first generation is being folded, and then until it is, whichever of the two threads is the faster.
        let mut numbers = 0..;
        while store.folding.layers().frozen().is_none() {
            numbers.by_ref().take(1).for_each(commit);
        }
        while !store.upkeep.is_kept() {
            std::thread::yield_now();
        }
        while store.folding.layers().frozen().is_some() {
            numbers.by_ref().take(1).for_each(commit);
            std::thread::yield_now();
        }
        store.end_upkeep();
    });
    assert!(!store.upkeep.is_kept());
}
