//! Writes the table of shapes: what `src/shape.rs` says of each message.

use std::{collections::BTreeMap, error::Error, fmt::Write, fs, path::Path};

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

/// Bytes of a list, a map, a text and a number, as they stand in a message.
const LIST: u32 = 24;
const TEXT: u32 = 32;
const NUMBER: u32 = 16;
/// Bytes of a message that stands elsewhere.
const POINTER: u32 = 8;
/// Bytes that an entry of a map takes beside key and value.
const ENTRY: u32 = 16;

type Messages<'a> = BTreeMap<String, &'a DescriptorProto>;

/// Writes the table to a file.
pub fn write(set: &FileDescriptorSet, file: &Path) -> Result<(), Box<dyn Error>> {
    let mut messages = Messages::new();
    for file in &set.file {
        file.message_type.iter().for_each(|message| collect(file.package(), message, &mut messages));
    }
    let index: BTreeMap<&str, usize> =
        messages.keys().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
    let mut text = String::from("static SHAPES: &[Shape] = &[\n");
    for (name, message) in &messages {
        let size = size(&messages, name, &mut Vec::new());
        write!(text, "Shape {{ name: {name:?}, size: {size}, fields: &[")?;
        let mut fields: Vec<_> = message.field.iter().collect();
        fields.sort_by_key(|field| field.number());
        for field in fields {
            let child = held(field).and_then(|name| index.get(name)).filter(|_| !is_cause(name, field));
            let each = each(&messages, field);
            if child.is_some() || each > 0 {
                let child = child.map_or("NO_CHILD".to_owned(), usize::to_string);
                write!(text, "Field {{ tag: {}, each: {each}, child: {child} }}, ", field.number())?;
            }
        }
        writeln!(text, "] }},")?;
    }
    text.push_str("];\n");
    fs::write(file, text)?;
    Ok(())
}

fn collect<'a>(outer: &str, message: &'a DescriptorProto, messages: &mut Messages<'a>) {
    let name = format!("{outer}.{}", message.name());
    message.nested_type.iter().for_each(|inner| collect(&name, inner, messages));
    messages.insert(name, message);
}

/// The cause of a failure is kept as it is encoded.
fn is_cause(message: &str, field: &FieldDescriptorProto) -> bool {
    message == "temporal.api.failure.v1.Failure" && field.name() == "cause"
}

/// The name of the message that a field holds.
fn held(field: &FieldDescriptorProto) -> Option<&str> {
    (field.r#type() == Type::Message).then(|| field.type_name().trim_start_matches('.'))
}

/// Bytes of each value of a field that comes in any number; 0 for any other, and for numbers, which take little more than
/// they do on the wire.
fn each(messages: &Messages, field: &FieldDescriptorProto) -> u32 {
    if field.label() != Label::Repeated {
        return 0;
    }
    match (held(field), field.r#type()) {
        (Some(name), _) => {
            let is_entry =
                messages.get(name).is_some_and(|message| message.options.as_ref().is_some_and(|it| it.map_entry()));
            size(messages, name, &mut Vec::new()) + if is_entry { ENTRY } else { 0 }
        }
        (None, Type::String | Type::Bytes) => TEXT,
        (None, _) => 0,
    }
}

/// Bytes of a message, without what it points to. `within`: those that it stands in.
fn size<'a>(messages: &Messages<'a>, name: &'a str, within: &mut Vec<&'a str>) -> u32 {
    let Some(message) = messages.get(name).filter(|_| !within.contains(&name)) else { return POINTER };
    within.push(name);
    let mut sum = 0;
    let mut choices: BTreeMap<i32, u32> = BTreeMap::new();
    for field in &message.field {
        let bytes = match held(field) {
            _ if field.label() == Label::Repeated => LIST,
            Some(_) if is_cause(name, field) => TEXT,
            Some(inner) => size(messages, inner, within) + POINTER,
            None => match field.r#type() {
                Type::String | Type::Bytes => TEXT,
                _ => NUMBER,
            },
        };
        match field.oneof_index {
            Some(choice) => {
                let most = choices.entry(choice).or_default();
                *most = bytes.max(*most);
            }
            None => sum += bytes,
        }
    }
    within.pop();
    (sum + choices.values().map(|bytes| bytes + POINTER).sum::<u32>()).max(POINTER)
}
