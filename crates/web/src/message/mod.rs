//! Any message of the API as a list of its fields, by its descriptor, so that no message needs a page of its own.

use std::sync::OnceLock;

use maud::{Markup, html};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value};
use prost_types::{Duration, Timestamp};
use proto::{
    cause::{chain, keep_encoded},
    name::short,
    temporal::api::{
        common::v1::Payload, enums::v1::WorkflowExecutionStatus, failure::v1::Failure, history::v1::HistoryEvent,
    },
};

/// Bytes of one text that are shown.
const MOST_TEXT: usize = 8 * 1024;

/// Causes of a failure that are shown.
const MOST_CAUSES: usize = 50;
const CAUSE: &str = "temporal.api.failure.v1.Failure.cause";

/// A point in time in UTC, which the browser shows in the reader's zone; nothing where there is none.
pub(crate) fn time(time: Option<&Timestamp>) -> Markup {
    html! {
        @if let Some(time) = time {
            time datetime=(time) { (time) }
        }
    }
}

/// The status of a run.
pub(crate) fn status(status: WorkflowExecutionStatus) -> String {
    short("WORKFLOW_EXECUTION_STATUS_", status.as_str_name())
}

/// A message by its full name.
pub(crate) fn format_message(name: &str, message: &impl Message) -> Markup {
    match dynamic(name, message) {
        Some(message) => fields(&message, |_| true),
        None => html! { p { "The message can't be shown." } },
    }
}

/// What an event says beside its number, time and type.
pub(crate) fn attributes(event: &HistoryEvent) -> Markup {
    let Some(event) = dynamic("temporal.api.history.v1.HistoryEvent", event) else {
        return html! { "The event can't be shown." };
    };
    let told = event.fields().find(|(field, _)| field.name().ends_with("_event_attributes"));
    html! {
        @if let Some((_, Value::Message(attributes))) = told {
            (fields(attributes, |_| true))
        }
        (fields(&event, |field| ["links", "principal", "user_metadata"].contains(&field.name())))
    }
}

fn dynamic(name: &str, message: &impl Message) -> Option<DynamicMessage> {
    let descriptor = pool()?.get_message_by_name(name)?;
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).ok()
}

/// Built when somebody asks first: it is the whole API.
fn pool() -> Option<&'static DescriptorPool> {
    static POOL: OnceLock<Option<DescriptorPool>> = OnceLock::new();
    POOL.get_or_init(|| {
        let mut set = proto::closed_descriptor_set().ok()?;
        keep_encoded(&mut set);
        DescriptorPool::from_file_descriptor_set(set).ok()
    })
    .as_ref()
}

/// The fields that are set, as the API names them.
fn fields(message: &DynamicMessage, wanted: impl Fn(&FieldDescriptor) -> bool) -> Markup {
    html! {
        dl {
            @for (field, value) in message.fields().filter(|(field, _)| wanted(field)) {
                dt { (field.name()) }
                dd {
                    @match value {
                        Value::Bytes(cause) if field.full_name() == CAUSE => (causes(cause)),
                        _ => (one(&field.kind(), value)),
                    }
                }
            }
        }
    }
}

/// The cause of a failure and its causes, one below the other.
fn causes(cause: &[u8]) -> Markup {
    let failure = Failure::decode(cause).unwrap_or_default();
    let mut causes: Vec<_> = chain(&failure).map(|failure| Failure { cause: None, ..failure }).collect();
    let left_out = causes.len().saturating_sub(MOST_CAUSES);
    causes.truncate(MOST_CAUSES);
    html! {
        @for cause in &causes {
            @if let Some(cause) = dynamic("temporal.api.failure.v1.Failure", cause) { (fields(&cause, |_| true)) }
        }
        @if left_out > 0 { p { (left_out) " more causes are not shown." } }
    }
}

fn one(kind: &Kind, value: &Value) -> Markup {
    match value {
        Value::Bool(value) => html! { (value) },
        Value::I32(value) => html! { (value) },
        Value::I64(value) => html! { (value) },
        Value::U32(value) => html! { (value) },
        Value::U64(value) => html! { (value) },
        Value::F32(value) => html! { (value) },
        Value::F64(value) => html! { (value) },
        Value::String(value) => text(value),
        Value::Bytes(value) => html! { (value.len()) " bytes" },
        Value::EnumNumber(number) => html! { (enum_name(kind, *number)) },
        Value::Message(message) => inner(message),
        Value::List(values) => html! { @for value in values { div { (one(kind, value)) } } },
        Value::Map(values) => {
            let mut values: Vec<_> = values.iter().map(|(name, value)| (key(name), value)).collect();
            values.sort_by(|one, other| one.0.cmp(&other.0));
            let kind = kind.as_message().and_then(|entry| entry.get_field_by_name("value"));
            html! {
                dl {
                    @for (name, value) in values {
                        dt { (name) }
                        dd { @if let Some(field) = &kind { (one(&field.kind(), value)) } }
                    }
                }
            }
        }
    }
}

fn key(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

/// A message inside another: those that have a text of their own, and all others by their fields.
fn inner(message: &DynamicMessage) -> Markup {
    let descriptor = message.descriptor();
    match descriptor.full_name() {
        "google.protobuf.Timestamp" => time(message.transcode_to::<Timestamp>().ok().as_ref()),
        "google.protobuf.Duration" => html! { (message.transcode_to::<Duration>().unwrap_or_default()) },
        "temporal.api.common.v1.Payload" => payload(&message.transcode_to::<Payload>().unwrap_or_default()),
        _ => fields(message, |_| true),
    }
}

/// A payload: text where its encoding is text, otherwise what can be said without a codec.
fn payload(payload: &Payload) -> Markup {
    let encoding = payload.metadata.get("encoding").map(|name| String::from_utf8_lossy(name)).unwrap_or_default();
    match &*encoding {
        "json/plain" | "json/protobuf" => text(&String::from_utf8_lossy(&payload.data)),
        "binary/null" => html! { "null" },
        _ => html! { (encoding) " " (payload.data.len()) " bytes" },
    }
}

/// A text, up to what a page can carry many of.
pub(crate) fn text(text: &str) -> Markup {
    let mut end = MOST_TEXT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    html! {
        pre { (text[..end]) @if end < text.len() { "… (" (text.len()) " bytes)" } }
    }
}

fn enum_name(kind: &Kind, number: i32) -> String {
    let Some(kind) = kind.as_enum() else { return number.to_string() };
    let Some(value) = kind.get_value(number) else { return number.to_string() };
    short(&prefix(kind.name()), value.name())
}

/// How the values of an enum begin: `TimeoutType` is `TIMEOUT_TYPE_`.
fn prefix(name: &str) -> String {
    let mut prefix = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            prefix.push('_');
        }
        prefix.push(letter.to_ascii_uppercase());
    }
    prefix + "_"
}

#[cfg(test)]
mod tests;
