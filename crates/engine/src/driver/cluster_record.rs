//! What a store says of the cluster it belongs to; written when it is first used.

use std::sync::Arc;

use model::{ShardId, TokenKey};
use store::{Batch, Change, CommitError, Key, Store, StoreError, record, upgrade};

use super::random_id;
use crate::placement::HOME;

/// The value of `Key::Cluster`.
#[derive(Clone, PartialEq, prost::Message)]
struct ClusterRecord {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(uint32, tag = "2")]
    shards: u32,
    /// Thirty-two bytes.
    #[prost(bytes = "vec", tag = "3")]
    token_secret: Vec<u8>,
    /// What all keys of all shards are written in; zero: an older one than the second.
    #[prost(uint32, tag = "4")]
    key_format: u32,
}

/// The cluster's settings that never change.
pub(super) struct Cluster {
    pub(super) id: String,
    pub(super) shards: u32,
    pub(super) token_key: TokenKey,
}

/// Reads the settings, or writes them with `shards` and new secrets. Keys of an older format are brought up to date.
///
/// # Errors
/// When the storage fails, the record is damaged, or a newer version wrote the keys.
pub(super) fn load_or_create(store: &dyn Store, shards: u32) -> Result<Cluster, StoreError> {
    let record = match store.get(HOME, &Key::Cluster.encode())? {
        Some(value) => up_to_date(store, record::decode(value)?)?,
        None => {
            let halves = [random_id(), random_id(), random_id(), random_id()];
            let record = ClusterRecord {
                id: random_id().to_string(),
                shards: shards.max(1),
                // A version 4 UUID has 122 random bits; two bytes of each fixed pattern are folded away.
                token_secret: fold(halves),
                key_format: upgrade::KEY_FORMAT,
            };
            put(store, &record)?;
            record
        }
    };
    let secret = <[u8; 32]>::try_from(record.token_secret.as_slice())
        .map_err(|_| StoreError::Unusable("the stored token secret is damaged".into()))?;
    Ok(Cluster { id: record.id, shards: record.shards, token_key: TokenKey::new(secret) })
}

/// Rewrites the keys of an older format, and then says that there are none left.
fn up_to_date(store: &dyn Store, record: ClusterRecord) -> Result<ClusterRecord, StoreError> {
    const NEWEST: u32 = upgrade::KEY_FORMAT;
    if record.key_format == NEWEST {
        return Ok(record);
    }
    if record.key_format > NEWEST {
        return Err(StoreError::Unusable(format!(
            "the stored keys have format {}, and this version reads up to {NEWEST}: use the newer version that wrote them",
            record.key_format
        )));
    }
    let shards: Vec<_> = (0..record.shards).map(ShardId).collect();
    tracing::info!("bringing the keys up to date");
    let rewritten = upgrade::run(store, &shards)?;
    tracing::info!(rewritten, "the keys are up to date");
    let record = ClusterRecord { key_format: NEWEST, ..record };
    put(store, &record)?;
    Ok(record)
}

fn put(store: &dyn Store, record: &ClusterRecord) -> Result<(), StoreError> {
    let epoch = store.acquire(HOME)?;
    let change = Change::Put { key: Key::Cluster.encode(), value: record::encode(record) };
    let batch = Arc::new(Batch { changes: vec![change] });
    store.commit(&[(HOME, epoch, batch)]).into_iter().try_for_each(|result| {
        result.map_err(|error| match error {
            CommitError::Store(error) => error,
            // Whatever it was, the next start reads what there is.
            other @ (CommitError::Fenced { .. } | CommitError::Unknown(_)) => StoreError::Io(other.to_string()),
        })
    })
}

/// Thirty-two bytes that hold the randomness of four UUIDs.
fn fold(ids: [uuid::Uuid; 4]) -> Vec<u8> {
    let [a, b, c, d] = ids.map(|id| id.as_u128());
    let first = a ^ c.rotate_left(64);
    let second = b ^ d.rotate_left(64);
    first.to_be_bytes().into_iter().chain(second.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use store::{MemoryStore, Shards as _};

    use super::*;

    const OLD_WAKE: &[u8] = b"\x40\x80\0\0\0\0\0\0\x09\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20";
    const NEW_WAKE: &[u8] =
        b"\x41\x80\0\0\0\0\0\0\x09\x01\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20";

    fn record(key_format: u32) -> ClusterRecord {
        ClusterRecord { id: "cluster".to_owned(), shards: 2, token_secret: vec![7; 32], key_format }
    }

    #[test]
    fn the_record_stands_in_files_as_it_always_did() {
        let record = ClusterRecord { id: "1".to_owned(), shards: 2, token_secret: vec![3], key_format: 4 };
        assert_eq!(record.encode_to_vec(), b"\x0a\x011\x10\x02\x1a\x01\x03\x20\x04");
    }

    #[test]
    fn older_keys_are_rewritten_in_all_shards_and_that_is_remembered() {
        let store = MemoryStore::new();
        put(&store, &record(0)).unwrap();
        let wake = || vec![Change::Put { key: OLD_WAKE.to_vec(), value: Default::default() }];
        let last = ShardId(1);
        let epoch = store.acquire(last).unwrap();
        assert_eq!(store.commit(&[(last, epoch, Arc::new(Batch { changes: wake() }))]), [Ok(())]);
        let cluster = load_or_create(&store, 64).unwrap();
        assert_eq!((cluster.id.as_str(), cluster.shards), ("cluster", 2));
        assert_eq!(store.get(last, OLD_WAKE).unwrap(), None);
        assert!(store.get(last, NEW_WAKE).unwrap().is_some());
        let stored = store.get(HOME, &Key::Cluster.encode()).unwrap().unwrap();
        assert_eq!(record::decode::<ClusterRecord>(stored).unwrap().key_format, upgrade::KEY_FORMAT);
        let epoch = store.acquire(last).unwrap();
        load_or_create(&store, 64).unwrap();
        assert_eq!(store.acquire(last).unwrap().0, epoch.0 + 1, "the second time no shard is looked at");
    }

    #[test]
    fn newer_keys_are_refused() {
        let store = MemoryStore::new();
        put(&store, &record(9)).unwrap();
        let text = load_or_create(&store, 64).err().map(|error| error.to_string());
        let expected =
            "the stored keys have format 9, and this version reads up to 2: use the newer version that wrote them";
        assert_eq!(text.as_deref(), Some(expected));
    }
}
