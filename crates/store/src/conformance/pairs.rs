//! Epochs, commits and the ordered byte map.

use bytes::Bytes;
use model::{Epoch, ShardId};

use super::{SHARD, acquire, batch, commit, delete, delete_prefix, done, get, put};
use crate::{Change, CommitError, MOST_PAIRS, Store, key::within, scan_all};

pub(super) fn a_commit_needs_the_newest_epoch(store: &impl Store) {
    let never = commit(store, Epoch(0), vec![put("k", "0")]);
    let fenced = |current| Err(CommitError::Fenced { shard: SHARD, current });
    assert_eq!(never, fenced(Epoch(0)), "nobody owns the shard yet");
    let first = acquire(store);
    done(commit(store, first, vec![put("k", "1")]));
    let second = acquire(store);
    assert_eq!(second.0, first.0 + 1);
    assert_eq!(commit(store, first, vec![put("k", "2")]), fenced(second));
    assert_eq!(commit(store, Epoch(second.0 + 1), vec![put("k", "3")]), fenced(second));
    assert_eq!(get(store, "k").as_deref(), Some("1"));
    done(commit(store, second, vec![put("k", "4")]));
    assert_eq!(get(store, "k").as_deref(), Some("4"));
}

pub(super) fn a_fenced_batch_fails_alone(store: &impl Store) {
    let other = ShardId(9);
    let epoch = acquire(store);
    let theirs = done(store.acquire(other));
    let results = store.commit(&[
        (SHARD, epoch, batch(vec![put("a", "1")])),
        (other, Epoch(0), batch(vec![put("a", "2")])),
        (SHARD, epoch, batch(vec![put("b", "3"), put("a", "4")])),
        (other, theirs, batch(vec![put("c", "5")])),
    ]);
    let failed: Vec<bool> = results.iter().map(Result::is_err).collect();
    assert_eq!(failed, [false, true, false, false]);
    assert_eq!(get(store, "a").as_deref(), Some("4"), "batches of one shard happen in order");
    assert_eq!(done(store.get(other, b"a")), None);
    assert_eq!(done(store.get(other, b"c")), Some(Bytes::from_static(b"5")));
}

pub(super) fn changes_happen_in_order(store: &impl Store) {
    let epoch = acquire(store);
    done(commit(store, epoch, vec![put("k", "1"), delete("k"), put("k", "2"), put("m", "1"), delete("m")]));
    assert_eq!(get(store, "k").as_deref(), Some("2"));
    assert_eq!(get(store, "m"), None);
    done(commit(store, epoch, vec![delete("k"), delete("never")]));
    assert_eq!(get(store, "k"), None);
    done(commit(store, epoch, vec![put("empty", "")]));
    assert_eq!(get(store, "empty").as_deref(), Some(""), "an empty value is a value");
}

pub(super) fn prefixes_are_deleted_whole(store: &impl Store) {
    let epoch = acquire(store);
    let raw = |key: &[u8]| Change::Put { key: key.to_vec(), value: Bytes::from_static(b"v") };
    done(commit(
        store,
        epoch,
        vec![
            put("r", "0"),
            put("r/", "1"),
            put("r/a", "2"),
            put("r0", "3"),
            raw(b"r/\xff\xff"),
            raw(b"q\xff"),
            raw(b"q\xff\xff"),
        ],
    ));
    let doomed = Change::DeletePrefix { prefix: b"q\xff".to_vec() };
    done(commit(store, epoch, vec![delete_prefix("r/"), doomed, put("r/new", "4")]));
    let left = done(store.scan(SHARD, b"", b"\xff", 100));
    let left: Vec<_> = left.pairs.into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, [b"r".to_vec(), b"r/new".to_vec(), b"r0".to_vec()]);
}

pub(super) fn scans_page_in_key_order(store: &impl Store) {
    let epoch = acquire(store);
    let keys: Vec<Vec<u8>> = (0..=255_u8).rev().map(|n| vec![7, n]).collect();
    let puts = keys.iter().map(|key| Change::Put { key: key.clone(), value: Bytes::copy_from_slice(key) });
    done(commit(store, epoch, puts.collect()));
    let range = within(&[7]);
    let mut start = range.start;
    let mut seen = Vec::new();
    loop {
        let page = done(store.scan(SHARD, &start, &range.end, 64));
        assert!(page.pairs.iter().all(|(key, value)| key == value));
        seen.extend(page.pairs.into_iter().map(|(key, _)| key));
        if !page.more {
            break;
        }
        assert_eq!(seen.len() % 64, 0, "a page with more behind it is full");
        start = seen[seen.len() - 1].clone();
        start.push(0);
    }
    assert!(seen.iter().eq(keys.iter().rev()));
    let few = done(store.scan(SHARD, &[7, 10], &[7, 12], 5));
    assert_eq!((few.pairs.len(), few.more), (2, false), "the end is not part of it");
    let none = done(store.scan(SHARD, &[7, 12], &[7, 10], 5));
    assert_eq!((none.pairs.len(), none.more), (0, false));
}

pub(super) fn scans_are_bounded(store: &impl Store) {
    let epoch = acquire(store);
    let keys: Vec<Vec<u8>> = (0..2 * MOST_PAIRS as u32).map(|n| [&[7][..], &n.to_be_bytes()].concat()).collect();
    let puts = keys.iter().map(|key| Change::Put { key: key.clone(), value: Bytes::from_static(b"v") });
    done(commit(store, epoch, puts.collect()));
    let range = within(&[7]);
    let page = done(store.scan(SHARD, &range.start, &range.end, usize::MAX));
    assert_eq!((page.pairs.len(), page.more), (MOST_PAIRS, true));
    let last = done(store.scan(SHARD, &keys[MOST_PAIRS], &range.end, usize::MAX));
    assert_eq!((last.pairs.len(), last.more), (MOST_PAIRS, false), "a page that is full may be the last");
    assert!(done(scan_all(store, SHARD, range)).into_iter().map(|(key, _)| key).eq(keys));
}

pub(super) fn shards_are_apart(store: &impl Store) {
    let epoch = acquire(store);
    done(commit(store, epoch, vec![put("k", "1")]));
    let other = ShardId(SHARD.0 + 1);
    assert_eq!(done(store.get(other, b"k")), None);
    let theirs = done(store.acquire(other));
    let cleared = store.commit(&[(other, theirs, batch(vec![delete_prefix("k")]))]);
    assert!(cleared[0].is_ok());
    assert_eq!(get(store, "k").as_deref(), Some("1"));
    assert_eq!(done(store.scan(other, b"", b"\xff", 5)).pairs, []);
}

pub(super) fn large_values_come_back(store: &impl Store) {
    let epoch = acquire(store);
    let value: Bytes = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let change = Change::Put { key: b"large".to_vec(), value: value.clone() };
    done(commit(store, epoch, vec![change]));
    assert_eq!(done(store.get(SHARD, b"large")), Some(value));
}

pub(super) fn fill(store: &impl Store) -> Epoch {
    acquire(store);
    let epoch = acquire(store);
    done(commit(store, epoch, vec![put("kept", "1"), put("gone", "1")]));
    done(commit(store, epoch, vec![delete("gone")]));
    epoch
}

pub(super) fn is_filled(store: &impl Store, epoch: Epoch) {
    assert_eq!(get(store, "kept").as_deref(), Some("1"));
    assert_eq!(get(store, "gone"), None);
    done(commit(store, epoch, vec![put("later", "1")]));
    assert_eq!(acquire(store).0, epoch.0 + 1, "epochs outlive the process");
}
