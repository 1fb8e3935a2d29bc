//! What only the inside of a store can bring about.

#[path = "../tests/folder/mod.rs"]
mod folder;
#[path = "../tests/left/mod.rs"]
mod left;

use std::fs::File;

use folder::Folder;
use left::copy_as_killed;
use store::Change;

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
