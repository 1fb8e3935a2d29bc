//! How much is read for an answer: by the plans of the statements, and counted.

use rusqlite::types::Value as Cell;
use store::visibility::{Attribute, Comparison, Filter, Operand};

use super::{
    Bounds,
    filters::{attributes, conditions, few_and_many},
    number, query,
    table::Table,
};
use crate::blocks::{bits::ROWS, count, list, page, read, seek, writer};

fn plan(table: &Table, statement: &str) -> String {
    let mut explained = table.connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
    let nothing = vec![Cell::Null; explained.parameter_count()];
    let lines = explained.query_map(rusqlite::params_from_iter(nothing), |row| row.get::<_, String>(3)).unwrap();
    lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
}

/// Each statement searches one index, by the namespace first, and sorts nothing.
#[test]
fn statements_search_what_they_are_meant_to() {
    let table = Table::new(1);
    let order = |range: &str| format!("SEARCH v USING INDEX visibility_order (namespace=?{range})");
    let plans = [
        (page::walk_statement(page::FROM_START), order("")),
        (page::walk_statement(page::SAME_CLOSE), order(" AND close_time=? AND start_time<?")),
        (page::walk_statement(page::CLOSED_BEFORE), order(" AND close_time<?")),
        (page::BLOCKS.to_owned(), "SEARCH block USING COVERING INDEX block_order (namespace=?)".to_owned()),
        (
            seek::WORKFLOWS.to_owned(),
            "SEARCH visibility USING COVERING INDEX visibility_workflow (namespace=? AND workflow_id>?)".to_owned(),
        ),
        (seek::KEYWORDS.to_owned(), "SEARCH keyword USING PRIMARY KEY (namespace=? AND name=? AND value>?)".to_owned()),
        (read::ROW.replace("{COLUMNS}", "v.place"), "SEARCH v USING PRIMARY KEY (run=?)".to_owned()),
        (
            read::CELL.to_owned(),
            "SEARCH cell USING PRIMARY KEY (namespace=? AND name=? AND kind=? AND block=?)".to_owned(),
        ),
        (read::BLOCK.to_owned(), "SEARCH block USING PRIMARY KEY (namespace=? AND number=?)".to_owned()),
        (read::ALL_BLOCKS.to_owned(), "SEARCH block USING PRIMARY KEY (namespace=?)".to_owned()),
        (read::TAIL.to_owned(), "SEARCH tail USING PRIMARY KEY (namespace=? AND is_closed=?)".to_owned()),
        (writer::NEXT.to_owned(), "SEARCH tail USING PRIMARY KEY (namespace=? AND is_closed=?)".to_owned()),
    ];
    for (statement, expected) in plans {
        assert_eq!(plan(&table, &statement), expected, "{statement}");
    }
}

/// What a page may take beyond its answer: the walk, the rows in no block yet, and each block with a column for each condition.
fn most(table: &Table, conditions: u64) -> u64 {
    let blocks: u32 = table.connection.query_row("SELECT count(*) FROM block", [], |row| row.get(0)).unwrap();
    let column = 2 + ROWS as u64 * 40 / 8_192;
    let tail = 2 * 512;
    let entries = 8 * Bounds::USUAL.entries as u64;
    200 + tail + entries / 8 + u64::from(blocks) * (1 + conditions * column)
}

#[test]
fn the_work_for_a_page_and_a_count_is_bounded() {
    let mut table = Table::grown(9, number());
    let singles: Vec<Filter> = attributes().iter().flat_map(|attribute| conditions(&mut table, attribute)).collect();
    let pairs = few_and_many(&mut table);
    let pairs =
        pairs.iter().zip(pairs.iter().skip(7)).map(|(one, other)| Filter::And(vec![one.clone(), other.clone()]));
    let all = singles.into_iter().map(|filter| (1, filter)).chain(pairs.map(|filter| (2, filter)));
    for (conditions, filter) in all {
        let asked = query(Some(filter.clone()), 100);
        let (page, work) = list(&table.connection, &asked, &Bounds::USUAL).unwrap();
        // Of a block with something in it, the times and the runs are read, too.
        let answer = page.rows.len() as u64 * 11;
        let most = most(&table, conditions);
        assert!(work <= most + answer, "{work} for a page of {}, {most} expected: {filter:?}", page.rows.len());
        let (_, work) = count(&table.connection, &asked, &Bounds::USUAL).unwrap();
        assert!(work <= most + Bounds::USUAL.entries as u64, "{work} for a count, {most} expected: {filter:?}");
    }
}

/// What an index finds does not depend on how many rows there are.
#[test]
fn what_an_index_finds_is_found_at_once() {
    let table = Table::grown(10, number());
    let row = table.rows.values().find(|row| row.workflow_id != "again" && row.parent_run_id.is_some()).unwrap();
    let ids = [
        ("WorkflowId", row.workflow_id.clone(), 2),
        ("RunId", row.run_id.to_string(), 2),
        ("ParentWorkflowId", row.parent_workflow_id.clone().unwrap(), 200),
        ("RootRunId", row.root_run_id.clone(), 200),
        ("WorkflowId", "nowhere".to_owned(), 1),
        ("Customer", "customer-7".to_owned(), 30),
    ];
    for (name, text, most) in ids {
        let attribute =
            Attribute { name: name.to_owned(), kind: proto::temporal::api::enums::v1::IndexedValueType::Keyword };
        let is = Filter::Compare { attribute, comparison: Comparison::Equal, value: Operand::Text(text) };
        let (page, work) = list(&table.connection, &query(Some(is.clone()), 100), &Bounds::USUAL).unwrap();
        assert!(work <= most, "{work} to find {} by {is:?}", page.rows.len());
    }
}
