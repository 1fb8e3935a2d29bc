//! Gives rows their places, and makes blocks of those that are full.

use std::collections::{BTreeMap, BTreeSet};

use model::NamespaceId;
use rusqlite::{Connection, OptionalExtension, params};
use store::visibility::Row;

use super::{Place, SMALL, bits::ROWS, first_of, read::Source, seal};
use crate::readers::Read;

/// Rows that are kept for the blocks they will be in, over all namespaces; of more, blocks are made from the table.
const MOST_ROWS: usize = 16_384;

pub(super) const NEXT: &str = "SELECT first + length(runs) / 16 FROM tail WHERE namespace = ?1 AND is_closed = ?2 \
    ORDER BY first DESC LIMIT 1";

/// The open runs of a namespace, or the closed ones.
type Part = (NamespaceId, bool);

/// Where the next rows go; what transactions of one connection share. After one that failed it must be cleared.
#[derive(Default)]
pub(crate) struct Tails(BTreeMap<Part, Tail>);

/// The places behind the last block.
struct Tail {
    first: i64,
    next: i64,
    /// The rows in them, `None` for one that has another place by now; unknown where another process wrote some of them.
    rows: Option<Vec<Option<Row>>>,
}

/// What the rows of a transaction are placed with. `finish` must be called before it is committed.
pub(crate) struct Writer<'t> {
    connection: &'t Connection,
    tails: &'t mut Tails,
    /// Runs whose places are not written yet: from the first place on, an id each.
    placed: BTreeMap<Part, (i64, Vec<u8>)>,
    left: BTreeMap<Part, BTreeSet<i64>>,
    /// Where rows were removed.
    thinned: BTreeSet<NamespaceId>,
}

impl Tails {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    fn rows(&self) -> usize {
        self.0.values().flat_map(|tail| &tail.rows).map(Vec::len).sum()
    }
}

impl<'t> Writer<'t> {
    pub(crate) fn new(connection: &'t Connection, tails: &'t mut Tails) -> Self {
        Self { connection, tails, placed: BTreeMap::new(), left: BTreeMap::new(), thinned: BTreeSet::new() }
    }

    /// The place for a row, which must be written with it and then kept.
    pub(crate) fn next(&mut self, row: &Row) -> Read<Place> {
        let part = (row.namespace, row.close_time.is_some());
        let tail = self.tail(part)?;
        if tail.next - tail.first == SMALL as i64 {
            self.seal(part)?;
        }
        let tail = self.tail(part)?;
        let position = tail.next;
        tail.next += 1;
        let (_, runs) = self.placed.entry(part).or_insert_with(|| (position, Vec::new()));
        runs.extend_from_slice(row.run_id.as_bytes());
        Ok(Place { is_closed: part.1, position })
    }

    /// Keeps the row that was written with the last place.
    pub(crate) fn keep(&mut self, row: Row) {
        if let Some(tail) = self.tails.0.get_mut(&(row.namespace, row.close_time.is_some())) {
            tail.rows.iter_mut().for_each(|rows| rows.push(None));
            if let Some(last) = tail.rows.as_mut().and_then(|rows| rows.last_mut()) {
                *last = Some(row);
            }
        }
    }

    /// The row in this place has another one now, or is gone.
    pub(crate) fn leave(&mut self, namespace: NamespaceId, place: Place) -> Read<()> {
        let part = (namespace, place.is_closed);
        let tail = self.tail(part)?;
        if place.position < tail.first {
            self.left.entry(part).or_default().insert(place.position);
        } else if let Some(rows) = &mut tail.rows
            && let Some(row) = rows.get_mut((place.position - tail.first) as usize)
        {
            *row = None;
        }
        Ok(())
    }

    /// A row of the namespace was removed.
    pub(crate) fn thin(&mut self, namespace: NamespaceId) {
        self.thinned.insert(namespace);
    }

    /// Writes what is to be written beside the rows.
    pub(crate) fn finish(mut self) -> Read<()> {
        loop {
            let parts: Vec<Part> = self.placed.keys().copied().collect();
            for part in parts {
                self.flush(part)?;
                let tail = self.tail(part)?;
                if tail.next - tail.first == SMALL as i64 {
                    self.seal(part)?;
                }
            }
            if self.left.is_empty() {
                break;
            }
            for ((namespace, is_closed), positions) in std::mem::take(&mut self.left) {
                let source = Source::new(self.connection, namespace)?;
                for run in seal::bury(&source, is_closed, &positions)? {
                    self.replace(&source, &run)?;
                }
            }
        }
        for namespace in std::mem::take(&mut self.thinned) {
            self.clear_empty(namespace)?;
        }
        if self.tails.rows() > MOST_ROWS {
            self.tails.clear();
        }
        Ok(())
    }

    fn tail(&mut self, part: Part) -> Read<&mut Tail> {
        if !self.tails.0.contains_key(&part) {
            let tail = self.find(part)?;
            self.tails.0.insert(part, tail);
        }
        match self.tails.0.get_mut(&part) {
            Some(tail) => Ok(tail),
            None => Err(crate::rows::damaged("the end of a list")),
        }
    }

    /// The tail as it stands in the table.
    fn find(&self, (namespace, is_closed): Part) -> Read<Tail> {
        let mut statement = self.connection.prepare_cached(NEXT)?;
        let next: Option<i64> =
            statement.query_row(params![namespace.as_bytes(), is_closed], |row| row.get(0)).optional()?;
        let next = next.unwrap_or_default();
        let first = first_of(next, SMALL);
        Ok(Tail { first, next, rows: (next == first).then(Vec::new) })
    }

    fn flush(&mut self, part: Part) -> Read<()> {
        let Some((first, runs)) = self.placed.remove(&part) else { return Ok(()) };
        // Behind a block stands an empty entry.
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO tail (namespace, is_closed, first, runs) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![part.0.as_bytes(), part.1, first, runs])?;
        Ok(())
    }

    /// Makes a block of a tail that is full, and a large one of the small ones before it when there are as many.
    fn seal(&mut self, part: Part) -> Read<()> {
        self.flush(part)?;
        let (namespace, is_closed) = part;
        let source = Source::new(self.connection, namespace)?;
        let tail = self.tail(part)?;
        let (first, next) = (tail.first, tail.next);
        let rows = match tail.rows.take() {
            Some(rows) => rows,
            None => source.tail_rows(is_closed)?,
        };
        *tail = Tail { first: next, next, rows: Some(Vec::new()) };
        seal::write(self.connection, namespace.as_bytes(), is_closed, first, &rows)?;
        let of_part = params![namespace.as_bytes(), is_closed, next];
        self.connection
            .prepare_cached("DELETE FROM tail WHERE namespace = ?1 AND is_closed = ?2 AND first < ?3")?
            .execute(of_part)?;
        // What tells where the next one goes.
        self.connection
            .prepare_cached("INSERT INTO tail (namespace, is_closed, first, runs) VALUES (?1, ?2, ?3, x'')")?
            .execute(of_part)?;
        if next % ROWS as i64 == 0 {
            seal::merge(&source, is_closed, next - ROWS as i64)?;
        }
        Ok(())
    }

    /// Gives a row another place.
    fn replace(&mut self, source: &Source<'_>, run: &[u8]) -> Read<()> {
        let Some((row, _)) = source.row(run)? else { return Ok(()) };
        let place = self.next(&row)?;
        self.connection
            .prepare_cached("UPDATE visibility SET place = ?2 WHERE run = ?1")?
            .execute(params![run, place.number()])?;
        self.keep(row);
        Ok(())
    }

    /// Removes what is left of a namespace without rows.
    fn clear_empty(&mut self, namespace: NamespaceId) -> Read<()> {
        let id = namespace.as_bytes();
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM visibility INDEXED BY visibility_order WHERE namespace = ?1")?;
        if statement.exists([id])? {
            return Ok(());
        }
        for table in ["tail", "block", "cell"] {
            self.connection.execute(&format!("DELETE FROM {table} WHERE namespace = ?1"), [id])?;
        }
        self.tails.0.retain(|(other, _), _| *other != namespace);
        Ok(())
    }
}
