//! How search attributes stand on disk, in engines that keep them as bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{Time, search_attribute::Datetime};
use prost::{Message, Oneof};

use super::Value;
use crate::{StoreError, record};

#[derive(Clone, PartialEq, Message)]
struct Attributes {
    #[prost(btree_map = "string, message", tag = "1")]
    values: BTreeMap<String, Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(oneof = "Stored", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    value: Option<Stored>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Stored {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(string, tag = "2")]
    Keyword(String),
    #[prost(sint64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(bool, tag = "5")]
    Bool(bool),
    #[prost(sfixed64, tag = "6")]
    Datetime(i64),
    #[prost(message, tag = "7")]
    KeywordList(List),
    /// A time with an offset, or beyond the years 1677 to 2262.
    #[prost(message, tag = "8")]
    FarDatetime(Far),
}

#[derive(Clone, PartialEq, Message)]
struct Far {
    #[prost(sint64, tag = "1")]
    seconds: i64,
    #[prost(uint32, tag = "2")]
    nanos: u32,
    /// Seconds to the east of Greenwich.
    #[prost(sint32, tag = "3")]
    offset: i32,
}

#[derive(Clone, PartialEq, Message)]
struct List {
    #[prost(string, repeated, tag = "1")]
    items: Vec<String>,
}

/// The record of a row's search attributes.
pub fn encode_attributes(attributes: &BTreeMap<String, Value>) -> Bytes {
    let store = |value: &Value| match value {
        Value::Text(text) => Stored::Text(text.clone()),
        Value::Keyword(text) => Stored::Keyword(text.clone()),
        Value::Int(value) => Stored::Int(*value),
        Value::Double(value) => Stored::Double(*value),
        Value::Bool(value) => Stored::Bool(*value),
        Value::Datetime(time) => datetime(*time),
        Value::KeywordList(items) => Stored::KeywordList(List { items: items.clone() }),
    };
    let stored = attributes.iter().map(|(name, value)| {
        let value = Some(store(value));
        (name.clone(), Attribute { value })
    });
    record::encode(&Attributes { values: stored.collect() })
}

fn datetime(time: Datetime) -> Stored {
    match (time.time(), time.offset()) {
        (Some(Time(nanos)), 0) => Stored::Datetime(nanos),
        (_, offset) => {
            let seconds = time.nanos().div_euclid(1_000_000_000) as i64;
            let nanos = time.nanos().rem_euclid(1_000_000_000) as u32;
            Stored::FarDatetime(Far { seconds, nanos, offset })
        }
    }
}

/// The search attributes in a record.
///
/// # Errors
/// `Unusable` when a newer version wrote it, or when it is damaged.
pub fn decode_attributes(bytes: Bytes) -> Result<BTreeMap<String, Value>, StoreError> {
    let restore = |stored| match stored {
        Stored::Text(text) => Value::Text(text),
        Stored::Keyword(text) => Value::Keyword(text),
        Stored::Int(value) => Value::Int(value),
        Stored::Double(value) => Value::Double(value),
        Stored::Bool(value) => Value::Bool(value),
        Stored::Datetime(nanos) => Value::Datetime(Time(nanos).into()),
        Stored::FarDatetime(Far { seconds, nanos, offset }) => {
            let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
            Value::Datetime(Datetime::from_parts(nanos, offset))
        }
        Stored::KeywordList(list) => Value::KeywordList(list.items),
    };
    record::decode::<Attributes>(bytes)?
        .values
        .into_iter()
        .map(|(name, attribute)| match attribute.value {
            Some(stored) => Ok((name, restore(stored))),
            None => Err(StoreError::Unusable(format!("the stored search attribute \"{name}\" is of an unknown type"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A search attribute of each type with its bytes: the tag of the type, and the value.
    #[test]
    fn search_attributes_stand_in_files_as_they_always_did() {
        let values = [
            (Value::Text("a".to_owned()), &b"\x0a\x01a"[..]),
            (Value::Keyword("a".to_owned()), b"\x12\x01a"),
            (Value::Int(-2), b"\x18\x03"),
            (Value::Double(1.5), b"\x21\0\0\0\0\0\0\xf8\x3f"),
            (Value::Bool(true), b"\x28\x01"),
            (Value::Datetime(Time(258).into()), b"\x31\x02\x01\0\0\0\0\0\0"),
            (Value::KeywordList(vec!["a".to_owned(), "b".to_owned()]), b"\x3a\x06\x0a\x01a\x0a\x01b"),
            (Value::Datetime(Datetime::from_parts(-1_999_999_997, 3)), b"\x42\x06\x08\x03\x10\x03\x18\x06"),
        ];
        for (value, stored) in values {
            let length = stored.len() as u8;
            let golden = [&[1, 0x0a, length + 5][..], b"\x0a\x01N\x12", &[length], stored].concat();
            let attributes = BTreeMap::from([("N".to_owned(), value)]);
            assert_eq!(encode_attributes(&attributes), golden);
            assert_eq!(decode_attributes(golden.into()), Ok(attributes));
        }
    }
}
