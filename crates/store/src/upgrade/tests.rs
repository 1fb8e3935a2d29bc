//! Rows as the first key format had them, in literal bytes.

use model::{EntityId, NamespaceId, QueueKey, QueueKind, RunId, Time};
use uuid::Uuid;

use super::*;
use crate::{Key, MemoryStore, Shards as _, key::OwnedKey};

const SHARDS: [ShardId; 2] = [ShardId(0), ShardId(5)];
const NAMESPACE: NamespaceId = NamespaceId(Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10));
const NAMESPACE_BYTES: &[u8] = b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10";
const RUN: RunId = RunId(Uuid::from_u128(0x1112_1314_1516_1718_191a_1b1c_1d1e_1f20));
const RUN_BYTES: &[u8] = b"\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20";

/// A key of the first format, and what it has to become.
fn former_keys() -> Vec<(Vec<u8>, OwnedKey)> {
    let entity = EntityId::from(RUN);
    let queue = QueueKey { namespace: NAMESPACE, kind: QueueKind::Activity, name: "a\0b".into() };
    let number = |last: u8| [0x80, 0, 0, 0, 0, 0, 0, last];
    vec![
        (
            [b"\x10", NAMESPACE_BYTES, b"order\x00\x01"].concat(),
            OwnedKey::Current { namespace: NAMESPACE, kind: EntityKind::Run, id: "order".to_owned() },
        ),
        (
            [b"\x10", NAMESPACE_BYTES, b"\x00\x01"].concat(),
            OwnedKey::Current { namespace: NAMESPACE, kind: EntityKind::Run, id: String::new() },
        ),
        ([b"\x40", &number(9)[..], RUN_BYTES].concat(), OwnedKey::Wake(Time(9), entity)),
        (
            [
                b"\x50",
                NAMESPACE_BYTES,
                b"\x02a\x00\xffb\x00\x01\x80\x00\x00\x03",
                &number(0),
                &number(7),
                RUN_BYTES,
                &number(5),
            ]
            .concat(),
            OwnedKey::Task { queue, priority: 3, pass: 0, since: Time(7), entity, item: 5 },
        ),
        ([b"\x60", RUN_BYTES, b"\x02", &number(8)].concat(), OwnedKey::Outbox(entity, 2, 8)),
    ]
}

/// What both formats write alike.
fn lasting_keys() -> Vec<Vec<u8>> {
    vec![Key::Cluster.encode(), Key::Run(RUN).encode(), Key::History(RUN, 1).encode(), b"\x70\x01".to_vec()]
}

fn commit_all(store: &MemoryStore, rows: impl Iterator<Item = (Vec<u8>, Bytes)>) {
    let changes: Vec<_> = rows.map(|(key, value)| Change::Put { key, value }).collect();
    for shard in SHARDS {
        let epoch = store.acquire(shard).unwrap();
        commit(store, shard, epoch, changes.clone()).unwrap();
    }
}

fn content(store: &MemoryStore) -> Vec<Vec<(Vec<u8>, Bytes)>> {
    SHARDS.map(|shard| store.scan(shard, b"", b"\xff", usize::MAX).unwrap().pairs).into()
}

fn value(number: usize) -> Bytes {
    Bytes::from(vec![number as u8; 3])
}

#[test]
fn each_former_key_gets_its_kind() {
    let (store, expected) = (MemoryStore::new(), MemoryStore::new());
    let lasting = || lasting_keys().into_iter().map(|key| (key, value(100)));
    let former = former_keys().into_iter().enumerate().map(|(number, (old, _))| (old, value(number)));
    let now = former_keys().into_iter().enumerate().map(|(number, (_, key))| (key.borrow().encode(), value(number)));
    commit_all(&store, former.chain(lasting()));
    commit_all(&expected, now.chain(lasting()));
    assert_eq!(run(&store, &SHARDS).unwrap(), 2 * former_keys().len() as u64);
    assert_eq!(content(&store), content(&expected));
    assert_eq!(run(&store, &SHARDS).unwrap(), 0, "there is nothing left to do");
    assert_eq!(content(&store), content(&expected));
}

/// A stop may leave any number of rows under their new keys. A second process goes on from there, with rows of both kinds,
/// and fences off the first.
#[test]
fn what_a_stop_left_is_done_by_the_next_start() {
    let rows = || former_keys().into_iter().enumerate();
    let all = MemoryStore::new();
    commit_all(&all, rows().map(|(number, (_, key))| (key.borrow().encode(), value(number))));
    for done in 0..=former_keys().len() {
        let store = MemoryStore::new();
        let key = |number, old, new: OwnedKey| if number < done { new.borrow().encode() } else { old };
        commit_all(&store, rows().map(|(number, (old, new))| (key(number, old, new), value(number))));
        let first = store.acquire(SHARDS[0]).unwrap();
        run(&store, &SHARDS).unwrap();
        assert_eq!(content(&store), content(&all), "{done} were done");
        assert!(commit(&store, SHARDS[0], first, Vec::new()).is_err(), "the process before writes nothing more");
    }
}

#[test]
fn more_rows_than_a_commit_takes_are_all_rewritten() {
    let store = MemoryStore::new();
    let wake = |number: u32| [b"\x40\x80\0\0\0", &number.to_be_bytes()[..], RUN_BYTES].concat();
    let number = 2 * PAGE as u32 + 1;
    commit_all(&store, (0..number).map(|number| (wake(number), Bytes::new())));
    assert_eq!(run(&store, &SHARDS).unwrap(), 2 * u64::from(number));
    for rows in content(&store) {
        assert_eq!(rows.len(), number as usize);
        assert!(rows.iter().all(|(key, _)| matches!(Key::decode(key), Ok(OwnedKey::Wake(..)))));
    }
}

#[test]
fn a_damaged_key_stops_it() {
    for damaged in [&b"\x40"[..], b"\x40short", b"\x50", b"\x10", b"\x60\x01\x02"] {
        let store = MemoryStore::new();
        commit_all(&store, [(damaged.to_vec(), Bytes::new())].into_iter());
        let text = run(&store, &SHARDS).unwrap_err().to_string();
        assert!(text.contains("a stored key of an older format is damaged"), "{text}");
        assert_eq!(content(&store)[0].len(), 1, "it is left as it was");
    }
}
