//! What search attributes must be to be written: names that the namespace knows, values of their type, and not too
//! large. A null or an empty list takes an attribute away.
//!
//! Source of the rules and texts: the reference server's search attribute mapper and validator.

use model::{
    Limits, Namespace, Reject,
    search_attribute::{Misfit, Value, builtin, kind_name},
};
use prost::Message;
use proto::temporal::api::{
    common::v1::{Payload, SearchAttributes},
    enums::v1::IndexedValueType,
};

/// Why search attributes may not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// The namespace has no attribute of this name; the text says so by itself.
    Unknown(String),
    /// A name that may not be set, or a value of the wrong type.
    Bad(String),
}

/// Checks names, types and sizes of what a client wants to set.
///
/// # Errors
/// `InvalidArgument` with the reference's texts.
pub fn validate(attributes: Option<&SearchAttributes>, namespace: &Namespace, limits: &Limits) -> Result<(), Reject> {
    check(attributes, namespace, limits).map_err(|invalid| match invalid {
        Invalid::Unknown(text) | Invalid::Bad(text) => Reject::invalid(text),
    })?;
    check_size(attributes, limits).map_err(Reject::invalid)
}

/// Says of each value of what type it is, whatever it says itself: by that it is found, also when the attribute has another
/// type later.
pub(crate) fn typed(attributes: Option<SearchAttributes>, namespace: &Namespace) -> Option<SearchAttributes> {
    let mut attributes = attributes?;
    for (name, value) in &mut attributes.indexed_fields {
        if let Some(kind) = kind_of(name, namespace) {
            value.metadata.insert("type".into(), kind_name(kind).as_bytes().into());
        }
    }
    Some(attributes)
}

/// The type of an attribute that a run can have among its search attributes.
fn kind_of(name: &str, namespace: &Namespace) -> Option<IndexedValueType> {
    match builtin(name) {
        Some(builtin) => (!builtin.is_system).then_some(builtin.kind),
        None => namespace.search_attributes.get(name).copied(),
    }
}

/// Checks names and types; not sizes.
pub(crate) fn check(
    attributes: Option<&SearchAttributes>,
    namespace: &Namespace,
    limits: &Limits,
) -> Result<(), Invalid> {
    let Some(SearchAttributes { indexed_fields: fields }) = attributes else {
        return Ok(());
    };
    for name in fields.keys() {
        if builtin(name).is_none() && !namespace.search_attributes.contains_key(name) {
            let namespace = &namespace.name;
            let text = format!("Namespace {namespace} has no mapping defined for search attribute {name}");
            return Err(Invalid::Unknown(text));
        }
    }
    if fields.len() > limits.search_attributes_count {
        let (count, limit) = (fields.len(), limits.search_attributes_count);
        return Err(Invalid::Bad(format!("number of search attributes {count} exceeds limit {limit}")));
    }
    for (name, value) in fields {
        check_value(name, value, namespace)?;
    }
    Ok(())
}

fn check_value(name: &str, value: &Payload, namespace: &Namespace) -> Result<(), Invalid> {
    let is_closed = builtin(name).is_some_and(|builtin| !builtin.is_open);
    let Some(kind) = kind_of(name, namespace).filter(|_| !is_closed) else {
        return Err(Invalid::Bad(format!("{name} attribute can't be set in SearchAttributes")));
    };
    match Value::from_payload(value, kind) {
        Ok(_) => Ok(()),
        Err(Misfit(text)) => {
            let text = text.unwrap_or_else(|| format!("value from <{}>", undecoded(value)));
            let kind = kind_name(kind);
            Err(Invalid::Bad(format!("invalid value for search attribute {name} of type {kind}: {text}")))
        }
    }
}

/// A payload that is no value, in the reference's text format.
fn undecoded(value: &Payload) -> String {
    let metadata =
        value.metadata.iter().map(|(key, value)| format!("metadata:{{key:{key:?}  value:\"{}\"}}", escaped(value)));
    let data = (!value.data.is_empty()).then(|| format!("data:\"{}\"", escaped(&value.data)));
    metadata.chain(data).collect::<Vec<_>>().join("  ")
}

/// Bytes in double quotes.
fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\'", "'")
}

/// Checks the size of each value and of all.
pub(crate) fn check_size(attributes: Option<&SearchAttributes>, limits: &Limits) -> Result<(), String> {
    let Some(attributes) = attributes else { return Ok(()) };
    for (name, value) in &attributes.indexed_fields {
        let (size, limit) = (value.data.len(), limits.search_attribute_size);
        if size > limit {
            return Err(format!("search attribute {name} value size {size} exceeds size limit {limit}"));
        }
    }
    let (size, limit) = (attributes.encoded_len(), limits.search_attributes_total_size);
    if size > limit {
        return Err(format!("total size of search attributes {size} exceeds size limit {limit}"));
    }
    Ok(())
}
