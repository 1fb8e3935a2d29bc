//! The malformed requests: a valid one, and every way in which one of its fields can be wrong. What is wrong is written
//! into the encoded bytes where no message type could hold it, such as text that is not UTF-8.

use bytes::Bytes;
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint},
};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value};

use crate::Fault;

/// How deep fields of fields are changed.
const DEPTH: usize = 4;
/// A payload above the limit of one blob, in bytes.
const BIG_PAYLOAD: usize = 2 * 1024 * 1024 + 1024;
/// A request above the limit of one message, in bytes.
const BIG_MESSAGE: usize = 4 * 1024 * 1024 + 64 * 1024;
/// A varint that no enum has a name for.
const NO_SUCH_VALUE: i32 = 7_777;

/// One malformed request.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// What is wrong with it, such as `workflow_id: not UTF-8`.
    pub(super) what: String,
    pub(super) body: Bytes,
}

/// Every malformed form of a request.
pub(super) fn cases(valid: &DynamicMessage) -> Result<Vec<Case>, Fault> {
    let mut cases = Vec::new();
    let mut path = Vec::new();
    fields(valid, valid, &mut path, &mut cases)?;
    cases.push(case("whole message: empty", Bytes::new()));
    cases.push(case("whole message: garbage", vec![0xff; 64].into()));
    let encoded = valid.encode_to_vec();
    let cut = encoded.len().saturating_sub(1);
    cases.push(case("whole message: cut short", encoded.get(..cut).unwrap_or_default().to_vec().into()));
    let mut large = encoded;
    unknown_field(&mut large, &vec![b'x'; BIG_MESSAGE]);
    cases.push(case("whole message: above the size limit", large.into()));
    Ok(cases)
}

fn case(what: impl Into<String>, body: Bytes) -> Case {
    Case { what: what.into(), body }
}

/// A length-delimited field that no message of the API has.
fn unknown_field(message: &mut Vec<u8>, content: &[u8]) {
    encode_key(9_000, WireType::LengthDelimited, message);
    encode_varint(content.len() as u64, message);
    message.extend_from_slice(content);
}

/// The cases of each field of `at`, the message that `path` leads to inside `root`.
fn fields(
    root: &DynamicMessage,
    at: &DynamicMessage,
    path: &mut Vec<FieldDescriptor>,
    cases: &mut Vec<Case>,
) -> Result<(), Fault> {
    for field in at.descriptor().fields() {
        if field.is_list() || field.is_map() {
            continue;
        }
        path.push(field.clone());
        match field.kind() {
            Kind::String => texts(root, path, cases)?,
            Kind::Bytes => {
                for (what, content) in [("garbage", vec![0xfe; 40]), ("empty", Vec::new())] {
                    change(root, path, what, Value::Bytes(content.into()), cases)?;
                }
                if field.name() == "data" {
                    change(root, path, "above the blob limit", Value::Bytes(vec![b'0'; BIG_PAYLOAD].into()), cases)?;
                }
            }
            Kind::Enum(_) => {
                change(root, path, "no such value", Value::EnumNumber(NO_SUCH_VALUE), cases)?;
                change(root, path, "negative value", Value::EnumNumber(-1), cases)?;
            }
            Kind::Message(kind) if kind.full_name() == "google.protobuf.Duration" => {
                for (what, seconds, nanos) in [("negative", -1, 0), ("out of range", i64::MAX, 0), ("mixed", 1, -5)] {
                    change(root, path, what, Value::Message(duration(&kind, seconds, nanos)), cases)?;
                }
            }
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                change(root, path, "negative", Value::I32(-1), cases)?;
                change(root, path, "largest", Value::I32(i32::MAX), cases)?;
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                change(root, path, "negative", Value::I64(-1), cases)?;
                change(root, path, "largest", Value::I64(i64::MAX), cases)?;
            }
            Kind::Message(kind) if path.len() < DEPTH && !is_recursive(&kind, path) => {
                let inner = match at.get_field(&field).as_message() {
                    Some(inner) => inner.clone(),
                    None => DynamicMessage::new(kind),
                };
                fields(root, &inner, path, cases)?;
            }
            _ => {}
        }
        path.pop();
    }
    Ok(())
}

/// True if the type is already on the way, as failures hold failures.
fn is_recursive(kind: &MessageDescriptor, path: &[FieldDescriptor]) -> bool {
    let above = &path[..path.len().saturating_sub(1)];
    above.iter().any(|field| matches!(field.kind(), Kind::Message(other) if other == *kind))
        || kind.full_name().starts_with("google.protobuf.")
}

fn duration(kind: &MessageDescriptor, seconds: i64, nanos: i32) -> DynamicMessage {
    let mut duration = DynamicMessage::new(kind.clone());
    duration.set_field_by_name("seconds", Value::I64(seconds));
    duration.set_field_by_name("nanos", Value::I32(nanos));
    duration
}

/// Each way in which a text can be wrong; an id has some more.
fn texts(root: &DynamicMessage, path: &[FieldDescriptor], cases: &mut Vec<Case>) -> Result<(), Fault> {
    let ways = [
        ("empty", String::new()),
        ("1,001 characters", "x".repeat(1_001)),
        ("100,000 characters", "x".repeat(100_000)),
        ("control characters", "a\u{0}b\u{1f}\n".to_owned()),
        ("no id of anything", "00000000-0000-4000-8000-000000000000".to_owned()),
    ];
    for (what, text) in ways {
        change(root, path, what, Value::String(text), cases)?;
    }
    // A marker of the same length takes the place, and is then overwritten with what is not UTF-8.
    const MARKER: &str = "@@not-utf8@@";
    let marked = changed(root, path, Value::String(MARKER.to_owned()))?;
    let mut body = marked.encode_to_vec();
    let found = body.windows(MARKER.len()).position(|window| window == MARKER.as_bytes());
    if let Some(start) = found {
        body[start..start + MARKER.len()].fill(0xff);
        cases.push(case(format!("{}: not UTF-8", name_of(path)), body.into()));
    }
    Ok(())
}

fn name_of(path: &[FieldDescriptor]) -> String {
    path.iter().map(FieldDescriptor::name).collect::<Vec<_>>().join(".")
}

fn change(
    root: &DynamicMessage,
    path: &[FieldDescriptor],
    what: &str,
    value: Value,
    cases: &mut Vec<Case>,
) -> Result<(), Fault> {
    let message = changed(root, path, value)?;
    cases.push(case(format!("{}: {what}", name_of(path)), message.encode_to_vec().into()));
    Ok(())
}

/// A copy of `root` with another value at the end of `path`.
fn changed(root: &DynamicMessage, path: &[FieldDescriptor], value: Value) -> Result<DynamicMessage, Fault> {
    let mut copy = root.clone();
    let Some((last, above)) = path.split_last() else {
        return Ok(copy);
    };
    let mut at = &mut copy;
    for field in above {
        at = at.get_field_mut(field).as_message_mut().ok_or_else(|| format!("{} is no message", field.name()))?;
    }
    at.try_set_field(last, value)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn each_text_of_a_start_is_broken_in_six_ways() {
        let catalog = Catalog::load().unwrap();
        let start = catalog.method("StartWorkflowExecution").unwrap().input.clone();
        let cases = cases(&DynamicMessage::new(start)).unwrap();
        let of = |field: &str| cases.iter().filter(|case| case.what.starts_with(&format!("{field}: "))).count();
        assert_eq!(of("workflow_id"), 6);
        assert_eq!(of("workflow_type.name"), 6);
        assert_eq!(of("workflow_run_timeout"), 3);
        assert!(cases.iter().any(|case| case.what == "retry_policy.initial_interval: negative"));
    }
}
