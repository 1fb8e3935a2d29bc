//! The contents that requests carry: payloads, headers, policies, failures.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::seed::Seed;

/// A payload that holds a JSON value.
pub(crate) fn payload(value: &Value) -> Value {
    json!({
        "metadata": {"encoding": BASE64_STANDARD.encode("json/plain")},
        "data": BASE64_STANDARD.encode(value.to_string()),
    })
}

/// Payloads that hold one text.
pub(crate) fn payloads(text: &str) -> Value {
    json!({"payloads": [payload(&json!(text))]})
}

/// A map of one payload under a name, in the field that memo, header and search attributes each have.
pub(crate) fn fields(under: &str, name: &str, value: &Value) -> Value {
    json!({under: {name: payload(value)}})
}

/// A value for one of the search attributes that the servers were started with.
pub(crate) fn search_attributes(seed: &mut Seed) -> Value {
    let choices = [
        ("ProbeKeyword", json!(format!("word{}", seed.below(3)))),
        ("ProbeInt", json!(seed.below(5))),
        ("ProbeDouble", json!(0.5 + seed.below(3) as f64)),
        ("ProbeBool", json!(seed.chance(50))),
        ("ProbeDatetime", json!(format!("2026-01-0{}T00:00:00Z", 1 + seed.below(5)))),
        ("ProbeText", json!(format!("some text {}", seed.below(3)))),
        ("ProbeKeywordList", json!([format!("item{}", seed.below(3)), "last"])),
    ];
    let mut map = serde_json::Map::new();
    for _ in 0..1 + seed.below(2) {
        if let Some((name, value)) = seed.pick(&choices) {
            map.insert((*name).to_owned(), payload(value));
        }
    }
    json!({"indexedFields": map})
}

/// Arguments that register those search attributes when a server starts.
pub(crate) const SEARCH_ATTRIBUTES: [&str; 7] = [
    "ProbeKeyword=Keyword",
    "ProbeInt=Int",
    "ProbeDouble=Double",
    "ProbeBool=Bool",
    "ProbeDatetime=Datetime",
    "ProbeText=Text",
    "ProbeKeywordList=KeywordList",
];

/// An application failure.
pub(crate) fn failure(seed: &mut Seed) -> Value {
    let mut info = json!({"type": if seed.chance(50) { "Odd" } else { "Plain" }});
    if seed.chance(25) {
        info["nonRetryable"] = json!(true);
    }
    if seed.chance(30) {
        info["details"] = payloads("detail");
    }
    let mut failure = json!({
        "message": format!("went wrong {}", seed.below(10)), "source": "Probe", "applicationFailureInfo": info,
    });
    if seed.chance(20) {
        failure["cause"] = json!({"message": "deeper", "source": "Probe", "applicationFailureInfo": {"type": "Inner"}});
    }
    if seed.chance(20) {
        failure["stackTrace"] = json!("line one\nline two");
    }
    failure
}

/// A text for the person who looks at the run.
pub(crate) fn user_metadata() -> Value {
    json!({"summary": payload(&json!("a summary")), "details": payload(&json!("some details"))})
}
