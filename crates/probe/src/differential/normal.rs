//! The normal form of a reply: what is left of it when ids, times, tokens and measures that two correct servers may
//! choose differently are taken out.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use super::names::{Names, is_uuid};

/// Lists without an order of their own, each with the fields that order it here.
const UNORDERED: [(&str, &[&str]); 5] = [
    ("pendingActivities", &["/activityId"]),
    ("pendingChildren", &["/initiatedId"]),
    ("executions", &["/execution/workflowId", "/startTime"]),
    ("pollers", &["/identity"]),
    ("groups", &["/groupValues"]),
];

/// Fields that are not compared, wherever they stand, and why.
pub(crate) const LEFT_OUT: [(&str, &str); 8] = [
    ("historySizeBytes", "the size of an encoding"),
    ("backlogCountHint", "a hint from the load of the moment"),
    ("pollerScalingDecision", "a hint from the load of the moment"),
    ("executionDuration", "how long it took is measured anew by each server"),
    ("ratePerSecond", "measured from the polls of the last moments"),
    ("lastAccessTime", "measured from the polls of the last moments"),
    ("pollerGroupInfos", "how pollers are spread over internal partitions"),
    ("pollerGroupsInfo", "how pollers are spread over internal partitions"),
];

/// The map from columns of a store to the search attributes that use them.
const ALIASES: &str = "customSearchAttributeAliases";

/// The map whose keys a worker sends back with its answers.
const ANSWERED_BY_KEY: &str = "queries";

/// Durations that are what is left of a second since the last start, when they are below one second.
const REMAINDERS: [&str; 2] = ["firstWorkflowTaskBackoff", "backoffStartInterval"];

/// Brings a reply into its normal form, naming what `names` has not seen yet.
pub(crate) fn normalise(names: &mut Names, reply: Value) -> Value {
    at(names, "", reply)
}

fn at(names: &mut Names, key: &str, value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(object(names, key, fields)),
        Value::Array(items) => {
            let items = in_order(key, items);
            Value::Array(items.into_iter().map(|item| at(names, key, item)).collect())
        }
        Value::String(text) => Value::String(string(names, key, &text)),
        // Each server numbers its events as it likes; that an event has a number is the same.
        Value::Number(number) if key == "taskId" && number.as_i64() > Some(0) => Value::String("$task".to_owned()),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// Orders a list that has none. Ids that the servers draw take no part, since they differ.
fn in_order(key: &str, mut items: Vec<Value>) -> Vec<Value> {
    if let Some((_, by)) = UNORDERED.iter().find(|(name, _)| *name == key) {
        let rank = |item: &Value| -> Vec<(i64, String)> {
            by.iter()
                .map(|pointer| {
                    let value = item.pointer(pointer).cloned().unwrap_or_default();
                    (value.as_i64().unwrap_or(0), value.to_string())
                })
                .collect()
        };
        items.sort_by_key(rank);
    }
    items
}

fn object(names: &mut Names, key: &str, fields: Map<String, Value>) -> Map<String, Value> {
    if is_payload(&fields) {
        return payload(names, fields);
    }
    if key == ALIASES {
        // Which column an attribute got is the store's affair.
        let mut given: Vec<String> = fields.values().map(Value::to_string).collect();
        given.sort();
        return given.into_iter().map(|alias| (alias, Value::Bool(true))).collect();
    }
    let lasting = fields
        .into_iter()
        .filter(|(name, value)| !LEFT_OUT.iter().any(|(field, _)| field == name) && !is_remainder(name, value));
    let (named, mut invented): (Vec<_>, Vec<_>) = lasting.partition(|(name, _)| !holds_uuid(name));
    // Entries under an invented key come in the order of what they hold.
    invented.sort_by_key(|(_, value)| value.to_string());
    let mut normal = Map::new();
    for (name, value) in named {
        let value = at(names, &name, value);
        normal.insert(name, value);
    }
    for (at, (name, value)) in invented.into_iter().enumerate() {
        let value = self::at(names, "", value);
        let name = if key == ANSWERED_BY_KEY { names.rename(&name) } else { format!("$key{at}") };
        normal.insert(name, value);
    }
    normal
}

/// True for a delay that depends on the moment of the call.
fn is_remainder(name: &str, value: &Value) -> bool {
    let below_a_second = value.as_str().is_some_and(|text| text.starts_with("0."));
    REMAINDERS.contains(&name) && below_a_second
}

/// True for a key that a server made up, such as an id or one with an event number behind it.
fn holds_uuid(key: &str) -> bool {
    key.get(..36).is_some_and(is_uuid)
}

fn is_payload(fields: &Map<String, Value>) -> bool {
    fields.contains_key("metadata") && fields.keys().all(|name| name == "metadata" || name == "data")
}

/// Shows a payload as text.
fn payload(names: &mut Names, mut fields: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        for value in metadata.values_mut() {
            *value = Value::String(plain(value));
        }
    }
    if let Some(data) = fields.get_mut("data") {
        *data = Value::String(names.rename(&plain(data)));
    }
    fields
}

fn plain(value: &Value) -> String {
    let encoded = value.as_str().unwrap_or_default();
    let decoded = BASE64_STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or_else(|| encoded.to_owned())
}

fn string(names: &mut Names, key: &str, text: &str) -> String {
    if key.ends_with("Token") || key == "token" {
        return names.token(text);
    }
    if is_time(text) {
        return if text.starts_with("1970-01-01T00:00:00") { "$epoch".to_owned() } else { "$time".to_owned() };
    }
    without_suffix_of_deleted(&names.rename(text))
}

/// True for a timestamp in proto3's JSON mapping.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 20
        && bytes.len() <= 30
        && bytes.ends_with(b"Z")
        && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')].iter().all(|(at, byte)| bytes[*at] == *byte)
}

/// A deleted namespace keeps its rows under a name that ends in a piece of its id.
fn without_suffix_of_deleted(text: &str) -> String {
    let Some((name, suffix)) = text.split_once("-deleted-") else {
        return text.to_owned();
    };
    let rest = suffix.trim_start_matches(|character: char| character.is_ascii_hexdigit());
    format!("{name}-deleted-$suffix{rest}")
}

/// One place where two normal forms differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) path: String,
    pub(crate) reference: Option<String>,
    pub(crate) subject: Option<String>,
}

/// Every place where two normal forms differ, in order of their paths.
pub(crate) fn differences(reference: &Value, subject: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    compare("", Some(reference), Some(subject), &mut lines);
    lines
}

fn compare(path: &str, reference: Option<&Value>, subject: Option<&Value>, lines: &mut Vec<Line>) {
    match (reference, subject) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            let mut names: Vec<&String> = left.keys().chain(right.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(&path, left.get(name), right.get(name), lines);
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            for at in 0..left.len().max(right.len()) {
                compare(&format!("{path}[{at}]"), left.get(at), right.get(at), lines);
            }
        }
        (left, right) if left == right => {}
        (left, right) => lines.push(Line {
            path: path.to_owned(),
            reference: left.map(Value::to_string),
            subject: right.map(Value::to_string),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_but_for_ids_times_and_tokens() {
        let reply = |id: &str, time: &str, token: &str| {
            json!({
                "runId": id, "startTime": time, "taskToken": token, "note": format!("run {id}"),
                "input": {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "MQ=="}]},
            })
        };
        let left = reply("0193a1b2-0000-7000-8000-00000000000a", "2026-01-01T00:00:00Z", "YQ==");
        let right = reply("8c1fcf32-c98e-4c5e-a2c0-1b3f2e4d5c6b", "2026-01-02T00:00:00.5Z", "YmM=");
        let left = normalise(&mut Names::default(), left);
        let right = normalise(&mut Names::default(), right);
        assert_eq!(differences(&left, &right), []);
        assert_eq!(left["note"], "run $u1");
        assert_eq!(left["input"]["payloads"][0]["data"], "1");
    }

    #[test]
    fn an_event_has_a_number_or_none() {
        let normal = |event: Value| normalise(&mut Names::default(), event);
        assert_eq!(normal(json!({"taskId": 1_048_587})), normal(json!({"taskId": 1_048_577})));
        assert_ne!(normal(json!({"taskId": 1_048_587})), normal(json!({})));
        assert_ne!(normal(json!({"taskId": 1_048_587})), normal(json!({"taskId": -1234})));
    }

    #[test]
    fn a_query_in_a_task_can_be_answered_by_its_id() {
        let id = "0193a1b2-0000-7000-8000-00000000000a";
        let mut names = Names::default();
        let task = normalise(&mut names, json!({"queries": {id: {"queryType": "state"}}}));
        assert_eq!(task, json!({"queries": {"$u1": {"queryType": "state"}}}));
        assert_eq!(names.restore(&json!({"queryResults": {"$u1": {}}})), json!({"queryResults": {id: {}}}));
    }

    #[test]
    fn each_difference_has_its_path() {
        let lines = differences(&json!({"a": [1, {"b": 2}]}), &json!({"a": [1, {"b": 3}, 4]}));
        let paths: Vec<&str> = lines.iter().map(|line| line.path.as_str()).collect();
        assert_eq!(paths, ["a[1].b", "a[2]"]);
    }
}
