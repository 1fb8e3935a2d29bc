//! What search attributes must be to be written: names that the namespace knows, values of their type, and not too
//! large. Values are JSON; a null, an absent value or an empty list takes an attribute away.
//!
//! Source of the rules and texts: the reference server's search attribute mapper and validator.

use std::collections::BTreeMap;

use model::{Limits, Namespace, Reject};
use prost::Message;
use proto::temporal::api::{
    common::v1::{Payload, SearchAttributes},
    enums::v1::IndexedValueType,
};
use serde_json::Value;

/// Kept by the server in fields of their own: never set by a client.
const SYSTEM: [&str; 16] = [
    "CloseTime",
    "ExecutionDuration",
    "ExecutionStatus",
    "ExecutionTime",
    "HistoryLength",
    "HistorySizeBytes",
    "ParentRunId",
    "ParentWorkflowId",
    "RootRunId",
    "RootWorkflowId",
    "RunId",
    "StartTime",
    "StateTransitionCount",
    "TaskQueue",
    "WorkflowId",
    "WorkflowType",
];

/// Known in every namespace; `false` where only the server sets it.
const PREDEFINED: [(&str, IndexedValueType, bool); 17] = [
    ("BatcherNamespace", IndexedValueType::Keyword, true),
    ("BatcherUser", IndexedValueType::Keyword, true),
    ("BinaryChecksums", IndexedValueType::KeywordList, true),
    ("BuildIds", IndexedValueType::KeywordList, true),
    ("TemporalChangeVersion", IndexedValueType::KeywordList, true),
    ("TemporalExternalPayloadCount", IndexedValueType::Int, false),
    ("TemporalExternalPayloadSizeBytes", IndexedValueType::Int, false),
    ("TemporalNamespaceDivision", IndexedValueType::Keyword, true),
    ("TemporalPauseInfo", IndexedValueType::KeywordList, true),
    ("TemporalReportedProblems", IndexedValueType::KeywordList, true),
    ("TemporalSchedulePaused", IndexedValueType::Bool, true),
    ("TemporalScheduledById", IndexedValueType::Keyword, true),
    ("TemporalScheduledStartTime", IndexedValueType::Datetime, true),
    ("TemporalUsedWorkerDeploymentVersions", IndexedValueType::KeywordList, false),
    ("TemporalWorkerDeployment", IndexedValueType::Keyword, false),
    ("TemporalWorkerDeploymentVersion", IndexedValueType::Keyword, false),
    ("TemporalWorkflowVersioningBehavior", IndexedValueType::Keyword, false),
];

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

/// Says of each value of what type it is, unless it says so itself.
pub(crate) fn typed(attributes: Option<SearchAttributes>, namespace: &Namespace) -> Option<SearchAttributes> {
    let mut attributes = attributes?;
    for (name, value) in &mut attributes.indexed_fields {
        let predefined = PREDEFINED.iter().find(|(known, ..)| known == name).map(|(_, kind, _)| *kind);
        let kind = predefined.or_else(|| namespace.search_attributes.get(name).copied());
        if let Some(kind) = kind {
            let kind = crate::names::pascal(kind.as_str_name(), "INDEXED_VALUE_TYPE_");
            value.metadata.entry("type".into()).or_insert_with(|| kind.into_bytes().into());
        }
    }
    Some(attributes)
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
        if !is_reserved(name) && !namespace.search_attributes.contains_key(name) {
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

fn is_reserved(name: &str) -> bool {
    SYSTEM.contains(&name) || PREDEFINED.iter().any(|(known, ..)| *known == name)
}

fn check_value(name: &str, value: &Payload, namespace: &Namespace) -> Result<(), Invalid> {
    let predefined = PREDEFINED.iter().find(|(known, ..)| *known == name);
    let kind = match predefined {
        Some((_, kind, true)) => Some(*kind),
        Some((_, _, false)) => None,
        None => namespace.search_attributes.get(name).copied(),
    };
    let Some(kind) = kind else {
        return Err(Invalid::Bad(format!("{name} attribute can't be set in SearchAttributes")));
    };
    let Some(json) = decode(value) else {
        return Err(Invalid::Bad(wrong(name, kind, &format!("value from <{}>", undecoded(value)))));
    };
    if fits(&json, kind) { Ok(()) } else { Err(Invalid::Bad(wrong(name, kind, &shown(&json)))) }
}

fn wrong(name: &str, kind: IndexedValueType, value: &str) -> String {
    let kind = crate::names::pascal(kind.as_str_name(), "INDEXED_VALUE_TYPE_");
    format!("invalid value for search attribute {name} of type {kind}: {value}")
}

/// The value of a payload, if it is encoded in a way that the server reads.
fn decode(value: &Payload) -> Option<Value> {
    match value.metadata.get("encoding").map(|encoding| &**encoding) {
        Some(b"binary/null") => Some(Value::Null),
        Some(b"json/plain") => serde_json::from_slice(&value.data).ok(),
        Some(_) | None => None,
    }
}

/// A payload that is no value, in the reference's text format.
fn undecoded(value: &Payload) -> String {
    let metadata = value
        .metadata
        .iter()
        .map(|(key, value)| format!("metadata:{{key:{key:?}  value:\"{}\"}}", value.escape_ascii()));
    let data = (!value.data.is_empty()).then(|| format!("data:\"{}\"", value.data.escape_ascii()));
    metadata.chain(data).collect::<Vec<_>>().join("  ")
}

/// A value fits its type, and so do null and a list of such values.
fn fits(value: &Value, kind: IndexedValueType) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().all(|item| item.is_null() || fits_one(item, kind)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            kind != IndexedValueType::KeywordList && fits_one(value, kind)
        }
    }
}

fn fits_one(value: &Value, kind: IndexedValueType) -> bool {
    match kind {
        IndexedValueType::Text | IndexedValueType::Keyword | IndexedValueType::KeywordList => value.is_string(),
        IndexedValueType::Int => value.is_i64(),
        IndexedValueType::Double => value.is_number(),
        IndexedValueType::Bool => value.is_boolean(),
        IndexedValueType::Datetime => value.as_str().is_some_and(is_rfc3339),
        IndexedValueType::Unspecified => false,
    }
}

/// RFC 3339, as far as a date's shape and ranges go.
fn is_rfc3339(text: &str) -> bool {
    let digits = |from: usize, to: usize| -> Option<u32> {
        let part = text.get(from..to)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten()
    };
    let byte = |at: usize| text.as_bytes().get(at).copied();
    let (Some(_), Some(month), Some(day)) = (digits(0, 4), digits(5, 7), digits(8, 10)) else {
        return false;
    };
    let (Some(hour), Some(minute), Some(second)) = (digits(11, 13), digits(14, 16), digits(17, 19)) else {
        return false;
    };
    let separators = byte(4) == Some(b'-')
        && byte(7) == Some(b'-')
        && byte(10) == Some(b'T')
        && byte(13) == Some(b':')
        && byte(16) == Some(b':');
    let ranges = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
    separators && ranges && text.get(19..).is_some_and(is_fraction_and_zone)
}

fn is_fraction_and_zone(text: &str) -> bool {
    let zone = match text.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
        None => text,
    };
    let Some(offset) = zone.strip_prefix(['+', '-']) else {
        return zone == "Z";
    };
    let numbers = offset.split_once(':').map(|(hours, minutes)| (hours.parse::<u8>(), minutes.parse::<u8>()));
    offset.len() == 5 && matches!(numbers, Some((Ok(0..=23), Ok(0..=59))))
}

/// A value as it stands in a text of the reference server.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().collect();
            let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}:{}", shown(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_rfc3339() {
        for good in ["2024-01-31T10:20:30Z", "2024-01-31T10:20:30.123456789+05:30", "2024-01-31T10:20:30-00:00"] {
            assert!(is_rfc3339(good), "{good}");
        }
        for bad in ["", "2024-01-31", "2024-13-31T10:20:30Z", "2024-01-31 10:20:30Z", "2024-01-31T10:20:30.Z", "é"] {
            assert!(!is_rfc3339(bad), "{bad}");
        }
    }

    #[test]
    fn lists_stand_for_their_values() {
        let value = |json| serde_json::from_str::<Value>(json).unwrap();
        assert!(fits(&value("[1, 2]"), IndexedValueType::Int));
        assert!(fits(&value("[]"), IndexedValueType::Bool));
        assert!(!fits(&value("\"a\""), IndexedValueType::KeywordList));
        assert!(!fits(&value("1.5"), IndexedValueType::Int));
        assert!(fits(&value("null"), IndexedValueType::Datetime));
        assert_eq!(shown(&value(r#"{"b":[1,"x"],"a":null}"#)), "map[a:<nil> b:[1 x]]");
    }
}
