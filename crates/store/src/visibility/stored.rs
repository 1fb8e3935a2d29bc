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
