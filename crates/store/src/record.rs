//! The envelope of a stored record: a format version, then the encoded prost message.

use bytes::{BufMut, Bytes};
use prost::Message;

use crate::StoreError;

/// The format that this version writes. It reads all older ones.
pub const FORMAT: u8 = 1;

/// The bytes of a record.
pub fn encode(message: &impl Message) -> Bytes {
    let mut bytes = Vec::with_capacity(message.encoded_len() + 1);
    bytes.put_u8(FORMAT);
    message.encode_raw(&mut bytes);
    bytes.into()
}

/// The record in `bytes`.
///
/// # Errors
/// `Unusable` when a newer version wrote it, or when it is damaged.
pub fn decode<M: Message + Default>(mut bytes: Bytes) -> Result<M, StoreError> {
    if bytes.is_empty() {
        return Err(StoreError::Unusable("a stored record is empty".into()));
    }
    let format = bytes.split_to(1)[0];
    if format > FORMAT {
        return Err(StoreError::Unusable(format!(
            "a stored record has format {format}, and this version reads up to {FORMAT}. Use the newer version that wrote it."
        )));
    }
    M::decode(bytes).map_err(|error| StoreError::Unusable(format!("a stored record is damaged: {error}")))
}
