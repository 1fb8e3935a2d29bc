//! The writing side: one connection, one transaction for all batches of a call.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use model::{Epoch, ShardId};
use rusqlite::{CachedStatement, Connection, Error, Transaction, TransactionBehavior, params};
use store::{Batch, Change, CommitError, StoreError, key::prefix_end};

use crate::{OpenOptions, error, open, rows};

/// The connection that writes.
pub(crate) struct Writer {
    connection: Connection,
    path: PathBuf,
    options: OpenOptions,
    /// The epochs as they stand in the file. The file is ours alone, so they can't change behind our back.
    epochs: BTreeMap<ShardId, Epoch>,
}

impl Writer {
    pub(crate) fn new(connection: Connection, path: PathBuf, options: OpenOptions) -> Result<Self, Error> {
        let mut epochs = BTreeMap::new();
        let mut statement = connection.prepare("SELECT shard, epoch FROM epoch")?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            epochs.insert(ShardId(row.get(0)?), Epoch(row.get::<_, i64>(1)?.cast_unsigned()));
        }
        drop(found);
        drop(statement);
        Ok(Self { connection, path, options, epochs })
    }

    pub(crate) fn acquire(&mut self, shard: ShardId) -> Result<Epoch, StoreError> {
        let epoch = Epoch(self.current(shard).0 + 1);
        let write = |transaction: &Transaction<'_>| {
            let values = params![shard.0, epoch.0.cast_signed()];
            transaction.execute("INSERT OR REPLACE INTO epoch (shard, epoch) VALUES (?1, ?2)", values)?;
            Ok(())
        };
        self.transact(write)?;
        self.epochs.insert(shard, epoch);
        Ok(epoch)
    }

    pub(crate) fn commit(&mut self, batches: &[(ShardId, Epoch, Arc<Batch>)]) -> Vec<Result<(), CommitError>> {
        let mut results: Vec<Result<(), CommitError>> = batches
            .iter()
            .map(|(shard, epoch, _)| {
                let (shard, current) = (*shard, self.current(*shard));
                // Epoch zero is the one before the first owner: nobody commits under it.
                if *epoch != current || current == Epoch(0) {
                    return Err(CommitError::Fenced { shard, current });
                }
                Ok(())
            })
            .collect();
        let accepted = batches.iter().zip(&results).filter(|(_, result)| result.is_ok());
        let accepted: Vec<_> = accepted.map(|((shard, _, batch), _)| (*shard, batch)).collect();
        if accepted.is_empty() {
            return results;
        }
        let write = |transaction: &Transaction<'_>| {
            let mut changes = Changes::of(transaction)?;
            for (shard, batch) in accepted {
                for change in &batch.changes {
                    changes.apply(shard, change)?;
                }
            }
            Ok(())
        };
        if let Err(error) = self.transact(write) {
            for result in results.iter_mut().filter(|result| result.is_ok()) {
                *result = Err(CommitError::Store(error.clone()));
            }
        }
        results
    }

    fn current(&self, shard: ShardId) -> Epoch {
        self.epochs.get(&shard).copied().unwrap_or_default()
    }

    /// All of `write`, durably, or nothing of it.
    fn transact(&mut self, write: impl FnOnce(&Transaction<'_>) -> Result<(), Error>) -> Result<(), StoreError> {
        let attempt = || {
            // A dropped transaction rolls back.
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            write(&transaction)?;
            transaction.commit()
        };
        let result = attempt().map_err(|error| error::of(&self.path, &error));
        if result.is_err() && !self.connection.is_autocommit() {
            // The transaction neither ended nor rolled back; closing the connection ends it.
            self.connection = open::connect(&self.path, &self.options)?;
        }
        result
    }
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
            Change::Put { key, value } => self.put.execute(params![shard.0, key, &value[..]]).map(drop),
            Change::Delete { key } => self.delete.execute(params![shard.0, key]).map(drop),
            Change::DeletePrefix { prefix } => {
                self.delete_prefix.execute(params![shard.0, prefix, prefix_end(prefix)]).map(drop)
            }
            Change::Show(row) => self.rows.show(row),
            Change::Hide { run_id } => self.rows.hide(*run_id),
        }
    }
}
