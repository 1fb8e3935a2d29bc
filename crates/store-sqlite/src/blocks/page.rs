//! A page of a list.

use std::{cmp::Reverse, collections::BinaryHeap};

use model::{RunId, Time};
use rusqlite::{Connection, params};
use store::visibility::{Cursor, Filter, Query, QueryPage, Row};
use uuid::Uuid;

use super::{
    Bounds,
    bits::Bits,
    read::{Block, Source},
    seek,
};
use crate::{
    readers::Read,
    rows::{self, COLUMNS, OPEN, damaged},
};

/// The order of lists: by close time, then by start time, newest first, then by run.
type Key = (Reverse<i64>, Reverse<i64>, [u8; 16]);

/// A page, and how much was read for it.
pub(crate) fn list(connection: &Connection, query: &Query, bounds: &Bounds) -> Read<(QueryPage, u64)> {
    // What several statements read is of one moment.
    // Within a transaction all is of one moment anyway.
    let _moment = connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()?;
    let source = Source::new(connection, query.namespace)?;
    let after = query.after.as_ref().map(key_of_cursor);
    let Some(filter) = &query.filter else {
        let walked = walk(&source, after, query.limit, query.limit, |_| true)?;
        return Ok((page(walked.rows, query.limit, None), source.work()));
    };
    if let Some(runs) = seek::runs(&source, filter, bounds.entries)? {
        let mut rows = Vec::new();
        for run in runs {
            let found = source.row(&run)?.map(|(row, _)| row);
            let is_behind = |row: &Row| after.is_none_or(|after| key(row) > after);
            rows.extend(found.filter(|row| row.namespace == query.namespace && is_behind(row) && filter.selects(row)));
        }
        rows.sort_by_key(key);
        rows.truncate(query.limit);
        return Ok((page(rows, query.limit, None), source.work()));
    }
    let most = query.limit.saturating_add(bounds.walk);
    let mut walked = walk(&source, after, query.limit, most, |row| filter.selects(row))?;
    let mut stopped = None;
    if let Some(last) = walked.last.filter(|_| walked.rows.len() < query.limit) {
        let left = query.limit - walked.rows.len();
        let found = by_blocks(&source, filter, last, left, bounds.work)?;
        for (.., run) in found.keys {
            let (row, _) = source.row(&run)?.ok_or_else(|| damaged("a row that a block names"))?;
            walked.rows.push(row);
        }
        stopped = found.stopped;
    }
    Ok((page(walked.rows, query.limit, stopped), source.work()))
}

/// The page of these rows; `stopped` is before the first row that was not looked at.
fn page(rows: Vec<Row>, limit: usize, stopped: Option<Key>) -> QueryPage {
    let full = rows.last().filter(|_| rows.len() == limit).map(Cursor::of);
    let next = full.or_else(|| stopped.map(|(close_time, start_time, run)| cursor(close_time.0, start_time.0, run)));
    QueryPage { rows, next }
}

fn key(row: &Row) -> Key {
    let close_time = row.close_time.unwrap_or(OPEN).0;
    (Reverse(close_time), Reverse(row.start_time.0), *row.run_id.as_bytes())
}

fn key_of_cursor(cursor: &Cursor) -> Key {
    let close_time = cursor.close_time.unwrap_or(OPEN).0;
    (Reverse(close_time), Reverse(cursor.start_time.0), *cursor.run_id.as_bytes())
}

fn cursor(close_time: i64, start_time: i64, run: [u8; 16]) -> Cursor {
    let close_time = Time(close_time);
    Cursor {
        close_time: (close_time != OPEN).then_some(close_time),
        start_time: Time(start_time),
        run_id: RunId(Uuid::from_bytes(run)),
    }
}

/// What a walk in the order of lists has found.
struct Walked {
    rows: Vec<Row>,
    /// The last row that was looked at, where there may be more behind it.
    last: Option<Key>,
}

/// The order of lists, from the start or from behind a row. With a row these are two ranges, each of which begins exactly there
/// in the index: the rest of the rows with its close time (all open runs share one), then those that closed before.
pub(super) const FROM_START: &str = "v.namespace = ?1";
pub(super) const SAME_CLOSE: &str =
    "v.namespace = ?1 AND v.close_time = ?2 AND v.start_time <= ?3 AND (v.start_time < ?3 OR v.run > ?4)";
pub(super) const CLOSED_BEFORE: &str = "v.namespace = ?1 AND v.close_time < ?2";

/// Looks at `most` rows, for up to `limit` that are selected.
fn walk(
    source: &Source<'_>,
    after: Option<Key>,
    limit: usize,
    most: usize,
    selects: impl Fn(&Row) -> bool,
) -> Read<Walked> {
    let mut walked = Walked { rows: Vec::new(), last: None };
    let mut seen = 0;
    let ranges: &[&str] = if after.is_some() { &[SAME_CLOSE, CLOSED_BEFORE] } else { &[FROM_START] };
    for range in ranges {
        let statement = walk_statement(range);
        let mut statement = source.connection.prepare_cached(&statement)?;
        let mut found = match (after, *range) {
            (Some((close, start, run)), SAME_CLOSE) => {
                statement.query(params![source.namespace, close.0, start.0, run])?
            }
            (Some((close, ..)), _) => statement.query(params![source.namespace, close.0])?,
            (None, _) => statement.query(params![source.namespace])?,
        };
        while let Some(row) = found.next()? {
            if walked.rows.len() == limit || seen == most {
                return Ok(walked);
            }
            let row = rows::read(row)?;
            source.count(1);
            seen += 1;
            walked.last = Some(key(&row));
            if selects(&row) {
                walked.rows.push(row);
            }
        }
    }
    walked.last = None;
    Ok(walked)
}

pub(super) fn walk_statement(range: &str) -> String {
    format!(
        "SELECT {COLUMNS} FROM visibility v INDEXED BY visibility_order WHERE {range} \
         ORDER BY v.close_time DESC, v.start_time DESC, v.run"
    )
}

/// What was found in blocks.
struct Found {
    keys: Vec<Key>,
    /// Before the first row that was not looked at.
    stopped: Option<Key>,
}

/// The blocks in the order of their first rows.
pub(super) const BLOCKS: &str = "SELECT number, newest_close, newest_start, oldest_close, oldest_start \
    FROM block INDEXED BY block_order WHERE namespace = ?1 ORDER BY newest_close DESC, newest_start DESC";

/// The first rows behind a key that a filter selects, by the blocks and by the rows that are in none yet.
fn by_blocks(source: &Source<'_>, filter: &Filter, after: Key, limit: usize, most_work: u64) -> Read<Found> {
    let mut first = First { keys: BinaryHeap::new(), after, limit };
    source.tail(|row| {
        if filter.selects(&row) {
            first.put(key(&row));
        }
    })?;
    let mut stopped = None;
    let mut statement = source.connection.prepare_cached(BLOCKS)?;
    let mut blocks = statement.query([&source.namespace])?;
    while let Some(found) = blocks.next()? {
        let newest = (Reverse(found.get::<_, i64>(1)?), Reverse(found.get::<_, i64>(2)?));
        let oldest = (Reverse(found.get::<_, i64>(3)?), Reverse(found.get::<_, i64>(4)?));
        if oldest < (after.0, after.1) {
            continue;
        }
        // Nothing in this block or behind it comes before what there is.
        if first.last().is_some_and(|last| newest > (last.0, last.1)) {
            break;
        }
        // A page goes on at least to where another key begins.
        if source.work() >= most_work && newest > (after.0, after.1) {
            stopped = Some((newest.0, newest.1, [0; 16]));
            break;
        }
        let Some(block) = source.block(found.get(0)?)? else { continue };
        let selected = block.selected(filter)?;
        if !selected.is_empty() {
            put_selected(&block, &selected, &mut first)?;
        }
    }
    let mut keys = first.keys.into_sorted_vec();
    if let Some(stopped) = stopped {
        keys.retain(|key| *key < stopped);
    }
    Ok(Found { keys, stopped })
}

/// The first few keys behind one.
struct First {
    keys: BinaryHeap<Key>,
    after: Key,
    limit: usize,
}

impl First {
    /// The last of them, when there are as many as are wanted.
    fn last(&self) -> Option<&Key> {
        self.keys.peek().filter(|_| self.keys.len() >= self.limit)
    }

    fn put(&mut self, key: Key) {
        if key <= self.after || self.last().is_some_and(|last| key >= *last) {
            return;
        }
        self.keys.push(key);
        if self.keys.len() > self.limit {
            self.keys.pop();
        }
    }
}

fn put_selected(block: &Block<'_, '_>, selected: &Bits, first: &mut First) -> Read<()> {
    let times = |name| {
        block.system(name, |column| {
            selected
                .slots()
                .map(|slot| column.present.has(slot).then(|| column.int(slot)).flatten())
                .collect::<Vec<_>>()
        })
    };
    let runs = block.system("RunId", |column| selected.slots().map(|slot| column.run(slot)).collect::<Vec<_>>())?;
    let starts = times("StartTime")?;
    // A block of open runs has no column of the times at which they closed.
    let closes = times("CloseTime")?;
    let (Some(starts), Some(runs)) = (starts, runs) else { return Err(damaged("a block")) };
    for (index, (start, run)) in starts.into_iter().zip(runs).enumerate() {
        let close = closes.as_ref().and_then(|closes| closes.get(index).copied().flatten()).unwrap_or(OPEN.0);
        let (Some(start), Some(run)) = (start, run) else { return Err(damaged("a block")) };
        first.put((Reverse(close), Reverse(start), run));
    }
    Ok(())
}
