//! Search attributes as payloads: JSON, with the type in the metadata.

use model::Reject;
use proto::temporal::api::{common::v1::Payload, enums::v1::IndexedValueType};
use serde_json::Value as Json;

use super::{Value, kind_name, language};

const ENCODING: &str = "encoding";
const TYPE: &str = "type";
const JSON: &[u8] = b"json/plain";
const NOTHING: &[u8] = b"binary/null";

impl Value {
    /// The value in a payload, for an attribute of type `kind`; `None` when the payload unsets it. Without a type the
    /// payload's own counts. A list with one item stands for the item, an empty list or null for nothing. More items
    /// than one are accepted and not shown, as in the reference.
    ///
    /// # Errors
    /// `InvalidArgument` when the payload is not JSON of that type.
    pub fn from_payload(payload: &Payload, kind: IndexedValueType) -> Result<Option<Value>, Reject> {
        let kind = match kind {
            IndexedValueType::Unspecified => payload_kind(payload),
            kind => kind,
        };
        json(payload).and_then(|json| from_json(&json, payload, kind)).ok_or_else(|| {
            let data = String::from_utf8_lossy(&payload.data);
            Reject::invalid(format!("invalid value for search attribute of type {}: {data}", kind_name(kind)))
        })
    }

    /// The payload of a value, as lists and descriptions show it.
    pub fn to_payload(&self) -> Payload {
        let data = match self {
            Value::Text(text) | Value::Keyword(text) => text_json(text),
            Value::Int(value) => value.to_string(),
            Value::Double(value) => language::json_float(*value),
            Value::Bool(value) => value.to_string(),
            Value::Datetime(time) => format!("\"{}\"", language::show_datetime(*time)),
            Value::KeywordList(items) => {
                let items: Vec<_> = items.iter().map(|item| text_json(item)).collect();
                format!("[{}]", items.join(","))
            }
        };
        Payload {
            metadata: [
                (ENCODING.to_owned(), JSON.to_vec().into()),
                (TYPE.to_owned(), kind_name(self.kind()).as_bytes().to_vec().into()),
            ]
            .into(),
            data: data.into_bytes().into(),
            ..Payload::default()
        }
    }

    /// The type of attribute that has such values.
    pub fn kind(&self) -> IndexedValueType {
        match self {
            Value::Text(_) => IndexedValueType::Text,
            Value::Keyword(_) => IndexedValueType::Keyword,
            Value::Int(_) => IndexedValueType::Int,
            Value::Double(_) => IndexedValueType::Double,
            Value::Bool(_) => IndexedValueType::Bool,
            Value::Datetime(_) => IndexedValueType::Datetime,
            Value::KeywordList(_) => IndexedValueType::KeywordList,
        }
    }
}

/// The type that a payload's metadata names, by the short or the long name.
pub fn payload_kind(payload: &Payload) -> IndexedValueType {
    let Some(text) = payload.metadata.get(TYPE).and_then(|name| std::str::from_utf8(name).ok()) else {
        return IndexedValueType::Unspecified;
    };
    (0..)
        .map_while(|number| IndexedValueType::try_from(number).ok())
        .find(|kind| kind_name(*kind) == text || kind.as_str_name() == text)
        .unwrap_or(IndexedValueType::Unspecified)
}

/// `None` when the payload is no JSON.
fn json(payload: &Payload) -> Option<Json> {
    let encoding = payload.metadata.get(ENCODING)?;
    if encoding[..] == *NOTHING {
        return Some(Json::Null);
    }
    (encoding[..] == *JSON).then(|| serde_json::from_slice(&payload.data).ok()).flatten()
}

/// `None` when it is of another type, `Some(None)` when it is nothing.
#[expect(clippy::option_option, reason = "a wrong type and no value are two answers, and both are common")]
fn from_json(json: &Json, payload: &Payload, kind: IndexedValueType) -> Option<Option<Value>> {
    if json.is_null() {
        return Some(None);
    }
    if kind == IndexedValueType::KeywordList {
        let items: Option<Vec<String>> = json.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        return Some(Some(Value::KeywordList(items?)));
    }
    let json = match json.as_array().map(Vec::as_slice) {
        Some([]) => return Some(None),
        Some([one]) => one,
        Some(many) => {
            let all = many.iter().all(|item| matches!(from_json(item, payload, kind), Some(Some(_))));
            return all.then_some(None);
        }
        None => json,
    };
    let value = match kind {
        IndexedValueType::Text => Value::Text(json.as_str()?.to_owned()),
        IndexedValueType::Keyword => Value::Keyword(json.as_str()?.to_owned()),
        IndexedValueType::Int => Value::Int(json.as_i64()?),
        IndexedValueType::Double => Value::Double(double(json, payload)?),
        IndexedValueType::Bool => Value::Bool(json.as_bool()?),
        IndexedValueType::Datetime => Value::Datetime(language::parse_datetime(json.as_str()?)?),
        IndexedValueType::KeywordList | IndexedValueType::Unspecified => return None,
    };
    Some(Some(value))
}

/// The JSON parser may be off by the last bit, so a plain number is read again.
fn double(json: &Json, payload: &Payload) -> Option<f64> {
    let rough = json.as_f64()?;
    let exact = std::str::from_utf8(&payload.data).ok().and_then(|text| text.trim().parse().ok());
    Some(exact.unwrap_or(rough))
}

/// A text as Go writes it in JSON: with `<`, `>` and `&` escaped.
fn text_json(text: &str) -> String {
    let mut json = Json::from(text).to_string();
    for (letter, escape) in
        [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")]
    {
        if json.contains(letter) {
            json = json.replace(letter, escape);
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use model::Time;

    use super::*;

    fn payload(data: &str) -> Payload {
        Payload {
            metadata: [(ENCODING.to_owned(), JSON.to_vec().into())].into(),
            data: data.as_bytes().to_vec().into(),
            ..Payload::default()
        }
    }

    fn read(data: &str, kind: IndexedValueType) -> Result<Option<Value>, String> {
        Value::from_payload(&payload(data), kind).map_err(|reject| reject.message)
    }

    #[test]
    fn values_survive_the_round_trip() {
        let values = [
            Value::Text("a <b> & \"c\"\n".into()),
            Value::Keyword(String::new()),
            Value::Int(i64::MIN),
            Value::Double(0.1 + 0.2),
            Value::Double(1e21),
            Value::Double(-2.5e-9),
            Value::Bool(true),
            Value::Datetime(Time(1_704_067_200_123_456_789)),
            Value::Datetime(Time(-1)),
            Value::KeywordList(vec!["a".into(), "b c".into()]),
        ];
        for value in values {
            let payload = value.to_payload();
            let kinds = [value.kind(), IndexedValueType::Unspecified];
            for kind in kinds {
                assert_eq!(Value::from_payload(&payload, kind), Ok(Some(value.clone())));
            }
        }
    }

    #[test]
    fn payloads_are_written_as_go_does() {
        let data = |value: Value| String::from_utf8(value.to_payload().data.to_vec()).unwrap();
        assert_eq!(data(Value::Keyword("<a&b>".into())), r#""\u003ca\u0026b\u003e""#);
        assert_eq!(data(Value::Double(1e6)), "1000000");
        assert_eq!(data(Value::Double(1e21)), "1e+21");
        assert_eq!(data(Value::Double(1e-7)), "1e-7");
        assert_eq!(data(Value::Datetime(Time(1_704_067_200_500_000_000))), r#""2024-01-01T00:00:00.5Z""#);
        assert_eq!(data(Value::Datetime(Time(0))), r#""1970-01-01T00:00:00Z""#);
        assert_eq!(data(Value::KeywordList(vec!["a".into(), "b".into()])), r#"["a","b"]"#);
    }

    #[test]
    fn lists_stand_for_their_item_and_null_for_nothing() {
        assert_eq!(read("[5]", IndexedValueType::Int), Ok(Some(Value::Int(5))));
        assert_eq!(read("[]", IndexedValueType::Int), Ok(None));
        assert_eq!(read("[1,2]", IndexedValueType::Int), Ok(None));
        assert_eq!(read("null", IndexedValueType::Keyword), Ok(None));
        assert_eq!(read("[]", IndexedValueType::KeywordList), Ok(Some(Value::KeywordList(vec![]))));
        assert_eq!(read(" 1.5 ", IndexedValueType::Double), Ok(Some(Value::Double(1.5))));
        assert_eq!(read("2", IndexedValueType::Double), Ok(Some(Value::Double(2.0))));
    }

    #[test]
    fn strangers_are_refused() {
        for (data, kind) in [
            ("\"x\"", IndexedValueType::Int),
            ("1.5", IndexedValueType::Int),
            ("[1,\"x\"]", IndexedValueType::Int),
            ("{}", IndexedValueType::Bool),
            ("{", IndexedValueType::Bool),
            ("\"x\"", IndexedValueType::KeywordList),
            ("\"yesterday\"", IndexedValueType::Datetime),
            ("1", IndexedValueType::Unspecified),
        ] {
            assert!(read(data, kind).is_err(), "{data}");
        }
        let error = read("{", IndexedValueType::Bool).unwrap_err();
        assert_eq!(error, "invalid value for search attribute of type Bool: {");
    }
}
