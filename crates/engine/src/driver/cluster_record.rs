//! What a store says of the cluster it belongs to; written when it is first used.

use std::sync::Arc;

use model::{ShardId, TokenKey};
use store::{Batch, Change, CommitError, Key, Store, StoreError, record};

use super::random_id;

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
}

/// The cluster's settings that never change.
pub(super) struct Cluster {
    pub(super) id: String,
    pub(super) shards: u32,
    pub(super) token_key: TokenKey,
}

/// Reads the settings, or writes them with `shards` and new secrets.
///
/// # Errors
/// When the storage fails, or the record is damaged.
pub(super) fn load_or_create(store: &dyn Store, shards: u32) -> Result<Cluster, StoreError> {
    const HOME: ShardId = ShardId(0);
    let key = Key::Cluster.encode();
    let record = match store.get(HOME, &key)? {
        Some(value) => record::decode::<ClusterRecord>(value)?,
        None => {
            let halves = [random_id(), random_id(), random_id(), random_id()];
            let record = ClusterRecord {
                id: random_id().to_string(),
                shards: shards.max(1),
                // A version 4 UUID has 122 random bits; two bytes of each fixed pattern are folded away.
                token_secret: fold(halves),
            };
            let epoch = store.acquire(HOME)?;
            let change = Change::Put { key, value: record::encode(&record) };
            let batch = Arc::new(Batch { changes: vec![change] });
            for result in store.commit(&[(HOME, epoch, batch)]) {
                result.map_err(|error| match error {
                    CommitError::Store(error) => error,
                    fenced @ CommitError::Fenced { .. } => StoreError::Io(fenced.to_string()),
                })?;
            }
            record
        }
    };
    let secret = <[u8; 32]>::try_from(record.token_secret.as_slice())
        .map_err(|_| StoreError::Unusable("the stored token secret is damaged".into()))?;
    Ok(Cluster { id: record.id, shards: record.shards, token_key: TokenKey::new(secret) })
}

/// Thirty-two bytes that hold the randomness of four UUIDs.
fn fold(ids: [uuid::Uuid; 4]) -> Vec<u8> {
    let [a, b, c, d] = ids.map(|id| id.as_u128());
    let first = a ^ c.rotate_left(64);
    let second = b ^ d.rotate_left(64);
    first.to_be_bytes().into_iter().chain(second.to_be_bytes()).collect()
}
