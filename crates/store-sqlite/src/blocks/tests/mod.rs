//! Lists over a generated table, beside the engine in memory: the same rows in the same order, each once, with bounded work.

mod filters;
mod golden;
mod plans;
mod table;

use std::{cmp::Reverse, collections::BTreeMap};

use model::{NamespaceId, RunId, Time};
use store::{
    Change, Lists as _,
    visibility::{Cursor, Filter, Query, Row},
};

use super::{Bounds, bits::ROWS, count, list};
use filters::{attributes, conditions, few_and_many};
use table::{ELSEWHERE, HERE, Table};

/// Bounds under which every way of answering is taken in a table of this size.
const TIGHT: Bounds = Bounds { entries: 40, walk: 20, work: 6 };

/// Rows of the table: 10,000, unless a longer run is asked for.
fn number() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a long run is asked for from outside")]
    let asked = std::env::var("PERDURE_LISTED_ROWS");
    asked.ok().and_then(|number| number.parse().ok()).unwrap_or(10_000)
}

fn query(filter: Option<Filter>, limit: usize) -> Query {
    Query { namespace: HERE, filter, group_by: Vec::new(), limit, after: None }
}

fn in_order(mut rows: Vec<&Row>) -> Vec<&Row> {
    rows.sort_by_key(|row| (Reverse(row.close_time.unwrap_or(Time::MAX)), Reverse(row.start_time), row.run_id));
    rows
}

/// The ids of all pages, and how many there were.
fn walk(table: &Table, mut query: Query, bounds: &Bounds) -> (Vec<RunId>, usize) {
    let (mut runs, mut pages) = (Vec::new(), 0);
    loop {
        let (page, _) = list(&table.connection, &query, bounds).unwrap();
        assert!(page.rows.len() <= query.limit);
        runs.extend(page.rows.iter().map(|row| row.run_id));
        pages += 1;
        match page.next {
            Some(next) => {
                assert!(query.after.as_ref() != Some(&next), "a page leads on");
                query.after = Some(next);
            }
            None => return (runs, pages),
        }
    }
}

fn ids(rows: &[&Row]) -> Vec<RunId> {
    rows.iter().map(|row| row.run_id).collect()
}

/// Counts as both engines do.
fn assert_counts(table: &Table, query: &Query, bounds: &Bounds) {
    let (counted, _) = count(&table.connection, query, bounds).unwrap();
    assert_eq!(counted, table.memory.count(query).unwrap(), "{query:?}");
}

#[test]
fn every_condition_selects_what_it_means() {
    let mut table = Table::grown(1, number());
    let rows: Vec<Row> = table.rows.values().cloned().collect();
    let rows = in_order(rows.iter().collect());
    for attribute in attributes() {
        for (number, filter) in conditions(&mut table, &attribute).into_iter().enumerate() {
            let expected: Vec<&Row> = rows.iter().filter(|row| filter.selects(row)).copied().collect();
            let asked = query(Some(filter.clone()), 100);
            for bounds in [&Bounds::USUAL, &TIGHT] {
                let (counted, _) = count(&table.connection, &asked, bounds).unwrap();
                assert_eq!(counted, [(vec![], expected.len() as i64)], "{filter:?}");
                let (page, _) = list(&table.connection, &asked, bounds).unwrap();
                let first: Vec<&Row> = page.rows.iter().collect();
                assert!(expected.starts_with(&first), "{filter:?}");
            }
            if number % 17 == 0 || (number % 3 == 0 && expected.len() < 200) {
                let (found, _) = walk(&table, asked, &TIGHT);
                assert_eq!(found, ids(&expected), "{filter:?}");
            }
            if number % 4 == 0 {
                let not = Filter::Not(Box::new(filter));
                assert_counts(&table, &query(Some(not), 1), &TIGHT);
            }
        }
    }
}

#[test]
fn every_pair_selects_what_both_do() {
    let mut table = Table::grown(2, number());
    let rows: Vec<Row> = table.rows.values().cloned().collect();
    let rows = in_order(rows.iter().collect());
    let few_and_many = few_and_many(&mut table);
    assert!(few_and_many.len() > 60);
    let selected: Vec<Vec<bool>> =
        few_and_many.iter().map(|filter| rows.iter().map(|row| filter.selects(row)).collect()).collect();
    let mut deep = 0;
    for (one, left) in few_and_many.iter().enumerate() {
        for (other, right) in few_and_many.iter().enumerate().skip(one + 1) {
            let both = selected[one].iter().zip(&selected[other]).zip(&rows);
            let expected: Vec<&Row> =
                both.filter(|((left, right), _)| **left && **right).map(|(_, row)| *row).collect();
            let filter = Filter::And(vec![left.clone(), right.clone()]);
            let bounds = if (one + other) % 2 == 0 { &TIGHT } else { &Bounds::USUAL };
            let mut asked = query(Some(filter.clone()), 100);
            let (counted, _) = count(&table.connection, &asked, bounds).unwrap();
            assert_eq!(counted, [(vec![], expected.len() as i64)], "{filter:?}");
            let from = if expected.len() > 300 { expected.len() / 2 } else { 0 };
            if from > 0 {
                deep += 1;
                asked.after = Some(Cursor::of(expected[from - 1]));
            }
            let (page, _) = list(&table.connection, &asked, bounds).unwrap();
            let found: Vec<&Row> = page.rows.iter().collect();
            assert!(expected[from..].starts_with(&found), "{filter:?}");
            let is_whole = found.len() == 100 || from + found.len() == expected.len();
            assert!(is_whole || page.next.is_some(), "a page without a next one is the last: {filter:?}");
        }
    }
    assert!(deep > 100, "only {deep} pages were deep");
}

#[test]
fn drawn_trees_select_what_they_mean() {
    let mut table = Table::grown(3, 3_000);
    let leaves = few_and_many(&mut table);
    for number in 0..400 {
        let filter = tree(&mut table, &leaves, number % 4);
        let bounds = if number % 2 == 0 { &TIGHT } else { &Bounds::USUAL };
        assert_counts(&table, &query(Some(filter.clone()), 1), bounds);
        if number % 10 == 0 {
            let expected: Vec<&Row> = table.rows.values().filter(|row| filter.selects(row)).collect();
            let (found, _) = walk(&table, query(Some(filter.clone()), 70), bounds);
            assert_eq!(found, ids(&in_order(expected)), "{filter:?}");
        }
    }
}

fn tree(table: &mut Table, leaves: &[Filter], depth: u64) -> Filter {
    if depth == 0 {
        return leaves[table.below(leaves.len() as u64) as usize].clone();
    }
    let parts = (0..table.below(4)).map(|_| tree(table, leaves, depth - 1)).collect();
    match table.below(3) {
        0 => Filter::And(parts),
        1 => Filter::Or(parts),
        _ => Filter::Not(Box::new(Filter::Or(parts))),
    }
}

#[test]
fn groups_are_counted_as_in_memory() {
    let mut table = Table::grown(4, 6_000);
    let filters = few_and_many(&mut table);
    for name in ["ExecutionStatus", "WorkflowType", "TaskQueue", "TemporalNamespaceDivision", "Bool", "ParentRunId"] {
        let mut asked = query(None, 1);
        asked.group_by = vec![name.to_owned()];
        assert_counts(&table, &asked, &TIGHT);
        for filter in filters.iter().step_by(9) {
            asked.filter = Some(filter.clone());
            assert_counts(&table, &asked, &TIGHT);
        }
        asked.group_by.push("WorkflowType".to_owned());
        assert_counts(&table, &asked, &TIGHT);
    }
}

/// A row that is there all the time comes once, whatever happens to others between two pages.
#[test]
fn no_row_comes_twice_or_not_at_all_while_others_change() {
    let mut table = Table::grown(5, 4_000);
    let filters = few_and_many(&mut table);
    for filter in filters.into_iter().step_by(6) {
        let before: BTreeMap<RunId, Row> = table.rows.clone();
        let mut asked = query(Some(filter.clone()), 50);
        let mut seen: BTreeMap<RunId, usize> = BTreeMap::new();
        for page in 0.. {
            let (found, _) = list(&table.connection, &asked, &TIGHT).unwrap();
            for row in found.rows {
                assert!(filter.selects(&row));
                *seen.entry(row.run_id).or_default() += 1;
            }
            match found.next {
                Some(next) => asked.after = Some(next),
                None => break,
            }
            if page < 5 {
                table.step();
            }
        }
        for (run, row) in before.iter().filter(|(run, row)| table.rows.get(run) == Some(*row)) {
            let times = seen.get(run).copied().unwrap_or_default();
            assert_eq!(times, usize::from(filter.selects(row)), "{filter:?}");
        }
    }
}

#[test]
fn a_restart_makes_no_difference() {
    let mut table = Table::new(6);
    for step in 0..60 {
        if step % 3 == 0 {
            table.forget();
        }
        table.step();
    }
    let expected = table.rows.len() as i64;
    let status = Filter::IsNull { attribute: attributes().remove(2), negated: true };
    for filter in [None, Some(status)] {
        let (counted, _) = count(&table.connection, &query(filter, 1), &TIGHT).unwrap();
        assert_eq!(counted, [(vec![], expected)]);
    }
}

#[test]
fn nothing_is_left_of_rows_that_are_gone() {
    let mut table = Table::grown(7, 6_000);
    let gone: Vec<RunId> = table.rows.keys().copied().collect();
    for part in gone.chunks(300) {
        table.apply(part.iter().map(|run_id| Change::Hide { run_id: *run_id }).collect());
        assert_counts(&table, &query(None, 1), &TIGHT);
    }
    let left = |table: &Table, namespace: NamespaceId, name: &str| -> i64 {
        let statement = format!("SELECT count(*) FROM {name} WHERE namespace = ?1");
        table.connection.query_row(&statement, [&namespace.as_bytes()[..]], |row| row.get(0)).unwrap()
    };
    for name in ["visibility", "keyword", "block", "cell", "tail"] {
        assert_eq!(left(&table, HERE, name), 0, "{name}");
        assert!(left(&table, ELSEWHERE, name) > 0 || name == "block" || name == "cell", "{name}");
    }
    table.step();
    assert_counts(&table, &query(None, 1), &TIGHT);
}

/// What is alive stands in about as many blocks as it fills, however much was written since.
#[test]
fn blocks_with_little_alive_are_given_up() {
    let mut table = Table::grown(8, 20_000);
    let open: Vec<RunId> = table.rows.keys().copied().step_by(40).collect();
    let gone: Vec<RunId> = table.rows.keys().copied().filter(|run| !open.contains(run)).collect();
    for part in gone.chunks(500) {
        table.apply(part.iter().map(|run_id| Change::Hide { run_id: *run_id }).collect());
    }
    let slots: i64 = table
        .connection
        .query_row("SELECT coalesce(sum(rows), 0) FROM block WHERE namespace = ?1", [&HERE.as_bytes()[..]], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(slots <= table.rows.len() as i64 * 8 + ROWS as i64, "{slots} slots for {} rows", table.rows.len());
    assert_counts(&table, &query(None, 1), &TIGHT);
    let (found, _) = walk(&table, query(None, 100), &TIGHT);
    assert_eq!(found, ids(&in_order(table.rows.values().collect())));
}
