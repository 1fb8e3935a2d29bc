//! Reads.

use bytes::Bytes;
use model::ShardId;
use rusqlite::{Connection, OptionalExtension, ToSql, params, params_from_iter, types::Value as Cell};
use store::{
    Page,
    visibility::{Cursor, GroupCount, Query, QueryPage, Row, Value, status_name},
};

use crate::{
    readers::Read,
    render::{self, Clause},
    rows::{self, COLUMNS, OPEN},
};
use proto::temporal::api::enums::v1::WorkflowExecutionStatus;

pub(crate) const SCAN: &str =
    "SELECT key, value FROM pair WHERE shard = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4";

pub(crate) fn get(connection: &Connection, shard: ShardId, key: &[u8]) -> Read<Option<Bytes>> {
    let value: Option<Vec<u8>> = connection
        .prepare_cached("SELECT value FROM pair WHERE shard = ?1 AND key = ?2")?
        .query_row(params![shard.0, key], |row| row.get(0))
        .optional()?;
    Ok(value.map(Bytes::from))
}

pub(crate) fn scan(connection: &Connection, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Read<Page> {
    let mut statement = connection.prepare_cached(SCAN)?;
    // One more than asked for tells whether there are more.
    let wanted = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut found = statement.query(params![shard.0, start, end, wanted])?;
    let mut page = Page::default();
    while let Some(row) = found.next()? {
        if page.pairs.len() == limit {
            page.more = true;
            break;
        }
        page.pairs.push((row.get(0)?, Bytes::from(row.get::<_, Vec<u8>>(1)?)));
    }
    Ok(page)
}

pub(crate) fn list(connection: &Connection, query: &Query) -> Read<QueryPage> {
    let mut rows = Vec::new();
    match &query.after {
        None => select(connection, query, &Clause::default(), &mut rows)?,
        Some(cursor) => {
            // Two statements, each of which starts exactly where the last page ended in the index of the order: the rest
            // of the rows with the cursor's close time (all open runs share one), then those that closed before.
            let close_time = cursor.close_time.unwrap_or(OPEN).0;
            let mut same = Clause::of("v.close_time = ? AND v.start_time <= ?");
            same.bind([Cell::Integer(close_time), Cell::Integer(cursor.start_time.0)]);
            same.and("(v.start_time < ? OR v.run > ?)");
            same.bind([Cell::Integer(cursor.start_time.0), Cell::Blob(cursor.run_id.as_bytes().to_vec())]);
            select(connection, query, &same, &mut rows)?;
            if rows.len() < query.limit {
                let mut before = Clause::of("v.close_time < ?");
                before.bind([Cell::Integer(close_time)]);
                select(connection, query, &before, &mut rows)?;
            }
        }
    }
    let next = rows.last().filter(|_| rows.len() == query.limit).map(Cursor::of);
    Ok(QueryPage { rows, next })
}

/// Adds the rows in `range` that the query selects, up to its limit.
fn select(connection: &Connection, query: &Query, range: &Clause, rows: &mut Vec<Row>) -> Read<()> {
    let mut clause = selected(query);
    clause.and_all(range);
    let statement = format!(
        "SELECT {COLUMNS} FROM visibility v WHERE {} ORDER BY v.close_time DESC, v.start_time DESC, v.run LIMIT ?",
        clause.text
    );
    let left = query.limit - rows.len();
    clause.bind([Cell::Integer(i64::try_from(left).unwrap_or(i64::MAX))]);
    let mut statement = connection.prepare_cached(&statement)?;
    let mut found = statement.query(params_from_iter(clause.values()))?;
    while let Some(row) = found.next()? {
        rows.push(rows::read(row)?);
    }
    Ok(())
}

pub(crate) fn count(connection: &Connection, query: &Query) -> Read<Vec<GroupCount>> {
    let clause = selected(query);
    let mut columns = Vec::new();
    let mut values = Vec::new();
    for name in &query.group_by {
        let column = render::column(name);
        columns.push(column.text);
        values.extend(column.values);
    }
    let positions: Vec<_> = (1..=columns.len()).map(|position| position.to_string()).collect();
    let mut statement = columns.join(", ");
    if !columns.is_empty() {
        statement.push_str(", ");
    }
    statement = format!("SELECT {statement}count(*) FROM visibility v WHERE {}", clause.text);
    if !positions.is_empty() {
        let positions = positions.join(", ");
        statement = format!("{statement} GROUP BY {positions} ORDER BY {positions}");
    }
    let mut statement = connection.prepare_cached(&statement)?;
    let bound: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).chain(clause.values()).collect();
    let mut found = statement.query(bound.as_slice())?;
    let mut groups = Vec::new();
    while let Some(row) = found.next()? {
        let mut group = Vec::new();
        for (column, name) in query.group_by.iter().enumerate() {
            group.push(group_value(name, row.get(column)?));
        }
        groups.push((group, row.get(columns.len())?));
    }
    Ok(groups)
}

/// What a count gives for the value of a column. Only keywords can be grouped by.
fn group_value(name: &str, cell: Cell) -> Option<Value> {
    match cell {
        Cell::Null | Cell::Blob(_) => None,
        Cell::Integer(status) if name == "ExecutionStatus" => {
            let status = i32::try_from(status).ok().and_then(|status| WorkflowExecutionStatus::try_from(status).ok());
            status.map(|status| Value::Keyword(status_name(status).into()))
        }
        Cell::Integer(value) => Some(Value::Int(value)),
        Cell::Real(value) => Some(Value::Double(value)),
        Cell::Text(text) => Some(Value::Keyword(text)),
    }
}

fn selected(query: &Query) -> Clause {
    let mut clause = Clause::of("v.namespace = ?");
    clause.bind([Cell::Blob(query.namespace.as_bytes().to_vec())]);
    if let Some(filter) = &query.filter {
        clause.and_all(&render::filter(filter));
    }
    clause
}
