//! API messages as JSON and back, by the descriptor set. A payload is written as `payload(text)`, a set of payloads with
//! one in it as `payloads(text)`.

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_STANDARD};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::{Map, Value, json};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let set = proto::closed_descriptor_set().expect("the API has a descriptor set");
    DescriptorPool::from_file_descriptor_set(set).expect("the descriptor set is whole")
});

/// The message of type `name` that the JSON describes.
pub(crate) fn parse<M: prost::Message + Default>(name: &str, value: &Value) -> M {
    let descriptor = POOL.get_message_by_name(name).unwrap_or_else(|| panic!("there is no message {name}"));
    let dynamic = DynamicMessage::deserialize(descriptor, expand(value.clone()))
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    dynamic.transcode_to().expect("both are the same message")
}

/// The message of type `name` without what is not set.
pub(crate) fn print<M: prost::Message>(name: &str, message: &M) -> Value {
    let descriptor = POOL.get_message_by_name(name).unwrap_or_else(|| panic!("there is no message {name}"));
    let dynamic =
        DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).expect("a transcript is well-formed");
    let options = SerializeOptions::new().stringify_64_bit_integers(false);
    contract(
        dynamic.serialize_with_options(serde_json::value::Serializer, &options).expect("a transcript is well-formed"),
    )
}

fn expand(value: Value) -> Value {
    match value {
        Value::String(text) => match (inner(&text, "payload("), inner(&text, "payloads(")) {
            (Some(text), _) => json!({ "data": BASE64_STANDARD.encode(text) }),
            (_, Some(text)) => json!({ "payloads": [{ "data": BASE64_STANDARD.encode(text) }] }),
            (None, None) => Value::String(text),
        },
        Value::Array(values) => values.into_iter().map(expand).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, expand(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

fn inner<'a>(text: &'a str, opening: &str) -> Option<&'a str> {
    text.strip_prefix(opening)?.strip_suffix(')')
}

fn contract(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(contract).collect(),
        Value::Object(fields) => {
            let fields: Map<_, _> = fields.into_iter().map(|(name, value)| (name, contract(value))).collect();
            payload(&fields).unwrap_or(Value::Object(fields))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Of a payload its text, without what says how that is encoded.
fn payload(fields: &Map<String, Value>) -> Option<Value> {
    let others = fields.keys().filter(|name| *name != "metadata").count();
    if let (Some(Value::String(data)), 1) = (fields.get("data"), others) {
        let text = String::from_utf8(BASE64_STANDARD.decode(data).ok()?).ok()?;
        let text = if text.len() > 80 { format!("{} bytes", text.len()) } else { text };
        return Some(Value::String(format!("payload({text})")));
    }
    let Some(Value::Array(values)) = fields.get("payloads") else {
        return None;
    };
    match values.as_slice() {
        [Value::String(text)] => Some(Value::String(format!("payloads({}", text.strip_prefix("payload(")?))),
        _ => None,
    }
}

/// JSON without the quotes that a reader doesn't need.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains([' ', ',', '}', ']', '\n']) => text.clone(),
        Value::Object(fields) => {
            let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
            format!("{{{}}}", fields.join(" "))
        }
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(plain).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}
