//! Search attributes between the API's payloads and typed values.
//!
//! Source of the rules: the reference's search attribute encoding: JSON with the type's name in the metadata; a list of
//! one stands for its element; null and the empty list stand for no value.

use model::{Reject, Time};
use proto::temporal::api::{common::v1::Payload, enums::v1::IndexedValueType};
use serde_json::Value as Json;

use super::Value;

impl Value {
    /// The value in a payload, of the type given; `None` for null and for an empty list.
    ///
    /// # Errors
    /// `InvalidArgument` when the payload is not JSON of that type.
    pub fn from_payload(payload: &Payload, kind: IndexedValueType) -> Result<Option<Self>, Reject> {
        if payload
            .metadata
            .get("encoding")
            .is_some_and(|encoding| encoding.as_ref() == b"binary/null")
        {
            return Ok(None);
        }
        let json: Json = serde_json::from_slice(&payload.data).map_err(|_| mismatch(payload, kind))?;
        Self::from_json(json, kind).ok_or_else(|| mismatch(payload, kind))
    }

    /// `None` where the JSON is of another type, `Some(None)` where it stands for no value.
    fn from_json(json: Json, kind: IndexedValueType) -> Option<Option<Self>> {
        if kind == IndexedValueType::KeywordList {
            return keyword_list(json);
        }
        match json {
            Json::Null => Some(None),
            Json::Array(mut items) => match (items.pop(), items.is_empty()) {
                (None, _) => Some(None),
                (Some(only), true) if !only.is_array() => Self::from_json(only, kind),
                (Some(_), _) => None,
            },
            scalar => scalar_of(&scalar, kind).map(Some),
        }
    }

    /// The payload that clients expect: JSON, with the type in the metadata.
    pub fn to_payload(&self) -> Payload {
        let (json, kind) = match self {
            Value::Text(text) => (Json::from(text.as_str()), "Text"),
            Value::Keyword(text) => (Json::from(text.as_str()), "Keyword"),
            Value::Int(number) => (Json::from(*number), "Int"),
            Value::Double(number) => (Json::from(*number), "Double"),
            Value::Bool(truth) => (Json::from(*truth), "Bool"),
            Value::Datetime(time) => (Json::from(rfc3339(*time)), "Datetime"),
            Value::KeywordList(items) => (Json::from(items.clone()), "KeywordList"),
        };
        let metadata = [
            ("encoding".to_owned(), bytes::Bytes::from_static(b"json/plain")),
            ("type".to_owned(), bytes::Bytes::from_static(kind.as_bytes())),
        ];
        Payload {
            metadata: metadata.into(),
            data: json.to_string().into(),
            ..Payload::default()
        }
    }
}

fn keyword_list(json: Json) -> Option<Option<Value>> {
    let text = |item: &Json| item.as_str().map(str::to_owned);
    match json {
        Json::Null => Some(None),
        Json::Array(items) if items.is_empty() => Some(None),
        Json::Array(items) => Some(Some(Value::KeywordList(items.iter().map(text).collect::<Option<_>>()?))),
        single => Some(Some(Value::KeywordList(vec![text(&single)?]))),
    }
}

fn scalar_of(json: &Json, kind: IndexedValueType) -> Option<Value> {
    match kind {
        IndexedValueType::Text => json.as_str().map(|text| Value::Text(text.into())),
        IndexedValueType::Keyword => json.as_str().map(|text| Value::Keyword(text.into())),
        IndexedValueType::Int => json.as_i64().map(Value::Int),
        IndexedValueType::Double => json.as_f64().map(Value::Double),
        IndexedValueType::Bool => json.as_bool().map(Value::Bool),
        IndexedValueType::Datetime => {
            let time: jiff::Timestamp = json.as_str()?.parse().ok()?;
            Some(Value::Datetime(Time(i64::try_from(time.as_nanosecond()).ok()?)))
        }
        IndexedValueType::KeywordList | IndexedValueType::Unspecified => None,
    }
}

/// The time as clients write it, UTC with as many digits as it needs.
fn rfc3339(time: Time) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time.0)).map_or_else(|_| String::new(), |time| time.to_string())
}

fn mismatch(payload: &Payload, kind: IndexedValueType) -> Reject {
    let data = String::from_utf8_lossy(&payload.data);
    Reject::invalid(format!(
        "invalid value for search attribute of type {}: {data}",
        kind.as_str_name()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Payload {
        Payload {
            data: text.to_owned().into(),
            ..Payload::default()
        }
    }

    #[test]
    fn values_survive_the_round_trip() {
        let values = [
            (Value::Text("two words".into()), IndexedValueType::Text),
            (Value::Keyword("a\"b".into()), IndexedValueType::Keyword),
            (Value::Int(-7), IndexedValueType::Int),
            (Value::Double(1.5), IndexedValueType::Double),
            (Value::Bool(true), IndexedValueType::Bool),
            (
                Value::Datetime(Time(1_700_000_000_123_456_789)),
                IndexedValueType::Datetime,
            ),
            (
                Value::KeywordList(vec!["a".into(), "b".into()]),
                IndexedValueType::KeywordList,
            ),
        ];
        for (value, kind) in values {
            assert_eq!(Value::from_payload(&value.to_payload(), kind), Ok(Some(value)));
        }
    }

    #[test]
    fn lists_of_one_null_and_strangers() {
        let int = |text| Value::from_payload(&json(text), IndexedValueType::Int);
        assert_eq!(int("[3]"), Ok(Some(Value::Int(3))));
        assert_eq!(int("null"), Ok(None));
        assert_eq!(int("[]"), Ok(None));
        for bad in ["[1,2]", "\"x\"", "{", "1.5"] {
            assert!(int(bad).is_err(), "{bad}");
        }
        let list = Value::from_payload(&json("\"one\""), IndexedValueType::KeywordList);
        assert_eq!(list, Ok(Some(Value::KeywordList(vec!["one".into()]))));
    }
}
