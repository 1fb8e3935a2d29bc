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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, PartialEq, Message)]
    struct Example {
        #[prost(int64, tag = "1")]
        number: i64,
    }

    #[test]
    fn a_record_stands_in_files_as_it_always_did() {
        let record = Example { number: 5 };
        assert_eq!(&encode(&record)[..], b"\x01\x08\x05");
        assert_eq!(decode(Bytes::from_static(b"\x01\x08\x05")), Ok(record));
    }

    #[test]
    fn a_newer_record_is_refused() {
        let text = decode::<Example>(Bytes::from_static(b"\x02\x08\x05")).unwrap_err().to_string();
        let expected =
            "a stored record has format 2, and this version reads up to 1. Use the newer version that wrote it.";
        assert_eq!(text, expected);
    }
}
