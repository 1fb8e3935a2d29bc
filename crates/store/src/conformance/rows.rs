//! Visibility: rows, order, pages, filters and groups.

use std::{cmp::Reverse, collections::BTreeMap};

use model::{Epoch, NamespaceId, RunId, Time};
use proto::temporal::api::enums::v1::{IndexedValueType, WorkflowExecutionStatus};
use uuid::Uuid;

use super::{acquire, commit, done, draw::Draw, put};
use crate::{
    Change, Store,
    visibility::{Attribute, Comparison, Filter, GroupCount, Operand, Query, Row, Value},
};

const HERE: NamespaceId = NamespaceId(Uuid::from_u128(1));
const ELSEWHERE: NamespaceId = NamespaceId(Uuid::from_u128(2));

fn show(row: &Row) -> Change {
    Change::Show(Box::new(row.clone()))
}

fn all(namespace: NamespaceId) -> Query {
    Query { namespace, filter: None, group_by: Vec::new(), limit: 1_000, after: None }
}

fn list(store: &impl Store, query: &Query) -> Vec<Row> {
    done(store.query(query)).rows
}

/// The rows of a query, page by page.
fn walk(store: &impl Store, mut query: Query, page: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    query.limit = page;
    loop {
        let found = done(store.query(&query));
        assert!(found.rows.len() <= page);
        assert!(found.next.is_some() || found.rows.len() < page, "a full page has a next one");
        rows.extend(found.rows);
        query.after = found.next;
        if query.after.is_none() {
            return rows;
        }
    }
}

fn in_order(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| (Reverse(row.close_time.unwrap_or(Time::MAX)), Reverse(row.start_time), row.run_id));
    rows
}

fn whole_row() -> Row {
    let mut row = Draw::new(1).row(HERE, 1);
    row.has_memo = true;
    row.close_time = Some(Time(5));
    row.search_attributes = BTreeMap::from([
        ("Bool".to_owned(), Value::Bool(true)),
        ("Datetime".to_owned(), Value::Datetime(Time(-1).into())),
        ("Double".to_owned(), Value::Double(0.1 + 0.2)),
        ("Int".to_owned(), Value::Int(i64::MIN)),
        ("Keyword".to_owned(), Value::Keyword("a\0b".into())),
        ("List".to_owned(), Value::KeywordList(vec!["b".into(), "a".into(), "b".into()])),
        ("Nothing".to_owned(), Value::KeywordList(vec![])),
        ("Text".to_owned(), Value::Text("words".into())),
    ]);
    row
}

pub(super) fn rows_come_back_whole(store: &impl Store) {
    let epoch = acquire(store);
    let row = whole_row();
    done(commit(store, epoch, vec![show(&row)]));
    assert_eq!(list(store, &all(HERE)), [row]);
}

pub(super) fn a_row_is_replaced_and_hidden(store: &impl Store) {
    let epoch = acquire(store);
    let mut row = whole_row();
    row.close_time = None;
    done(commit(store, epoch, vec![show(&row), put("k", "v")]));
    row.close_time = Some(Time(9));
    row.search_attributes.remove("Keyword");
    row.search_attributes.insert("Int".into(), Value::Int(2));
    done(commit(store, epoch, vec![show(&row)]));
    assert_eq!(list(store, &all(HERE)), [row.clone()]);
    let mut query = all(HERE);
    query.filter = Some(equals("Int", IndexedValueType::Int, Operand::Int(i64::MIN)));
    assert_eq!(list(store, &query), [], "the old value is not found any more");
    query.filter = Some(equals("Int", IndexedValueType::Int, Operand::Int(2)));
    assert_eq!(list(store, &query), [row.clone()]);
    let hide = |run_id| Change::Hide { run_id };
    done(commit(store, epoch, vec![hide(row.run_id), hide(RunId(Uuid::from_u128(99)))]));
    assert_eq!(list(store, &all(HERE)), []);
    assert_eq!(list(store, &query), []);
}

fn equals(name: &str, kind: IndexedValueType, value: Operand) -> Filter {
    let name = name.to_owned();
    Filter::Compare { attribute: Attribute { name, kind }, comparison: Comparison::Equal, value }
}

fn many(store: &impl Store, seed: u128, number: u64) -> Vec<Row> {
    let epoch = acquire(store);
    let mut draw = Draw::new(seed);
    let rows: Vec<Row> = (0..number).map(|number| draw.row(HERE, number)).collect();
    done(commit(store, epoch, rows.iter().map(show).collect()));
    in_order(rows)
}

pub(super) fn lists_are_in_order_and_page(store: &impl Store) {
    let rows = many(store, 2, 150);
    for page in [1, 7, 50, 149, 150, 151] {
        assert!(walk(store, all(HERE), page) == rows, "pages of {page}");
    }
}

pub(super) fn namespaces_are_apart(store: &impl Store) {
    let rows = many(store, 3, 5);
    let other = Draw::new(4).row(ELSEWHERE, 100);
    let epoch = acquire(store);
    done(commit(store, epoch, vec![show(&other)]));
    assert_eq!(list(store, &all(HERE)), rows);
    assert_eq!(list(store, &all(ELSEWHERE)), [other]);
    assert_eq!(done(store.count(&all(HERE))), [(vec![], 5)]);
    assert_eq!(done(store.count(&all(NamespaceId(Uuid::from_u128(3))))), [(vec![], 0)]);
}

pub(super) fn counts_group(store: &impl Store) {
    let rows = many(store, 5, 100);
    let count = |status| rows.iter().filter(|row| row.status == status).count() as i64;
    let group = |name: &str, count| -> GroupCount { (vec![Some(Value::Keyword(name.into()))], count) };
    let mut query = all(HERE);
    query.group_by = vec!["ExecutionStatus".into()];
    let expected = [
        group("Running", count(WorkflowExecutionStatus::Running)),
        group("Completed", count(WorkflowExecutionStatus::Completed)),
        group("Failed", count(WorkflowExecutionStatus::Failed)),
        group("TimedOut", count(WorkflowExecutionStatus::TimedOut)),
    ];
    assert_eq!(done(store.count(&query)), expected);
    query.group_by = vec!["TemporalNamespaceDivision".into()];
    let groups = done(store.count(&query));
    assert_eq!(groups[0].0, [None], "null comes first");
    assert_eq!(groups.iter().map(|(_, count)| count).sum::<i64>(), 100);
    query.filter = Some(equals("ExecutionStatus", IndexedValueType::Keyword, Operand::Int(6)));
    assert_eq!(done(store.count(&query)), [], "no rows, no groups");
}

/// Every filter selects the rows that its meaning says, in the same order.
pub(super) fn filters_mean_the_same(store: &impl Store) {
    let rows = many(store, 6, 120);
    let mut draw = Draw::new(7);
    let mut hits = 0;
    for number in 0..1_500 {
        let filter = draw.filter(number % 4);
        let expected: Vec<Row> = rows.iter().filter(|row| filter.selects(row)).cloned().collect();
        let mut query = all(HERE);
        query.filter = Some(filter);
        let found = list(store, &query);
        assert!(found == expected, "filter {number}: {:?}", query.filter);
        assert_eq!(done(store.count(&query)), [(vec![], expected.len() as i64)], "filter {number}");
        if number % 20 == 0 {
            assert!(walk(store, query, 9) == expected, "filter {number} page by page");
        }
        hits += usize::from(!expected.is_empty() && expected.len() < rows.len());
    }
    assert!(hits > 700, "only {hits} filters decided anything");
}

pub(super) fn fill(store: &impl Store, epoch: Epoch) {
    let gone = Draw::new(8).row(HERE, 7);
    let hide = Change::Hide { run_id: gone.run_id };
    done(commit(store, epoch, vec![show(&whole_row()), show(&gone)]));
    done(commit(store, epoch, vec![hide]));
}

pub(super) fn is_filled(store: &impl Store) {
    assert_eq!(list(store, &all(HERE)), [whole_row()]);
}
