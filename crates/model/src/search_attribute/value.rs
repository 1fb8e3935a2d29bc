//! Values of search attributes, and the payloads that they stand in: JSON, with the type in the metadata.

use proto::temporal::api::{common::v1::Payload, enums::v1::IndexedValueType};
use serde_json::Value as Json;

use super::{
    datetime::Datetime,
    float::{go_float, json_float},
};

const ENCODING: &str = "encoding";
const TYPE: &str = "type";
const JSON: &[u8] = b"json/plain";
const NOTHING: &[u8] = b"binary/null";

/// A typed value of a search attribute.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Value {
    Text(String),
    Keyword(String),
    Int(i64),
    Double(f64),
    Bool(bool),
    Datetime(Datetime),
    KeywordList(Vec<String>),
}

/// Why a payload is no value of a type: the JSON that it holds, as the reference shows it, or nothing where it is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit(pub Option<String>);

impl Value {
    /// The value in a payload, for an attribute of type `kind`; `None` when the payload unsets it: null, or an empty list. A
    /// list with one item stands for the item, and null as that item for the zero value of the type.
    ///
    /// Source of the rules: the reference server's decoder of search attribute values, and Go's decoder of JSON.
    ///
    /// # Errors
    /// When the payload is not JSON of that type.
    pub fn from_payload(payload: &Payload, kind: IndexedValueType) -> Result<Option<Value>, Misfit> {
        let json = json(payload).ok_or(Misfit(None))?;
        let items = match &json {
            Json::Null => return Ok(None),
            Json::Array(items) => items,
            Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                return whole(&json, payload, kind).map(Some).ok_or_else(|| Misfit(Some(format_go(&json))));
            }
        };
        let list = (kind == IndexedValueType::KeywordList).then(|| keywords(items)).flatten();
        match (list, items.as_slice()) {
            (_, []) => Ok(None),
            (Some(list), _) => Ok(Some(Value::KeywordList(list))),
            (None, [one]) => item(one, kind).map(Some).ok_or_else(|| Misfit(Some(format_go(&json)))),
            (None, _) => Err(Misfit(Some(format_go(&json)))),
        }
    }

    /// The payload of a value, as lists and descriptions show it.
    pub fn to_payload(&self) -> Payload {
        let data = match self {
            Value::Text(text) | Value::Keyword(text) => text_json(text),
            Value::Int(value) => value.to_string(),
            Value::Double(value) => json_float(*value),
            Value::Bool(value) => value.to_string(),
            Value::Datetime(time) => format!("\"{time}\""),
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

/// A type's name in errors and in the metadata of payloads.
pub fn kind_name(kind: IndexedValueType) -> &'static str {
    match kind {
        IndexedValueType::Unspecified => "Unspecified",
        IndexedValueType::Text => "Text",
        IndexedValueType::Keyword => "Keyword",
        IndexedValueType::Int => "Int",
        IndexedValueType::Double => "Double",
        IndexedValueType::Bool => "Bool",
        IndexedValueType::Datetime => "Datetime",
        IndexedValueType::KeywordList => "KeywordList",
    }
}

/// The type that a payload's metadata names, by the short or the long name; `Unspecified` where it names none.
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

/// A value that is all that a payload holds. Numbers are read again from its text: the parser of JSON may be off by the last
/// bit, and takes `-0` for a number with a fraction.
fn whole(json: &Json, payload: &Payload, kind: IndexedValueType) -> Option<Value> {
    let text = || std::str::from_utf8(&payload.data).ok().map(str::trim).filter(|_| json.is_number());
    match kind {
        IndexedValueType::Int => json.as_i64().or_else(|| text()?.parse().ok()).map(Value::Int),
        IndexedValueType::Double => text()?.parse().ok().map(Value::Double),
        IndexedValueType::Unspecified
        | IndexedValueType::Text
        | IndexedValueType::Keyword
        | IndexedValueType::Bool
        | IndexedValueType::Datetime
        | IndexedValueType::KeywordList => scalar(json, kind),
    }
}

/// The one item of a list.
fn item(json: &Json, kind: IndexedValueType) -> Option<Value> {
    if !json.is_null() {
        return scalar(json, kind);
    }
    match kind {
        IndexedValueType::Text => Some(Value::Text(String::new())),
        IndexedValueType::Keyword => Some(Value::Keyword(String::new())),
        IndexedValueType::Int => Some(Value::Int(0)),
        IndexedValueType::Double => Some(Value::Double(0.0)),
        IndexedValueType::Bool => Some(Value::Bool(false)),
        IndexedValueType::Datetime => Datetime::parse("0001-01-01T00:00:00Z").map(Value::Datetime),
        IndexedValueType::KeywordList | IndexedValueType::Unspecified => None,
    }
}

fn scalar(json: &Json, kind: IndexedValueType) -> Option<Value> {
    match kind {
        IndexedValueType::Text => json.as_str().map(|text| Value::Text(text.to_owned())),
        IndexedValueType::Keyword => json.as_str().map(|text| Value::Keyword(text.to_owned())),
        IndexedValueType::Int => json.as_i64().map(Value::Int),
        IndexedValueType::Double => json.as_f64().map(Value::Double),
        IndexedValueType::Bool => json.as_bool().map(Value::Bool),
        IndexedValueType::Datetime => json.as_str().and_then(Datetime::parse).map(Value::Datetime),
        IndexedValueType::KeywordList => keywords(json.as_array()?).map(Value::KeywordList),
        IndexedValueType::Unspecified => None,
    }
}

/// A list of texts, of which null is the empty one.
fn keywords(items: &[Json]) -> Option<Vec<String>> {
    items
        .iter()
        .map(|item| if item.is_null() { Some(String::new()) } else { item.as_str().map(str::to_owned) })
        .collect()
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

/// JSON as Go prints what it has decoded without a type. The fields of an object come in the order of their names.
fn format_go(value: &Json) -> String {
    match value {
        Json::Null => "<nil>".into(),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) => match number.as_i64() {
            // Where Go needs no exponent.
            Some(integer) if integer.unsigned_abs() < 1_000_000 => integer.to_string(),
            _ => go_float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => text.clone(),
        Json::Array(items) => format!("[{}]", items.iter().map(format_go).collect::<Vec<_>>().join(" ")),
        Json::Object(fields) => {
            let mut fields: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}:{}", format_go(value))).collect();
            fields.sort();
            format!("map[{}]", fields.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;

    fn payload(data: &str) -> Payload {
        Payload {
            metadata: [(ENCODING.to_owned(), JSON.to_vec().into())].into(),
            data: data.as_bytes().to_vec().into(),
            ..Payload::default()
        }
    }

    fn read(data: &str, kind: IndexedValueType) -> Result<Option<Value>, Misfit> {
        Value::from_payload(&payload(data), kind)
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
            Value::Datetime(Time(1_704_067_200_123_456_789).into()),
            Value::Datetime(Time(-1).into()),
            Value::Datetime(Datetime::parse("9999-12-31T23:59:59-05:00").unwrap()),
            Value::KeywordList(vec!["a".into(), "b c".into()]),
        ];
        for value in values {
            let payload = value.to_payload();
            assert_eq!(payload_kind(&payload), value.kind());
            assert_eq!(Value::from_payload(&payload, value.kind()), Ok(Some(value)));
        }
    }

    #[test]
    fn payloads_are_written_as_go_does() {
        let data = |value: Value| String::from_utf8(value.to_payload().data.to_vec()).unwrap();
        assert_eq!(data(Value::Keyword("<a&b>".into())), r#""\u003ca\u0026b\u003e""#);
        assert_eq!(data(Value::Double(1e6)), "1000000");
        assert_eq!(data(Value::Double(1e21)), "1e+21");
        assert_eq!(data(Value::Double(1e-7)), "1e-7");
        assert_eq!(data(Value::Double(-0.0)), "-0");
        assert_eq!(data(Value::Datetime(Time(1_704_067_200_500_000_000).into())), r#""2024-01-01T00:00:00.5Z""#);
        assert_eq!(data(Value::KeywordList(vec!["a".into(), "b".into()])), r#"["a","b"]"#);
    }

    #[test]
    fn odd_values_are_what_they_are_on_the_reference() {
        use IndexedValueType::{Bool, Double, Int, Keyword, KeywordList, Text};
        let list = |items: &[&str]| Value::KeywordList(items.iter().map(|item| (*item).to_owned()).collect());
        let first = Value::Datetime(Datetime::parse("0001-01-01T00:00:00Z").unwrap());
        let rows = [
            ("null", Int, None),
            ("[]", Int, None),
            ("[]", KeywordList, None),
            ("-0", Int, Some(Value::Int(0))),
            (" 5 ", Int, Some(Value::Int(5))),
            ("[5]", Int, Some(Value::Int(5))),
            ("[null]", Int, Some(Value::Int(0))),
            ("[null]", Double, Some(Value::Double(0.0))),
            ("[null]", Bool, Some(Value::Bool(false))),
            ("[null]", Text, Some(Value::Text(String::new()))),
            ("[null]", Keyword, Some(Value::Keyword(String::new()))),
            ("[null]", IndexedValueType::Datetime, Some(first)),
            ("1e3", Double, Some(Value::Double(1000.0))),
            ("2", Double, Some(Value::Double(2.0))),
            ("1e-400", Double, Some(Value::Double(0.0))),
            ("9007199254740993", Double, Some(Value::Double(9_007_199_254_740_992.0))),
            ("[\"a\",\"a\"]", KeywordList, Some(list(&["a", "a"]))),
            ("[\"a\",null]", KeywordList, Some(list(&["a", ""]))),
            ("[null]", KeywordList, Some(list(&[""]))),
            ("[[\"a\"]]", KeywordList, Some(list(&["a"]))),
        ];
        for (data, kind, value) in rows {
            assert_eq!(read(data, kind), Ok(value), "{data} as {kind:?}");
        }
    }

    #[test]
    fn what_is_of_another_type_is_shown_as_the_reference_shows_it() {
        use IndexedValueType::{Bool, Datetime, Double, Int, Keyword, KeywordList, Text, Unspecified};
        let rows = [
            ("1.0", Int, Some("1")),
            ("1e3", Int, Some("1000")),
            ("1.5", Int, Some("1.5")),
            ("9223372036854775808", Int, Some("9.223372036854776e+18")),
            ("1706696430000000000", Datetime, Some("1.70669643e+18")),
            ("\"1\"", Int, Some("1")),
            ("[1,2]", Int, Some("[1 2]")),
            ("[[1]]", Int, Some("[[1]]")),
            ("[1.0]", Int, Some("[1]")),
            ("01", Int, None),
            ("1e400", Int, None),
            ("1e309", Double, None),
            ("[1,2.5]", Double, Some("[1 2.5]")),
            ("[true,false]", Bool, Some("[true false]")),
            ("True", Bool, None),
            ("[\"a\",\"b\"]", Keyword, Some("[a b]")),
            ("1", Text, Some("1")),
            ("\"a\"", KeywordList, Some("a")),
            ("[\"a\",1]", KeywordList, Some("[a 1]")),
            ("{\"b\":[1,\"x\"],\"a\":null}", KeywordList, Some("map[a:<nil> b:[1 x]]")),
            ("\"2024-02-31T10:20:30Z\"", Datetime, Some("2024-02-31T10:20:30Z")),
            ("1", Unspecified, Some("1")),
        ];
        for (data, kind, text) in rows {
            assert_eq!(read(data, kind), Err(Misfit(text.map(str::to_owned))), "{data} as {kind:?}");
        }
    }
}
