//! The values of KEY=VALUE flags.

use std::collections::BTreeMap;

use model::{Limits, limits::Assigned};
use proto::temporal::api::enums::v1::IndexedValueType;

/// Splits KEY=VALUE; `what` names the flag's values in the error.
fn split<'a>(pair: &'a str, what: &str) -> Result<(&'a str, &'a str), String> {
    pair.split_once('=').ok_or_else(|| format!("invalid {what}: missing expected '=' in {pair:?}"))
}

/// The limits that dynamic configuration makes of `limits`. A key that is not known here is one of the reference's that has no
/// meaning for this server: it is taken without a word, as there.
pub(super) fn limits(mut limits: Limits, pairs: &[String]) -> Result<Limits, String> {
    const WHAT: &str = "dynamic config values";
    for pair in pairs {
        let (key, json) = split(pair, WHAT)?;
        let value: serde_json::Value = serde_json::from_str(json)
            .map_err(|error| format!("invalid {WHAT}: invalid JSON value for key {key:?}: {error}"))?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match limits.assign(key, &text) {
            Assigned::Done => {}
            Assigned::Unknown => tracing::info!(key, "this setting has no meaning here and is not used"),
            Assigned::Invalid => return Err(format!("invalid {WHAT}: {json} is no value for key {key:?}")),
        }
    }
    Ok(limits)
}

pub(super) fn search_attributes(pairs: &[String]) -> Result<BTreeMap<String, IndexedValueType>, String> {
    let mut attributes = BTreeMap::new();
    for pair in pairs {
        let (name, kind) = split(pair, "search attributes")?;
        attributes.insert(name.to_owned(), attribute_type(kind)?);
    }
    Ok(attributes)
}

fn attribute_type(name: &str) -> Result<IndexedValueType, String> {
    match name {
        "Text" => Ok(IndexedValueType::Text),
        "Keyword" => Ok(IndexedValueType::Keyword),
        "Int" => Ok(IndexedValueType::Int),
        "Double" => Ok(IndexedValueType::Double),
        "Bool" => Ok(IndexedValueType::Bool),
        "Datetime" => Ok(IndexedValueType::Datetime),
        "KeywordList" => Ok(IndexedValueType::KeywordList),
        _ => Err(format!("invalid search attribute value type {name:?}")),
    }
}

pub(super) fn pragmas(pairs: &[String]) -> Result<Vec<(String, String)>, String> {
    let pair = |pair: &String| split(pair, "SQLite pragmas").map(|(name, value)| (name.to_owned(), value.to_owned()));
    pairs.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[&str]) -> Vec<String> {
        pairs.iter().map(|pair| (*pair).to_owned()).collect()
    }

    #[test]
    fn known_keys_are_applied_and_unknown_ones_taken() {
        let limits = limits(
            Limits::default(),
            &of(&["limit.maxIDLength=7", "history.longPollExpirationInterval=\"3s\"", "x.y=true"]),
        )
        .unwrap();
        assert_eq!(limits.id_length, 7);
        assert_eq!(limits.history_long_poll, std::time::Duration::from_secs(3));
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        let rows = [
            ("A", "invalid dynamic config values: missing expected '=' in \"A\""),
            (
                "limit.maxIDLength=\"x\"",
                "invalid dynamic config values: \"x\" is no value for key \"limit.maxIDLength\"",
            ),
        ];
        for (pair, text) in rows {
            assert_eq!(limits(Limits::default(), &of(&[pair])).unwrap_err(), text);
        }
        let refused = limits(Limits::default(), &of(&["A=foo"])).unwrap_err();
        assert!(refused.starts_with("invalid dynamic config values: invalid JSON value"));
        assert_eq!(search_attributes(&of(&["A=Foo"])).unwrap_err(), "invalid search attribute value type \"Foo\"");
        let missing = "invalid search attributes: missing expected '=' in \"A\"";
        assert_eq!(search_attributes(&of(&["A"])).unwrap_err(), missing);
    }
}
