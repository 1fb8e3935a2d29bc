//! The list-filter language against the reference: `filters.txt` holds queries, and what its server answered to each over
//! the rows below: the ids of the runs it lists, or its error.

use std::collections::BTreeMap;

use model::{Entropy, NamespaceId, RunId, Time};
use proto::temporal::api::enums::v1::{IndexedValueType, WorkflowExecutionStatus};
use store::visibility::{Row, Schema, Value, parse};
use uuid::Uuid;

const START: i64 = 1_700_000_000_000_000_000;

fn row(id: &str, kind: &str, queue: &str, attributes: &[(&str, Value)]) -> Row {
    let run_id = RunId(Uuid::from_u128(1));
    Row {
        namespace: NamespaceId::default(),
        run_id,
        workflow_id: id.into(),
        workflow_type: kind.into(),
        task_queue: queue.into(),
        status: WorkflowExecutionStatus::Running,
        start_time: Time(START),
        execution_time: Time(START),
        close_time: None,
        history_length: 0,
        history_size: 0,
        state_transitions: 0,
        parent_workflow_id: None,
        parent_run_id: None,
        root_workflow_id: id.into(),
        root_run_id: run_id.to_string(),
        has_memo: false,
        search_attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
    }
}

/// In the order of a list: the last start first, and the closed run last.
fn rows() -> Vec<Row> {
    let keyword = |text: &str| Value::Keyword(text.into());
    let text = |text: &str| Value::Text(text.into());
    let list = |items: &[&str]| Value::KeywordList(items.iter().map(|item| (*item).to_owned()).collect());
    let mut closed = row("wf-3", "TypeA", "tq2", &[]);
    closed.status = WorkflowExecutionStatus::Terminated;
    closed.close_time = Some(Time(START + 20_000_000));
    closed.history_length = 3;
    closed.history_size = 500;
    closed.state_transitions = 2;
    vec![
        row(
            "wf_4",
            "TypeC",
            "tq2",
            &[("CKeyword", keyword("10")), ("CDouble", Value::Double(2.0)), ("CInt", Value::Int(10))],
        ),
        row(
            "wf-2",
            "TypeB",
            "tq",
            &[
                ("CKeyword", keyword("Beta")),
                ("CText", text("lazy dog-house")),
                ("CInt", Value::Int(2)),
                ("CBool", Value::Bool(false)),
                ("CList", list(&["A"])),
            ],
        ),
        row(
            "wf-1",
            "TypeA",
            "tq",
            &[
                ("CKeyword", keyword("alpha")),
                ("CText", text("The quick brown Fox")),
                ("CInt", Value::Int(1)),
                ("CDouble", Value::Double(1.5)),
                ("CBool", Value::Bool(true)),
                ("CDatetime", Value::Datetime(Time(1_704_067_200_000_000_000).into())),
                ("CList", list(&["a", "b c"])),
            ],
        ),
        closed,
    ]
}

fn answer(query: &str) -> String {
    let custom = BTreeMap::from([
        ("CBool".to_owned(), IndexedValueType::Bool),
        ("CDatetime".to_owned(), IndexedValueType::Datetime),
        ("CDouble".to_owned(), IndexedValueType::Double),
        ("CInt".to_owned(), IndexedValueType::Int),
        ("CKeyword".to_owned(), IndexedValueType::Keyword),
        ("CList".to_owned(), IndexedValueType::KeywordList),
        ("CText".to_owned(), IndexedValueType::Text),
    ]);
    match parse(query, &Schema { custom: &custom }) {
        Err(reject) => format!("! {}", reject.message),
        Ok(parsed) => {
            let rows = rows();
            let selected = rows.iter().filter(|row| parsed.filter.as_ref().is_none_or(|filter| filter.selects(row)));
            let ids: Vec<_> = selected.map(|row| row.workflow_id.as_str()).collect();
            format!("= {}", ids.join(" ")).trim_end().to_owned()
        }
    }
}

#[test]
fn queries_are_answered_as_recorded() {
    let recorded = include_str!("filters.txt");
    let mut lines = recorded.lines().filter(|line| !line.starts_with('#'));
    let (mut checked, mut wrong) = (0, Vec::new());
    while let (Some(query), Some(expected)) = (lines.next(), lines.next()) {
        checked += 1;
        let answer = answer(query);
        if answer.trim_end() != expected.trim() {
            wrong.push(format!("{query}\n    {answer}\n  recorded:\n    {}", expected.trim()));
        }
    }
    assert!(checked > 400, "only {checked} queries");
    assert!(wrong.is_empty(), "{} of {checked}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nesting_is_bounded() {
    let nested = |number: usize| format!("{}CInt = 1{}", "(".repeat(number), ")".repeat(number));
    assert_eq!(answer(&nested(199)), "= wf-1");
    let error = "! invalid query: malformed SQL query: max nesting level reached at position";
    assert_eq!(answer(&nested(300)), format!("{error} 228"));
    assert_eq!(answer(&format!("{}CInt = 1", "not ".repeat(250))), format!("{error} 827 near 'not'"));
    assert_eq!(answer(&format!("CInt = {}1", "- ".repeat(250))), format!("{error} 434"));
    let long = vec!["CInt = 1"; 4_000].join(" and ");
    assert_eq!(answer(&long), "= wf-1", "a long chain is not nested");
}

/// Whatever is asked, there is an answer; and a query that was refused is refused for a reason.
#[test]
fn every_text_has_an_answer() {
    /// What can stand at a place of a query, place after place, and then again.
    const NAMES: [&str; 8] =
        ["CInt", "CText", "CList", "WorkflowId", "ExecutionStatus", "StartTime", "not CInt", "`CBool`"];
    const SIGNS: [&str; 8] = ["=", "!=", "<", ">=", "in", "is", "starts_with", "between 1 and"];
    const VALUES: [&str; 9] =
        ["1", "-1.5", "'x'", "'Running'", "'2024-01-01T00:00:00Z'", "(1, 2)", "('x')", "null", "true"];
    const WORDS: [&str; 4] = ["and", "or", "group by ExecutionStatus", ")"];
    const STRANGE: [&str; 16] =
        ["Foo", "`", "'", "\"", "1e", "0x", "(", ",", "<=>", ";", "--", "/*", "\\", "é", "order by", "limit"];
    let mut entropy = Entropy::new(11);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let number = 3 + (entropy.fraction() * 6.0) as usize;
        let mut text = Vec::new();
        for place in 0..number {
            let parts: &[&str] = match place % 4 {
                _ if entropy.fraction() < 0.1 => &STRANGE,
                0 => &NAMES,
                1 => &SIGNS,
                2 => &VALUES,
                _ => &WORDS,
            };
            text.push(parts[(entropy.fraction() * parts.len() as f64) as usize]);
        }
        let answer = answer(&text.join(" "));
        assert!(answer.starts_with('=') || answer.starts_with("! invalid query: "), "{text:?}: {answer}");
        accepted += usize::from(answer.starts_with('='));
    }
    assert!(accepted > 300, "only {accepted} were queries");
}
