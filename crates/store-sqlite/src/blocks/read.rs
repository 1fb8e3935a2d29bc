//! A block as a query reads it.

use std::cell::{Cell, RefCell};

use model::NamespaceId;
use prost::Message;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use store::visibility::{Filter, Row};

use super::{
    Place,
    bits::Bits,
    column::Column,
    head::{ColumnHead, Head},
    truth::{Truth, on_column},
    values::Kind,
};
use crate::{
    readers::Read,
    rows::{self, COLUMNS, damaged},
};

/// Bytes of a column, and entries of an index, that count as much as a row, a block or a column itself.
const BYTES: usize = 8_192;
const ENTRIES: usize = 16;

pub(super) const CELL: &str = "SELECT data FROM cell WHERE namespace = ?1 AND name = ?2 AND kind = ?3 AND block = ?4";
pub(super) const ROW: &str = "SELECT {COLUMNS} FROM visibility v WHERE run = ?1";
pub(super) const TAIL: &str = "SELECT first, runs FROM tail WHERE namespace = ?1 AND is_closed = ?2 ORDER BY first";
pub(super) const BLOCK: &str = "SELECT number, rows, head, dead FROM block WHERE namespace = ?1 AND number = ?2";
pub(super) const ALL_BLOCKS: &str = "SELECT number, rows, head, dead FROM block WHERE namespace = ?1";

/// The tables of a namespace's lists, under one transaction, and what was read of them.
pub(crate) struct Source<'c> {
    pub(super) connection: &'c Connection,
    pub(super) namespace: Vec<u8>,
    cell: RefCell<CachedStatement<'c>>,
    row: RefCell<CachedStatement<'c>>,
    work: Cell<u64>,
}

impl<'c> Source<'c> {
    pub(crate) fn new(connection: &'c Connection, namespace: NamespaceId) -> Read<Self> {
        Ok(Self {
            connection,
            namespace: namespace.as_bytes().to_vec(),
            cell: RefCell::new(connection.prepare_cached(CELL)?),
            row: RefCell::new(connection.prepare_cached(&ROW.replace("{COLUMNS}", COLUMNS))?),
            work: Cell::new(0),
        })
    }

    /// How much was read: rows, blocks, columns, and what counts as much.
    pub(super) fn work(&self) -> u64 {
        self.work.get()
    }

    pub(super) fn count(&self, work: u64) {
        self.work.set(self.work.get() + work);
    }

    /// So many entries of an index were looked at.
    pub(super) fn count_entries(&self, entries: usize) {
        self.count((entries / ENTRIES) as u64);
    }

    /// The row of a run, and its place.
    pub(crate) fn row(&self, run: &[u8]) -> Read<Option<(Row, Place)>> {
        self.count(1);
        let mut statement = self.row.borrow_mut();
        let mut found = statement.query([run])?;
        match found.next()? {
            Some(row) => Ok(Some((rows::read(row)?, rows::place(row)?))),
            None => Ok(None),
        }
    }

    /// The rows that are in no block yet.
    pub(super) fn tail(&self, mut each: impl FnMut(Row)) -> Read<()> {
        for is_closed in [false, true] {
            self.tail_rows(is_closed)?.into_iter().flatten().for_each(&mut each);
        }
        Ok(())
    }

    /// The rows in the places behind the last block of the open runs, or of the closed ones; `None` for one that has another
    /// place by now.
    pub(super) fn tail_rows(&self, is_closed: bool) -> Read<Vec<Option<Row>>> {
        let mut rows = Vec::new();
        let mut statement = self.connection.prepare_cached(TAIL)?;
        let mut chunks = statement.query(params![self.namespace, is_closed])?;
        while let Some(chunk) = chunks.next()? {
            let first: i64 = chunk.get(0)?;
            for (run, position) in chunk.get_ref(1)?.as_blob().unwrap_or_default().chunks(16).zip(first..) {
                let found = self.row(run)?.filter(|(_, place)| *place == Place { is_closed, position });
                rows.push(found.map(|(row, _)| row));
            }
        }
        Ok(rows)
    }

    /// The block of this number.
    pub(super) fn block(&self, number: i64) -> Read<Option<Block<'_, 'c>>> {
        let mut statement = self.connection.prepare_cached(BLOCK)?;
        let read = |row: &rusqlite::Row<'_>| Ok(Block::read(self, row));
        statement.query_row(params![self.namespace, number], read).optional()?.transpose()
    }

    /// All blocks.
    pub(super) fn blocks(&self, mut each: impl FnMut(Block<'_, 'c>) -> Read<()>) -> Read<()> {
        let mut statement = self.connection.prepare_cached(ALL_BLOCKS)?;
        let mut found = statement.query([&self.namespace])?;
        while let Some(row) = found.next()? {
            each(Block::read(self, row)?)?;
        }
        Ok(())
    }
}

/// A block: its head, and a way to its columns.
pub(super) struct Block<'s, 'c> {
    source: &'s Source<'c>,
    pub(super) number: i64,
    pub(super) rows: usize,
    pub(super) live: Bits,
    pub(super) head: Head,
}

impl<'s, 'c> Block<'s, 'c> {
    fn read(source: &'s Source<'c>, row: &rusqlite::Row<'_>) -> Read<Self> {
        source.count(1);
        let head = bytes::Bytes::copy_from_slice(row.get_ref(2)?.as_blob().unwrap_or_default());
        let rows = row.get::<_, u32>(1)? as usize;
        let dead = Bits::from_bytes(row.get_ref(3)?.as_blob().unwrap_or_default());
        Ok(Self {
            source,
            number: row.get(0)?,
            rows,
            live: Bits::first(rows).without(&dead),
            head: Head::decode(head).map_err(|_| damaged("the head of a block"))?,
        })
    }

    /// Reads a column.
    pub(super) fn column<T>(
        &self,
        kind: Kind,
        head: &ColumnHead,
        read: impl FnOnce(Kind, &Column<'_>) -> T,
    ) -> Read<T> {
        let broken = || damaged("a column of a block");
        let (kind, head) = self.resolve(kind, head);
        if let Some(column) = head.column(kind, self.rows) {
            return Ok(read(kind, &column.ok_or_else(broken)?));
        }
        let mut statement = self.source.cell.borrow_mut();
        let mut found = statement.query(params![self.source.namespace, head.attribute, kind as i64, self.number])?;
        let row = found.next()?.ok_or_else(broken)?;
        let bytes = row.get_ref(0)?.as_blob().unwrap_or_default();
        self.source.count(1 + (bytes.len() / BYTES) as u64);
        Ok(read(kind, &Column::read(kind, self.rows, bytes).ok_or_else(broken)?))
    }

    /// The column that stands for this one.
    fn resolve<'h>(&'h self, kind: Kind, head: &'h ColumnHead) -> (Kind, &'h ColumnHead) {
        let other = head.same_as.as_deref().and_then(|other| self.head.of(other).next());
        other.unwrap_or((kind, head))
    }

    /// The one column of an attribute that every run has.
    pub(super) fn system<T>(&self, attribute: &str, read: impl FnOnce(&Column<'_>) -> T) -> Read<Option<T>> {
        match self.head.of(attribute).next() {
            Some((kind, head)) => self.column(kind, head, |_, column| read(column)).map(Some),
            None => Ok(None),
        }
    }

    /// The rows that a filter selects.
    pub(super) fn selected(&self, filter: &Filter) -> Read<Bits> {
        let Filter::And(all) = filter else {
            return Ok(self.truth(filter, true)?.yes.and(&self.live));
        };
        // First what the head says, which may be enough.
        let mut selected = self.live.clone();
        let mut left = Vec::new();
        for part in all {
            match self.leaf(part, true, false)? {
                Some(truth) => selected = selected.and(&truth.yes),
                None => left.push(part),
            }
        }
        for part in left {
            if selected.is_empty() {
                break;
            }
            selected = selected.and(&self.truth(part, true)?.yes);
        }
        Ok(selected)
    }

    /// What a filter says of the rows; where `only_yes`, those for which it is unknown may stand among those for which it
    /// does not hold.
    fn truth(&self, filter: &Filter, only_yes: bool) -> Read<Truth> {
        let rows = || Bits::first(self.rows);
        match filter {
            Filter::And(all) => {
                let mut truth = Truth::same(Some(true), rows());
                for part in all {
                    truth = truth.and(&self.truth(part, only_yes)?);
                    if only_yes && truth.yes.is_empty() {
                        return Ok(Truth::same(Some(false), rows()));
                    }
                }
                Ok(truth)
            }
            Filter::Or(all) => {
                let mut truth = Truth::same(Some(false), rows());
                for part in all {
                    truth = truth.or(&self.truth(part, only_yes)?);
                }
                Ok(truth)
            }
            Filter::Not(inner) => Ok(self.truth(inner, false)?.not()),
            Filter::Compare { .. }
            | Filter::Between { .. }
            | Filter::In { .. }
            | Filter::StartsWith { .. }
            | Filter::Contains { .. }
            | Filter::Mentions { .. }
            | Filter::IsNull { .. } => {
                Ok(self.leaf(filter, only_yes, true)?.unwrap_or_else(|| Truth::same(None, Bits::none())))
            }
        }
    }

    /// What a condition on one attribute says; `None` where a column had to be read and `reads` is not set, or where it is
    /// no such condition.
    fn leaf(&self, leaf: &Filter, only_yes: bool, reads: bool) -> Read<Option<Truth>> {
        let Some(attribute) = leaf.attribute() else { return Ok(None) };
        let nothing = leaf.truth_of(None);
        let mut truth = Truth::same(None, Bits::none());
        let mut absent = Bits::first(self.rows);
        for (kind, head) in self.head.of(&attribute.name) {
            if !attribute.has(kind.attribute()) {
                // Of the time when the attribute had another type.
                continue;
            }
            let (real_kind, real) = self.resolve(kind, head);
            if only_yes && nothing != Some(true) && !real.may_hold(leaf, real_kind) {
                continue;
            }
            if let (Filter::IsNull { negated, .. }, true) = (leaf, real.is_full) {
                return Ok(Some(Truth::same(Some(*negated), absent)));
            }
            if real.whole.is_none() && !reads {
                return Ok(None);
            }
            let (there, present) =
                self.column(kind, head, |kind, column| (on_column(leaf, kind, column), column.present.clone()))?;
            truth = truth.beside(&there);
            absent = absent.without(&present);
        }
        // Where a column was passed over, this is not true of its rows.
        Ok(Some(truth.beside(&Truth::same(nothing.filter(|holds| *holds || !only_yes), absent))))
    }
}
