//! API messages as canonical proto JSON, with or without the payload shorthand.
//!
//! The shorthand shows a payload by its value where nothing is lost: `json/plain` without further metadata,
//! `json/protobuf` with its message type, and `binary/null`. Everything else, search attributes among it because they
//! carry a type, keeps metadata and data. A payload whose data is not the JSON that it claims to be is shown raw.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::{Message, Name};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value,
};
use proto::{cause::keep_encoded, temporal::api::common::v1::Payload};

use super::{json, json::Json, time};

/// The member that names the type of a `json/protobuf` payload in shorthand.
const MESSAGE_TYPE_KEY: &str = "_protoMessageType";

/// How payloads are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Payloads {
    /// By value, where nothing is lost.
    #[default]
    Shorthand,
    /// By metadata and data, so that the output can be replayed.
    Raw,
}

/// Causes of a failure that are shown, each within the one before.
const MOST_CAUSES: usize = 1_000;

static POOL: LazyLock<Option<DescriptorPool>> = LazyLock::new(|| {
    let mut set = proto::closed_descriptor_set().ok()?;
    keep_encoded(&mut set);
    DescriptorPool::from_file_descriptor_set(set).ok()
});

/// The canonical JSON of `message`; null for a type that is not part of the API.
pub(crate) fn to_json<M: Message + Name>(message: &M, payloads: Payloads) -> Json {
    let descriptor = POOL.as_ref().and_then(|pool| pool.get_message_by_name(&M::full_name()));
    let Some(descriptor) = descriptor else {
        return Json::Null;
    };
    match DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()) {
        Ok(message) => Walk { payloads }.message(&message),
        Err(_) => Json::Null,
    }
}

/// The value of a payload in shorthand, or `None` if it has none.
pub(crate) fn shorthand(payload: &Payload) -> Option<Json> {
    let encoding = payload.metadata.get("encoding")?;
    match encoding.as_ref() {
        b"binary/null" => Some(Json::Null),
        b"json/plain" if payload.metadata.len() == 1 => json_data(payload),
        b"json/protobuf" if payload.metadata.len() == 2 => {
            let name = std::str::from_utf8(payload.metadata.get("messageType")?).ok()?;
            match json_data(payload)? {
                Json::Object(mut members) => {
                    members.push((MESSAGE_TYPE_KEY.to_owned(), Json::string(name)));
                    Some(Json::Object(members).sorted())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The JSON in a payload's data, whatever its other metadata says.
pub(crate) fn json_data(payload: &Payload) -> Option<Json> {
    serde_json::from_slice::<serde_json::Value>(&payload.data).ok().as_ref().map(Json::from)
}

struct Walk {
    payloads: Payloads,
}

impl Walk {
    fn message(&self, message: &DynamicMessage) -> Json {
        let descriptor = message.descriptor();
        match descriptor.full_name() {
            "google.protobuf.Timestamp" => {
                let time = prost_types::Timestamp { seconds: int64(message, 1), nanos: int32(message, 2) };
                time::from_proto(&time).map_or(Json::Null, |time| Json::String(time::proto_json(time)))
            }
            "google.protobuf.Duration" => {
                let duration = prost_types::Duration { seconds: int64(message, 1), nanos: int32(message, 2) };
                Json::String(time::proto_json_duration(&duration))
            }
            "google.protobuf.FieldMask" => Json::String(field_mask(message)),
            "google.protobuf.Any" => self.any(message),
            "google.protobuf.Struct" => self.first_field(&descriptor, message, Json::Object(Vec::new())),
            "google.protobuf.ListValue" => self.first_field(&descriptor, message, Json::Array(Vec::new())),
            "google.protobuf.Value" => self.any_set_field(&descriptor, message),
            name if is_wrapper(name) => self.first_field(&descriptor, message, Json::Null),
            "temporal.api.failure.v1.Failure" => self.failure(message),
            "temporal.api.common.v1.Payload" => self.payload(message).unwrap_or_else(|| self.object(message)),
            "temporal.api.common.v1.Payloads" => self.payload_list(message).unwrap_or_else(|| self.object(message)),
            _ => self.object(message),
        }
    }

    fn object(&self, message: &DynamicMessage) -> Json {
        let descriptor = message.descriptor();
        let present = descriptor.fields().filter(|field| message.has_field(field));
        Json::Object(
            present
                .map(|field| (field.json_name().to_owned(), self.field(&field, &message.get_field(&field))))
                .collect(),
        )
    }

    /// A failure with its causes, which stand encoded in it: from the last one out, so that the stack bounds no chain.
    fn failure(&self, message: &DynamicMessage) -> Json {
        let descriptor = message.descriptor();
        let Some(field) = descriptor.get_field_by_name("cause") else { return Json::Null };
        let (mut levels, mut next) = (Vec::new(), Some(message.clone()));
        while let Some(mut level) = next.take() {
            let cause = level.has_field(&field).then(|| level.get_field(&field).as_bytes().cloned()).flatten();
            level.clear_field(&field);
            levels.push(self.object(&level));
            next = cause.and_then(|cause| DynamicMessage::decode(descriptor.clone(), cause).ok());
        }
        let left_out = levels.len().saturating_sub(MOST_CAUSES);
        let mut inner = (left_out > 0).then(|| {
            let text = format!("{left_out} more causes are not shown");
            Json::Object(vec![("message".to_owned(), Json::String(text))])
        });
        levels.truncate(MOST_CAUSES);
        for mut level in levels.into_iter().rev() {
            if let (Json::Object(members), Some(cause)) = (&mut level, inner.take()) {
                // In the order of the fields' numbers.
                let before = |(name, _): &&(String, Json)| ["message", "source", "stackTrace"].contains(&name.as_str());
                let place = members.iter().take_while(before).count();
                members.insert(place, ("cause".to_owned(), cause));
            }
            inner = Some(level);
        }
        inner.unwrap_or(Json::Null)
    }

    fn field(&self, field: &FieldDescriptor, value: &Value) -> Json {
        match value {
            Value::List(items) => Json::Array(items.iter().map(|item| self.scalar(&field.kind(), item)).collect()),
            Value::Map(entries) => {
                let kind = match field.kind() {
                    Kind::Message(entry) => entry.map_entry_value_field().kind(),
                    other => other,
                };
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by(|left, right| left.0.cmp(right.0));
                Json::Object(
                    entries.into_iter().map(|(key, value)| (map_key(key), self.scalar(&kind, value))).collect(),
                )
            }
            scalar => self.scalar(&field.kind(), scalar),
        }
    }

    fn scalar(&self, kind: &Kind, value: &Value) -> Json {
        match value {
            Value::Bool(value) => Json::Bool(*value),
            Value::I32(value) => Json::Number(value.to_string()),
            Value::U32(value) => Json::Number(value.to_string()),
            Value::I64(value) => Json::String(value.to_string()),
            Value::U64(value) => Json::String(value.to_string()),
            Value::F32(value) if value.is_finite() => Json::Number(json::f32_text(*value)),
            Value::F32(value) => not_finite(f64::from(*value)),
            Value::F64(value) if value.is_finite() => Json::Number(json::f64_text(*value)),
            Value::F64(value) => not_finite(*value),
            Value::String(value) => Json::string(value.as_str()),
            Value::Bytes(value) => Json::String(STANDARD.encode(value)),
            Value::EnumNumber(number) => enum_value(kind, *number),
            Value::Message(message) => self.message(message),
            Value::List(items) => Json::Array(items.iter().map(|item| self.scalar(kind, item)).collect()),
            // A map never holds or lists another map.
            Value::Map(_) => Json::Null,
        }
    }

    fn payload(&self, message: &DynamicMessage) -> Option<Json> {
        match self.payloads {
            Payloads::Shorthand => shorthand(&message.transcode_to().ok()?),
            Payloads::Raw => None,
        }
    }

    fn payload_list(&self, message: &DynamicMessage) -> Option<Json> {
        match message.get_field_by_number(1)?.as_ref() {
            Value::List(items) => {
                let messages = items.iter().map(|item| self.payload(item.as_message()?));
                match self.payloads {
                    Payloads::Shorthand => messages.collect::<Option<Vec<_>>>().map(Json::Array),
                    Payloads::Raw => None,
                }
            }
            _ => None,
        }
    }

    fn any(&self, message: &DynamicMessage) -> Json {
        let url = string(message, 1);
        let name = url.rsplit('/').next().unwrap_or_default();
        let inner = POOL.as_ref().and_then(|pool| pool.get_message_by_name(name)).and_then(|descriptor| {
            let value = message.get_field_by_number(2)?;
            DynamicMessage::decode(descriptor, value.as_bytes()?.clone()).ok()
        });
        let mut members = vec![("@type".to_owned(), Json::string(url.as_str()))];
        match inner.map(|inner| self.message(&inner)) {
            Some(Json::Object(fields)) => members.extend(fields),
            Some(value) => members.push(("value".to_owned(), value)),
            None => {
                let value = message.get_field_by_number(2);
                let bytes = value.as_ref().and_then(|value| value.as_bytes()).map(|bytes| STANDARD.encode(bytes));
                members.push(("value".to_owned(), Json::String(bytes.unwrap_or_default())));
            }
        }
        Json::Object(members)
    }

    /// The value of the message's first field, whether set or not, as wrappers, structs and lists show it.
    fn first_field(&self, descriptor: &MessageDescriptor, message: &DynamicMessage, absent: Json) -> Json {
        match descriptor.fields().next() {
            Some(field) => self.field(&field, &message.get_field(&field)),
            None => absent,
        }
    }

    fn any_set_field(&self, descriptor: &MessageDescriptor, message: &DynamicMessage) -> Json {
        match descriptor.fields().find(|field| message.has_field(field)) {
            Some(field) => self.field(&field, &message.get_field(&field)),
            None => Json::Null,
        }
    }
}

fn is_wrapper(name: &str) -> bool {
    name.strip_prefix("google.protobuf.").and_then(|name| name.strip_suffix("Value")).is_some_and(|name| {
        ["Bool", "Int32", "UInt32", "Int64", "UInt64", "Float", "Double", "String", "Bytes"].contains(&name)
    })
}

fn enum_value(kind: &Kind, number: i32) -> Json {
    match kind {
        Kind::Enum(descriptor) if descriptor.full_name() == "google.protobuf.NullValue" => Json::Null,
        Kind::Enum(descriptor) => match descriptor.get_value(number) {
            Some(value) => Json::string(value.name()),
            None => Json::Number(number.to_string()),
        },
        _ => Json::Number(number.to_string()),
    }
}

fn not_finite(value: f64) -> Json {
    Json::string(match value {
        value if value.is_nan() => "NaN",
        value if value > 0.0 => "Infinity",
        _ => "-Infinity",
    })
}

fn map_key(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

/// Paths in camel case, parted by commas.
fn field_mask(message: &DynamicMessage) -> String {
    let value = message.get_field_by_number(1);
    let paths = value.as_ref().and_then(|value| value.as_list()).unwrap_or_default();
    let paths = paths.iter().filter_map(Value::as_str).map(|path| {
        let mut parts = path.split('_');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |joined, part| {
            let (head, tail) = part.split_at(part.len().min(1));
            joined + &head.to_ascii_uppercase() + tail
        })
    });
    paths.collect::<Vec<_>>().join(",")
}

fn int64(message: &DynamicMessage, number: u32) -> i64 {
    message.get_field_by_number(number).and_then(|value| value.as_i64()).unwrap_or_default()
}

fn int32(message: &DynamicMessage, number: u32) -> i32 {
    message.get_field_by_number(number).and_then(|value| value.as_i32()).unwrap_or_default()
}

fn string(message: &DynamicMessage, number: u32) -> String {
    let value = message.get_field_by_number(number);
    value.as_ref().and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::{
        common::v1::{Memo, Payloads as PayloadList, SearchAttributes, WorkflowType},
        enums::v1::WorkflowExecutionStatus,
        failure::v1::{Failure, ServerFailureInfo, failure::FailureInfo},
        taskqueue::v1::TaskQueueStats,
        workflow::v1::WorkflowExecutionInfo,
    };

    use super::{super::json::Layout, *};

    fn payload(metadata: &[(&str, &str)], data: &str) -> Payload {
        let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec().into()));
        Payload { metadata: metadata.collect(), data: data.as_bytes().to_vec().into(), ..Default::default() }
    }

    fn compact<M: Message + Name>(message: &M, payloads: Payloads) -> String {
        to_json(message, payloads).render(Layout::Compact)
    }

    #[test]
    fn a_failure_shows_its_causes_within_it_and_not_without_end() {
        let failure = |depth: usize| {
            let bottom = Failure { message: "bottom".to_owned(), ..Default::default() };
            (0..depth).fold(bottom, |inner, _| Failure {
                message: "m".to_owned(),
                source: "Go".to_owned(),
                cause: Some(inner.into()),
                failure_info: Some(FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable: true })),
                ..Default::default()
            })
        };
        let json = compact(&failure(1), Payloads::Raw);
        let info = r#""serverFailureInfo":{"nonRetryable":true}"#;
        assert_eq!(json, format!(r#"{{"message":"m","source":"Go","cause":{{"message":"bottom"}},{info}}}"#));
        let json = compact(&failure(300), Payloads::Raw);
        assert_eq!((json.matches("cause").count(), json.matches("bottom").count()), (300, 1));
        let json = compact(&failure(1_500), Payloads::Raw);
        assert_eq!(json.matches(r#""source""#).count(), MOST_CAUSES);
        assert!(json.contains("501 more causes are not shown"), "{json}");
    }

    #[test]
    fn scalars_follow_the_canonical_mapping_in_declaration_order() {
        let info = WorkflowExecutionInfo {
            r#type: Some(WorkflowType { name: "W".to_owned() }),
            start_time: Some(prost_types::Timestamp { seconds: 1_795_359_835, nanos: 369_313_313 }),
            status: WorkflowExecutionStatus::Running as i32,
            history_length: 2,
            execution_duration: Some(prost_types::Duration { seconds: 90, nanos: 0 }),
            search_attributes: Some(SearchAttributes::default()),
            ..Default::default()
        };
        assert_eq!(
            compact(&info, Payloads::Shorthand),
            "{\"type\":{\"name\":\"W\"},\"startTime\":\"2026-11-22T15:03:55.369313313Z\",\
             \"status\":\"WORKFLOW_EXECUTION_STATUS_RUNNING\",\"historyLength\":\"2\",\"searchAttributes\":{},\
             \"executionDuration\":\"90s\"}"
        );
        let stats = TaskQueueStats { tasks_add_rate: 0.75, approximate_backlog_count: 1, ..Default::default() };
        assert_eq!(compact(&stats, Payloads::Raw), r#"{"approximateBacklogCount":"1","tasksAddRate":0.75}"#);
    }

    #[test]
    fn payloads_in_shorthand() {
        for (payload, wanted) in [
            (payload(&[("encoding", "json/plain")], r#"{"b":1.0,"a":[]}"#), r#"{"a":[],"b":1}"#),
            (payload(&[("encoding", "binary/null")], ""), "null"),
            (
                payload(&[("encoding", "json/protobuf"), ("messageType", "a.B")], r#"{"x":"y"}"#),
                r#"{"_protoMessageType":"a.B","x":"y"}"#,
            ),
            (
                payload(&[("encoding", "json/plain"), ("type", "Int")], "1"),
                r#"{"metadata":{"encoding":"anNvbi9wbGFpbg==","type":"SW50"},"data":"MQ=="}"#,
            ),
            (
                payload(&[("encoding", "json/plain")], "{broken"),
                r#"{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"e2Jyb2tlbg=="}"#,
            ),
        ] {
            assert_eq!(compact(&payload, Payloads::Shorthand), wanted);
        }
    }

    #[test]
    fn a_list_is_shorthand_only_if_all_of_it_is() {
        let value = payload(&[("encoding", "json/plain")], "\"v\"");
        let list = PayloadList { payloads: vec![value.clone(), value.clone()] };
        assert_eq!(compact(&list, Payloads::Shorthand), r#"["v","v"]"#);
        let raw = r#"{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"InYi"}"#;
        assert_eq!(compact(&list, Payloads::Raw), format!(r#"{{"payloads":[{raw},{raw}]}}"#));
        let binary = payload(&[("encoding", "binary/plain")], "x");
        let mixed = PayloadList { payloads: vec![value.clone(), binary] };
        assert_eq!(
            compact(&mixed, Payloads::Shorthand),
            r#"{"payloads":["v",{"metadata":{"encoding":"YmluYXJ5L3BsYWlu"},"data":"eA=="}]}"#
        );
        let memo = Memo { fields: [("z".to_owned(), value.clone()), ("a".to_owned(), value)].into() };
        assert_eq!(compact(&memo, Payloads::Shorthand), r#"{"fields":{"a":"v","z":"v"}}"#);
    }
}
