//! The writing side of the tables: one connection, one transaction at a time.

use std::path::PathBuf;

use bytes::Bytes;
use model::{Epoch, RunId, ShardId};
use rusqlite::{CachedStatement, Connection, Error, Transaction, TransactionBehavior, params};
use store::{Batch, Change, StoreError, key::prefix_end};

use crate::{OpenOptions, error, layer::Shown, log, open, rows};

/// SQLite's own `synchronous` at which a commit waits for the disk.
const FULL: i64 = 2;

/// The connection that writes.
pub(crate) struct Tables {
    connection: Connection,
    path: PathBuf,
    options: OpenOptions,
    /// Whether the connection syncs each commit; `None` where the user has said how it does.
    syncs: Option<bool>,
}

/// A part of what the log holds, on its way into the tables.
pub(crate) struct Slice<'a> {
    pub(crate) rows: &'a [(RunId, Shown)],
    /// Deleted before the pairs are written.
    pub(crate) prefixes: Vec<(ShardId, &'a Bytes)>,
    pub(crate) pairs: Vec<(ShardId, &'a Bytes, Option<&'a Bytes>)>,
    /// The generation whose last part this is.
    pub(crate) completes: Option<u64>,
}

impl Tables {
    pub(crate) fn new(connection: Connection, path: PathBuf, options: OpenOptions) -> Result<Self, Error> {
        let is_default = synchronous(&connection)? == FULL;
        Ok(Self { connection, path, options, syncs: is_default.then_some(true) })
    }

    /// Whether commits wait for the disk.
    pub(crate) fn is_durable(&self) -> bool {
        self.syncs.is_some()
    }

    /// The epochs as they stand in the file.
    pub(crate) fn epochs(&self) -> Result<Vec<(ShardId, Epoch)>, Error> {
        let mut statement = self.connection.prepare("SELECT shard, epoch FROM epoch")?;
        let found =
            statement.query_map([], |row| Ok((ShardId(row.get(0)?), Epoch(row.get::<_, i64>(1)?.cast_unsigned()))))?;
        found.collect()
    }

    pub(crate) fn set_epoch(&mut self, shard: ShardId, epoch: Epoch) -> Result<(), StoreError> {
        self.transact(true, |transaction| {
            let values = params![shard.0, epoch.0.cast_signed()];
            transaction.execute("INSERT OR REPLACE INTO epoch (shard, epoch) VALUES (?1, ?2)", values).map(drop)
        })
    }

    /// Writes whole batches, durably.
    pub(crate) fn write(&mut self, batches: &[(ShardId, &Batch)]) -> Result<(), StoreError> {
        self.transact(true, |transaction| {
            let mut changes = Changes::of(transaction)?;
            for (shard, batch) in batches {
                for change in &batch.changes {
                    changes.apply(*shard, change)?;
                }
            }
            Ok(())
        })
    }

    /// Writes a part of what the log holds. Only the last part of a generation is synced, and all before it with it: until
    /// then the log has it.
    pub(crate) fn fold(&mut self, slice: &Slice<'_>) -> Result<(), StoreError> {
        let decode = |(run_id, row): &(RunId, Shown)| {
            let row = row.as_ref().map(|row| log::decode_row(*run_id, row.clone())).transpose();
            row.map(|row| (*run_id, row))
        };
        let shown: Vec<_> = slice.rows.iter().map(decode).collect::<Result<_, _>>()?;
        self.transact(slice.completes.is_some(), |transaction| {
            let mut changes = Changes::of(transaction)?;
            for (run_id, row) in &shown {
                match row {
                    Some(row) => changes.rows.show(row)?,
                    None => changes.rows.hide(*run_id)?,
                }
            }
            for (shard, prefix) in &slice.prefixes {
                changes.delete_prefix(*shard, prefix)?;
            }
            for (shard, key, value) in &slice.pairs {
                match value {
                    Some(value) => changes.put(*shard, key, value)?,
                    None => changes.delete(*shard, key)?,
                }
            }
            slice.completes.map_or(Ok(()), |generation| open::set_folded(transaction, generation))
        })
    }

    /// All of `write`, durably if it `syncs`, or nothing of it.
    fn transact(
        &mut self,
        syncs: bool,
        write: impl FnOnce(&Transaction<'_>) -> Result<(), Error>,
    ) -> Result<(), StoreError> {
        let attempt = || {
            if self.syncs.is_some_and(|before| before != syncs) {
                let level = if syncs { "FULL" } else { "NORMAL" };
                self.connection.pragma_update(None, "synchronous", level)?;
                self.syncs = Some(syncs);
            }
            // A dropped transaction rolls back.
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            write(&transaction)?;
            transaction.commit()
        };
        let result = attempt().map_err(|error| error::of(&self.path, &error));
        if result.is_err() && !self.connection.is_autocommit() {
            // The transaction neither ended nor rolled back; closing the connection ends it.
            self.connection = open::connect(&self.path, &self.options)?;
            self.syncs = self.syncs.map(|_| true);
        }
        result
    }
}

fn synchronous(connection: &Connection) -> Result<i64, Error> {
    connection.pragma_query_value(None, "synchronous", |row| row.get(0))
}

/// What changes of a transaction are written with: each statement is looked up once.
struct Changes<'t> {
    put: CachedStatement<'t>,
    delete: CachedStatement<'t>,
    delete_prefix: CachedStatement<'t>,
    rows: rows::Changes<'t>,
}

impl<'t> Changes<'t> {
    fn of(transaction: &'t Transaction<'_>) -> Result<Self, Error> {
        Ok(Self {
            put: transaction.prepare_cached(
                "INSERT INTO pair (shard, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (shard, key) DO UPDATE SET value = excluded.value",
            )?,
            delete: transaction.prepare_cached("DELETE FROM pair WHERE shard = ?1 AND key = ?2")?,
            delete_prefix: transaction
                .prepare_cached("DELETE FROM pair WHERE shard = ?1 AND key >= ?2 AND key < ?3")?,
            rows: rows::Changes::of(transaction)?,
        })
    }

    fn apply(&mut self, shard: ShardId, change: &Change) -> Result<(), Error> {
        match change {
            Change::Put { key, value } => self.put(shard, key, value),
            Change::Delete { key } => self.delete(shard, key),
            Change::DeletePrefix { prefix } => self.delete_prefix(shard, prefix),
            Change::Show(row) => self.rows.show(row),
            Change::Hide { run_id } => self.rows.hide(*run_id),
        }
    }

    fn put(&mut self, shard: ShardId, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.put.execute(params![shard.0, key, value]).map(drop)
    }

    fn delete(&mut self, shard: ShardId, key: &[u8]) -> Result<(), Error> {
        self.delete.execute(params![shard.0, key]).map(drop)
    }

    fn delete_prefix(&mut self, shard: ShardId, prefix: &[u8]) -> Result<(), Error> {
        self.delete_prefix.execute(params![shard.0, prefix, prefix_end(prefix)]).map(drop)
    }
}
