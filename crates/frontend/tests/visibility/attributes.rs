//! What is accepted is found by a filter and shown alike in lists and in descriptions, and nothing else; whatever the value looks
//! like, and while definitions come, go and change.

use std::collections::BTreeMap;

use model::search_attribute::Value;
use proto::temporal::api::{common::v1::Payload, enums::v1::IndexedValueType};

use crate::world::World;

fn data(payload: &Payload) -> String {
    String::from_utf8(payload.data.to_vec()).unwrap()
}

/// What lists show of a value and a literal that means it, or how its refusal shows it.
type Expected = Result<(&'static str, &'static str), &'static str>;

/// Attributes and values for them.
const VALUES: &[(&str, &str, Expected)] = &[
    ("D", "\"2024-01-31T10:20:30Z\"", Ok(("\"2024-01-31T10:20:30Z\"", "'2024-01-31T10:20:30Z'"))),
    ("D", "\"2024-01-31T1:20:30Z\"", Ok(("\"2024-01-31T01:20:30Z\"", "'2024-01-31T1:20:30Z'"))),
    ("D", "\"2024-01-31T10:20:30,5Z\"", Ok(("\"2024-01-31T10:20:30.5Z\"", "'2024-01-31T10:20:30.500Z'"))),
    ("D", "\"2024-02-01T10:20:30+24:00\"", Ok(("\"2024-02-01T10:20:30+24:00\"", "'2024-01-31T10:20:30+00:00'"))),
    ("D", "\"1600-01-01T00:00:00Z\"", Ok(("\"1600-01-01T00:00:00Z\"", "'1600-01-01T00:00:00Z'"))),
    ("D", "\"3000-01-01T00:00:00Z\"", Ok(("\"3000-01-01T00:00:00Z\"", "'3000-01-01T01:00:00+01:00'"))),
    ("D", "\"9999-12-31T23:59:59-05:00\"", Ok(("\"9999-12-31T23:59:59-05:00\"", "'9999-12-31T23:59:59-05:00'"))),
    ("D", "[null]", Ok(("\"0001-01-01T00:00:00Z\"", "'0001-01-01T00:00:00Z'"))),
    ("D", "\"2024-02-31T10:20:30Z\"", Err("2024-02-31T10:20:30Z")),
    ("D", "\"2024-01-31T23:59:60Z\"", Err("2024-01-31T23:59:60Z")),
    ("D", "0", Err("0")),
    ("I", "-0", Ok(("0", "0"))),
    ("I", "[7]", Ok(("7", "7"))),
    ("I", "9223372036854775807", Ok(("9223372036854775807", "9223372036854775807"))),
    ("I", "[1,2]", Err("[1 2]")),
    ("I", "1.0", Err("1")),
    ("F", "9007199254740993", Ok(("9007199254740992", "9007199254740993"))),
    ("F", "1e3", Ok(("1000", "1000.0"))),
    ("F", "[1,2.5]", Err("[1 2.5]")),
    ("B", "[false]", Ok(("false", "false"))),
    ("B", "\"true\"", Err("true")),
    ("K", "\"a'b\\\\\"", Ok(("\"a'b\\\\\"", "'a\\'b\\\\'"))),
    ("K", "[null]", Ok(("\"\"", "''"))),
    ("K", "[\"a\",\"b\"]", Err("[a b]")),
    ("L", "[\"x\",null]", Ok(("[\"x\",\"\"]", "'x'"))),
    ("L", "[[\"y\"]]", Ok(("[\"y\"]", "'y'"))),
    ("L", "\"x\"", Err("x")),
    ("T", "\"the quick fox\"", Ok(("\"the quick fox\"", "'quick'"))),
    ("T", "1", Err("1")),
];

#[tokio::test]
async fn what_is_accepted_is_found_and_shown() {
    let mut world = World::new().await;
    for (number, (name, json, expected)) in VALUES.iter().enumerate() {
        let id = format!("{name}-{number}");
        let answer = world.start(&id, name, json, None).await;
        match (expected, answer) {
            (Ok((shown, literal)), Ok(())) => {
                let found = world.list(&format!("{name} = {literal} AND WorkflowId = '{id}'")).await;
                assert_eq!(data(&found.get(&id).unwrap_or_else(|| panic!("{json} is not found"))[*name]), *shown);
                assert_eq!(data(&world.described(&id).await[*name]), *json);
                assert_eq!(world.found(&format!("{name} IS NULL AND WorkflowId = '{id}'")).await, [""; 0]);
            }
            (Err(shown), Err(status)) => {
                assert!(status.message().ends_with(&format!(": {shown}")), "{json}: {}", status.message());
            }
            (expected, answer) => panic!("{json} for {name}: {answer:?}, not {expected:?}"),
        }
    }
    // Beyond what nanoseconds in 64 bits hold, one moment is not another.
    assert_eq!(world.found("D > '2500-01-01T00:00:00Z' AND D < '9000-01-01T00:00:00Z'").await, ["D-5"]);
    assert_eq!(world.found("D < '1000-01-01T00:00:00Z'").await, ["D-7"]);
    // What takes an attribute away leaves nothing to show.
    for (number, json) in ["null", "[]"].into_iter().enumerate() {
        let id = format!("nothing-{number}");
        world.start(&id, "K", json, None).await.unwrap();
        assert_eq!(world.found(&format!("K IS NULL AND WorkflowId = '{id}'")).await, [id]);
    }
}

#[tokio::test]
async fn a_value_belongs_to_the_definition_under_which_it_was_set() {
    use IndexedValueType::{Int, Keyword, Text};
    let mut world = World::new().await;
    let name = "Changed";
    world.define(name, Some(Keyword)).await;
    world.start("keyword", name, "\"x\"", None).await.unwrap();
    // What a client says of the type does not count.
    world.start("lie", name, "\"x\"", Some("Text")).await.unwrap();
    assert_eq!(world.found("Changed = 'x'").await, ["keyword", "lie"]);
    world.define(name, None).await;
    assert!(world.list("").await.values().all(BTreeMap::is_empty));
    assert!(world.described("keyword").await.is_empty());

    for (id, kind, json) in [("int", Int, "5"), ("text", Text, "\"x\"")] {
        world.define(name, Some(kind)).await;
        assert_eq!(world.found("Changed IS NOT NULL").await, [""; 0], "{id}");
        assert!(world.described("lie").await.is_empty());
        world.start(id, name, json, None).await.unwrap();
        assert_eq!(world.found("Changed IS NOT NULL").await, [id]);
        assert_eq!(world.found(&format!("Changed = {}", json.replace('"', "'"))).await, [id]);
        let shown = world.list("WorkflowId = 'keyword' OR Changed IS NOT NULL").await;
        assert_eq!(
            shown.into_iter().filter(|(_, shown)| !shown.is_empty()).map(|(id, _)| id).collect::<Vec<_>>(),
            [id]
        );
        world.define(name, None).await;
    }

    world.define(name, Some(Keyword)).await;
    assert_eq!(world.found("Changed IS NOT NULL").await, ["keyword", "lie"]);
    for id in ["keyword", "lie"] {
        let payload = &world.described(id).await[name];
        let expected = Value::Keyword("x".to_owned()).to_payload();
        assert_eq!((&payload.data, &payload.metadata["type"]), (&expected.data, &expected.metadata["type"]));
    }
    assert_eq!(world.found("Changed IS NULL").await, ["int", "text"]);
}
