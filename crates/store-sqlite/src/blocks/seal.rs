//! Blocks as they are written: out of rows, out of smaller blocks, and with less alive in them.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use rusqlite::{Connection, params};
use store::visibility::Row;

use super::{
    SMALL,
    bits::{Bits, ROWS},
    block_number,
    head::Head,
    read::{Block, Source},
    values::{self, Kind, Name, Values},
};
use crate::{
    readers::Read,
    rows::{OPEN, damaged},
};

/// Small blocks in a large one.
const PARTS: i64 = (ROWS / SMALL) as i64;
/// A block with less than one in so many rows alive is given up.
const SPARSE: usize = 8;

/// Writes the block of these rows, if one of them is alive.
pub(super) fn write(
    connection: &Connection,
    namespace: &[u8],
    is_closed: bool,
    first: i64,
    rows: &[Option<Row>],
) -> Read<()> {
    let live = Bits::of(rows.iter().map(Option::is_some));
    let number = block_number(is_closed, false, first);
    put(connection, namespace, number, rows.len(), &live, &values::columns(rows))
}

/// Makes one block of the small ones that begin at `first`.
pub(super) fn merge(source: &Source<'_>, is_closed: bool, first: i64) -> Read<()> {
    let mut live = Bits::none();
    let mut columns: BTreeMap<Name, Values> = BTreeMap::new();
    for part in 0..PARTS {
        let number = block_number(is_closed, false, first + part * SMALL as i64);
        let before = part as usize * SMALL;
        if let Some(block) = source.block(number)? {
            block.live.slots().for_each(|slot| live.set(before + slot));
            for (name, values) in read_columns(&block)? {
                let whole = columns.entry(name);
                let kind = whole.key().kind;
                whole.or_insert_with(|| Values::empty(kind, before)).append(values);
            }
            drop(block);
            delete(source, number)?;
        }
        // Whoever has no column in this part has no value in it.
        for (name, values) in &mut columns {
            let missing = before + SMALL - values.len();
            values.append(Values::empty(name.kind, missing));
        }
    }
    let number = block_number(is_closed, true, first);
    put(source.connection, &source.namespace, number, ROWS, &live, &columns)
}

fn read_columns(block: &Block<'_, '_>) -> Read<BTreeMap<Name, Values>> {
    let mut columns = BTreeMap::new();
    for head in &block.head.columns {
        let kind = Kind::of_number(i64::from(head.kind)).ok_or_else(|| damaged("a column of a block"))?;
        let mut values = block.column(kind, head, |_, column| column.values())?;
        if let (Values::Runs(runs), Kind::Keyword) = (&values, kind) {
            let text = |run: &[u8; 16]| uuid::Uuid::from_bytes(*run).to_string().into();
            values = Values::Texts(runs.iter().map(|run| run.as_ref().map(text)).collect());
        }
        columns.insert(Name { attribute: head.attribute.clone(), kind }, values);
    }
    Ok(columns)
}

fn put(
    connection: &Connection,
    namespace: &[u8],
    number: i64,
    rows: usize,
    live: &Bits,
    columns: &BTreeMap<Name, Values>,
) -> Read<()> {
    let (Some(newest), Some(oldest)) = ends(live, columns) else { return Ok(()) };
    let (head, apart) = Head::build(columns);
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO block (namespace, number, rows, dead_rows, newest_close, newest_start, oldest_close, \
         oldest_start, head, dead) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let dead = Bits::first(rows).without(live);
    let dead_rows = dead.count() as i64;
    let dead = (dead_rows > 0).then(|| dead.bytes(rows));
    let head = head.encode_to_vec();
    statement.execute(params![
        namespace,
        number,
        rows as i64,
        dead_rows,
        newest.0,
        newest.1,
        oldest.0,
        oldest.1,
        head,
        dead
    ])?;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO cell (namespace, name, kind, block, data) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (name, data) in apart {
        statement.execute(params![namespace, name.attribute, name.kind as i64, number, data])?;
    }
    Ok(())
}

/// The close and start time of the first row alive in the order of lists, and of the last.
#[expect(clippy::type_complexity, reason = "two ends, each with two times; a name would not say more")]
fn ends(live: &Bits, columns: &BTreeMap<Name, Values>) -> (Option<(i64, i64)>, Option<(i64, i64)>) {
    let find = |attribute: &str| match columns.get(&Name { attribute: attribute.to_owned(), kind: Kind::Datetime }) {
        Some(Values::Ints(values)) => Some(values),
        _ => None,
    };
    let starts = find("StartTime");
    let closes = find("CloseTime");
    let time = |values: Option<&Vec<Option<i64>>>, slot: usize| values?.get(slot).copied().flatten();
    let key = |slot| (time(closes, slot).unwrap_or(OPEN.0), time(starts, slot).unwrap_or_default());
    (live.slots().map(key).max(), live.slots().map(key).min())
}

/// Deletes a block.
fn delete(source: &Source<'_>, number: i64) -> Read<()> {
    let Some(block) = source.block(number)? else { return Ok(()) };
    let mut statement = source
        .connection
        .prepare_cached("DELETE FROM cell WHERE namespace = ?1 AND name = ?2 AND kind = ?3 AND block = ?4")?;
    for column in block.head.columns.iter().filter(|column| column.whole.is_none() && column.same_as.is_none()) {
        statement.execute(params![source.namespace, column.attribute, column.kind, number])?;
    }
    let mut statement = source.connection.prepare_cached("DELETE FROM block WHERE namespace = ?1 AND number = ?2")?;
    statement.execute(params![source.namespace, number])?;
    Ok(())
}

/// Marks positions as dead, in the blocks that they are in. Gives the runs that are alive in blocks that are deleted because
/// little is alive there: they need places.
pub(super) fn bury(source: &Source<'_>, is_closed: bool, positions: &BTreeSet<i64>) -> Read<Vec<[u8; 16]>> {
    let mut by_block: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for position in positions {
        let large = super::first_of(*position, ROWS);
        let small = super::first_of(*position, SMALL);
        let (first, number) = match exists(source, block_number(is_closed, true, large))? {
            true => (large, block_number(is_closed, true, large)),
            false => (small, block_number(is_closed, false, small)),
        };
        by_block.entry(number).or_default().push((position - first) as usize);
    }
    let mut homeless = Vec::new();
    for (number, slots) in by_block {
        let Some(mut block) = source.block(number)? else { continue };
        let gone = slots.into_iter().fold(Bits::none(), |mut gone, slot| {
            gone.set(slot);
            gone
        });
        block.live = block.live.without(&gone);
        if block.live.count() * SPARSE < block.rows {
            let runs = block
                .system("RunId", |column| block.live.slots().filter_map(|slot| column.run(slot)).collect::<Vec<_>>())?;
            homeless.extend(runs.unwrap_or_default());
            delete(source, number)?;
            continue;
        }
        let dead = Bits::first(block.rows).without(&block.live);
        let mut statement = source
            .connection
            .prepare_cached("UPDATE block SET dead = ?3, dead_rows = ?4 WHERE namespace = ?1 AND number = ?2")?;
        statement.execute(params![source.namespace, number, dead.bytes(block.rows), dead.count() as i64])?;
    }
    Ok(homeless)
}

fn exists(source: &Source<'_>, number: i64) -> Read<bool> {
    let mut statement = source.connection.prepare_cached("SELECT 1 FROM block WHERE namespace = ?1 AND number = ?2")?;
    Ok(statement.exists(params![source.namespace, number])?)
}
