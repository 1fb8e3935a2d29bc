//! The places of a request that can name something: every text, every bytes field, every item and every key, however
//! deep. They are found by descriptor, so that a field that the API gets tomorrow is a place as well.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value};

use crate::Fault;

/// How deep fields of fields are looked at: a command's execution is the fourth level.
const DEPTH: usize = 6;
/// What is stored and handed on unread: nothing is looked up by it.
const CONTENT: [&str; 7] = [
    "google.protobuf.",
    "temporal.api.common.v1.Payload",
    "temporal.api.common.v1.Memo",
    "temporal.api.common.v1.Header",
    "temporal.api.common.v1.SearchAttributes",
    "temporal.api.failure.v1.",
    "temporal.api.sdk.v1.",
];

/// One step from a message to a place in it.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Field(FieldDescriptor),
    /// The first message of a list.
    First(FieldDescriptor),
    /// A list that becomes one item.
    Item(FieldDescriptor),
    /// A map whose first key is replaced.
    Key(FieldDescriptor),
}

pub(super) type Place = Vec<Step>;

/// What is put into a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Text(String),
    Bytes(Vec<u8>),
}

impl Content {
    fn value(&self, kind: &Kind) -> Value {
        match (self, kind) {
            (Content::Text(text), Kind::Bytes) => Value::Bytes(text.clone().into_bytes().into()),
            (Content::Text(text), _) => Value::String(text.clone()),
            (Content::Bytes(bytes), Kind::String) => Value::String(String::from_utf8_lossy(bytes).into_owned()),
            (Content::Bytes(bytes), _) => Value::Bytes(bytes.clone().into()),
        }
    }

    fn of(value: &Value) -> Option<Content> {
        match value {
            Value::String(text) if !text.is_empty() => Some(Content::Text(text.clone())),
            Value::Bytes(bytes) if !bytes.is_empty() => Some(Content::Bytes(bytes.to_vec())),
            _ => None,
        }
    }
}

/// Every place of a request.
pub(super) fn places(template: &DynamicMessage) -> Vec<Place> {
    let (mut found, mut path) = (Vec::new(), Vec::new());
    gather(template, &mut path, &mut found);
    found
}

fn gather(at: &DynamicMessage, path: &mut Place, found: &mut Vec<Place>) {
    for field in at.descriptor().fields() {
        // Another member of the same choice is taken; it is what the request is about.
        let is_replaced = field
            .containing_oneof()
            .is_some_and(|choice| !at.has_field(&field) && choice.fields().any(|other| at.has_field(&other)));
        if is_replaced {
            continue;
        }
        let kind = field.kind();
        if field.is_map() {
            let key = kind.as_message().map(|entry| entry.map_entry_key_field().kind());
            if matches!(key, Some(Kind::String)) {
                found.push([path.as_slice(), &[Step::Key(field)]].concat());
            }
            continue;
        }
        match kind {
            Kind::String | Kind::Bytes if field.is_list() => {
                found.push([path.as_slice(), &[Step::Item(field)]].concat());
            }
            Kind::String | Kind::Bytes => found.push([path.as_slice(), &[Step::Field(field)]].concat()),
            Kind::Message(kind) if path.len() < DEPTH && !is_content(&kind) && !is_recursive(&kind, path) => {
                let value = at.get_field(&field);
                let inner =
                    if field.is_list() { value.as_list().and_then(|items| items.first()) } else { Some(&*value) };
                let inner = inner.and_then(Value::as_message).cloned().unwrap_or_else(|| DynamicMessage::new(kind));
                path.push(if field.is_list() { Step::First(field) } else { Step::Field(field) });
                gather(&inner, path, found);
                path.pop();
            }
            _ => {}
        }
    }
}

fn is_content(kind: &MessageDescriptor) -> bool {
    CONTENT.iter().any(|name| kind.full_name().starts_with(name))
}

fn is_recursive(kind: &MessageDescriptor, path: &[Step]) -> bool {
    path.iter().any(|step| matches!(step.field().kind(), Kind::Message(other) if other == *kind))
}

impl Step {
    pub(super) fn field(&self) -> &FieldDescriptor {
        match self {
            Step::Field(field) | Step::First(field) | Step::Item(field) | Step::Key(field) => field,
        }
    }
}

/// A place as it is written in a report, such as `commands[0].attributes.namespace`.
pub(super) fn name(place: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Field(field) => field.name().to_owned(),
        Step::First(field) | Step::Item(field) => format!("{}[0]", field.name()),
        Step::Key(field) => format!("{}{{key}}", field.name()),
    };
    place.iter().map(step).collect::<Vec<_>>().join(".")
}

/// What a request has in a place; nothing where that is empty.
pub(super) fn content(message: &DynamicMessage, place: &[Step]) -> Option<Content> {
    let (step, rest) = place.split_first()?;
    let value = message.get_field(step.field());
    match step {
        Step::Field(_) if rest.is_empty() => Content::of(&value),
        Step::Field(_) => content(value.as_message()?, rest),
        Step::First(_) => content(value.as_list()?.first()?.as_message()?, rest),
        Step::Item(_) => Content::of(value.as_list()?.first()?),
        Step::Key(_) => match value.as_map()?.keys().next()? {
            MapKey::String(key) => Some(Content::Text(key.clone())),
            _ => None,
        },
    }
}

/// Replaces what a request has in a place.
pub(super) fn put(message: &mut DynamicMessage, place: &[Step], content: &Content) -> Result<(), Fault> {
    let Some((step, rest)) = place.split_first() else {
        return Ok(());
    };
    let field = step.field();
    let wrong = || format!("{} is not what its descriptor says", field.full_name());
    match step {
        Step::Field(_) if rest.is_empty() => Ok(message.try_set_field(field, content.value(&field.kind()))?),
        Step::Item(_) => Ok(message.try_set_field(field, Value::List(vec![content.value(&field.kind())]))?),
        Step::Field(_) => put(message.get_field_mut(field).as_message_mut().ok_or_else(wrong)?, rest, content),
        Step::First(_) => {
            let items = message.get_field_mut(field).as_list_mut().ok_or_else(wrong)?;
            if items.is_empty() {
                let kind = field.kind().as_message().ok_or_else(wrong)?.clone();
                items.push(Value::Message(DynamicMessage::new(kind)));
            }
            put(items.first_mut().and_then(Value::as_message_mut).ok_or_else(wrong)?, rest, content)
        }
        Step::Key(_) => {
            let entry = field.kind().as_message().ok_or_else(wrong)?.map_entry_value_field();
            let entries = message.get_field_mut(field).as_map_mut().ok_or_else(wrong)?;
            let value = entries.values().next().cloned().unwrap_or_else(|| Value::default_value_for_field(&entry));
            entries.clear();
            let Value::String(key) = content.value(&Kind::String) else {
                return Err(wrong().into());
            };
            entries.insert(MapKey::String(key), value);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn ids_are_found_in_commands_lists_and_maps() {
        let catalog = Catalog::load().unwrap();
        let input = catalog.method("RespondWorkflowTaskCompleted").unwrap().input.clone();
        let places = places(&DynamicMessage::new(input.clone()));
        let names: Vec<String> = places.iter().map(|place| name(place)).collect();
        let child = "commands[0].start_child_workflow_execution_command_attributes.namespace";
        let external = "commands[0].signal_external_workflow_execution_command_attributes.execution.workflow_id";
        for wanted in ["task_token", "namespace", child, external, "query_results{key}"] {
            let at = names.iter().position(|name| name == wanted).unwrap_or_else(|| panic!("{wanted} in {names:?}"));
            let mut message = DynamicMessage::new(input.clone());
            let value = Content::Text("theirs".to_owned());
            put(&mut message, &places[at], &value).unwrap();
            let found = match content(&message, &places[at]).unwrap() {
                Content::Text(text) => text,
                Content::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
            };
            assert_eq!(found, "theirs", "{wanted}");
        }
    }
}
