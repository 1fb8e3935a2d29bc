//! The writing side of the tables: one connection, one transaction at a time.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use model::{Epoch, RunId, ShardId};
use rusqlite::{
    CachedStatement, Connection, Error, ErrorCode, Row, Transaction, TransactionBehavior, config::DbConfig, params,
};
use store::{Batch, Change, StoreError, key::prefix_end, visibility};

use crate::{
    OpenOptions,
    blocks::Tails,
    error::{self, WriteError},
    known,
    layer::Shown,
    log::{self, Link},
    open,
    readers::Read,
    rows,
    sums::{Sums, seal::Seal},
};

/// SQLite's own `synchronous` at which a commit waits for the disk.
const FULL: i64 = 2;

/// How long the end of a process waits for another one that reads the file.
const PATIENCE_AT_CLOSE: Duration = Duration::from_millis(500);

/// The connection that writes.
pub(crate) struct Tables {
    connection: Connection,
    path: PathBuf,
    options: OpenOptions,
    /// Whether the connection syncs each commit; `None` where the user has said how it does.
    syncs: Option<bool>,
    /// None while a file is made that is not in use.
    sums: Option<Sums>,
    /// The latest frame that the tables name.
    logged: Option<(u64, u32)>,
    /// Frames of SQLite's log when copying them was tried last.
    tried: u32,
    /// Where the next rows of lists go.
    tails: Tails,
}

/// A part of what the log holds, on its way into the tables.
pub(crate) struct Slice<'a> {
    pub(crate) rows: &'a [(RunId, Shown)],
    /// Deleted before the pairs are written.
    pub(crate) prefixes: Vec<(ShardId, &'a Bytes)>,
    pub(crate) pairs: Vec<(ShardId, &'a Bytes, Option<&'a Bytes>)>,
    /// The last frame of the log of which something may be in this.
    pub(crate) from: Option<Link>,
    /// The generation whose last part this is.
    pub(crate) completes: Option<u64>,
}

impl Tables {
    pub(crate) fn new(
        connection: Connection,
        path: PathBuf,
        options: OpenOptions,
        is_durable: bool,
        sums: Option<Sums>,
        logged: Option<(u64, u32)>,
    ) -> Self {
        let syncs = is_durable.then_some(true);
        Self { connection, path, options, syncs, sums, logged, tried: 0, tails: Tails::default() }
    }

    /// The epochs as they stand in the file.
    pub(crate) fn epochs(&self) -> Result<Vec<(ShardId, Epoch)>, Error> {
        let mut statement = self.connection.prepare("SELECT shard, epoch FROM epoch")?;
        let found =
            statement.query_map([], |row| Ok((ShardId(row.get(0)?), Epoch(row.get::<_, i64>(1)?.cast_unsigned()))))?;
        found.collect()
    }

    pub(crate) fn set_epochs(&mut self, epochs: &[(ShardId, Epoch)]) -> Result<(), StoreError> {
        let set = self.transact(true, |transaction, _| {
            let mut set = transaction.prepare("INSERT OR REPLACE INTO epoch (shard, epoch) VALUES (?1, ?2)")?;
            for (shard, epoch) in epochs {
                set.execute(params![shard.0, epoch.0.cast_signed()])?;
            }
            drop(set);
            known::count_write(transaction)
        });
        Ok(set?)
    }

    /// Writes whole batches, durably.
    pub(crate) fn write(&mut self, batches: &[(ShardId, &Batch)]) -> Result<(), WriteError> {
        self.transact(true, |transaction, tails| {
            let mut changes = Changes::of(transaction, tails)?;
            for (shard, batch) in batches {
                for change in &batch.changes {
                    changes.apply(*shard, change)?;
                }
            }
            changes.rows.finish()?;
            known::count_write(transaction)
        })
    }

    /// Writes a part of what the log holds. Only the last part of a generation is synced, and all before it with it: until
    /// then the log has it.
    pub(crate) fn fold(&mut self, slice: &Slice<'_>) -> Result<(), StoreError> {
        let shown = decoded(slice.rows)?;
        let is_later = |link: &Link| {
            self.logged.is_none_or(|logged| logged != (link.generation, link.checksum))
                && self.logged.is_none_or(|(generation, _)| generation <= link.generation)
        };
        let logged = slice.from.filter(is_later).map(|link| (link.generation, link.checksum));
        self.transact(slice.completes.is_some(), |transaction, tails| {
            let mut changes = Changes::of(transaction, tails)?;
            changes.rows(shown)?;
            for (shard, prefix) in &slice.prefixes {
                changes.delete_prefix(*shard, prefix)?;
            }
            for (shard, key, value) in &slice.pairs {
                match value {
                    Some(value) => changes.put(*shard, key, value)?,
                    None => changes.delete(*shard, key)?,
                }
            }
            changes.rows.finish()?;
            if let Some(logged) = logged {
                known::set_logged(transaction, logged)?;
            }
            slice.completes.map_or(Ok(()), |generation| known::set_folded(transaction, generation))
        })?;
        self.logged = logged.or(self.logged);
        Ok(())
    }

    /// Reads from the tables with these rows in them, and then takes them out again: nothing of it reaches the disk.
    ///
    /// # Errors
    /// When the tables can't be read.
    pub(crate) fn with_rows<T>(
        &mut self,
        rows: &[(RunId, Shown)],
        read: impl FnOnce(&Connection) -> Read<T>,
    ) -> Result<T, StoreError> {
        let rows = decoded(rows)?;
        let attempt = || -> Result<Read<T>, Error> {
            let most: i64 = self.connection.pragma_query_value(None, "max_page_count", |row| row.get(0))?;
            self.limit_pages(u32::MAX.into(), false)?;
            let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
            let given = begun.and_then(|transaction| {
                let mut changes = Changes::of(&transaction, &mut self.tails)?;
                changes.rows(rows)?;
                changes.rows.finish()?;
                // A dropped transaction rolls back.
                Ok(read(&transaction))
            });
            self.tails.clear();
            self.limit_pages(most, true)?;
            given
        };
        let given = attempt().map_err(|error| error::of(&self.path, &error))?;
        given.map_err(|failure| failure.into_error(&self.path))
    }

    /// How many pages there may be, and whether a transaction that grows may write before it ends.
    fn limit_pages(&self, most: i64, spills: bool) -> Result<(), Error> {
        self.connection.pragma_update(None, "cache_spill", spills)?;
        self.connection.pragma_update(None, "max_page_count", most)
    }

    /// All of `write`, durably if it `syncs`, or nothing of it.
    fn transact(
        &mut self,
        syncs: bool,
        write: impl for<'t> FnOnce(&'t Transaction<'t>, &'t mut Tails) -> Result<(), Error>,
    ) -> Result<(), WriteError> {
        // A write may have SQLite's log begin anew.
        self.sums.as_mut().map_or(Ok(()), Sums::settle)?;
        let mut is_written = false;
        let attempt = || {
            if self.syncs.is_some_and(|before| before != syncs) {
                let level = if syncs { "FULL" } else { "NORMAL" };
                self.connection.pragma_update(None, "synchronous", level)?;
                self.syncs = Some(syncs);
            }
            // A dropped transaction rolls back.
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            write(&transaction, &mut self.tails)?;
            is_written = true;
            transaction.commit()
        };
        let result = attempt();
        // What ends a transaction is the last that is written of it: where there was no room, there is no end.
        let is_full = |error: &Error| error.sqlite_error_code() == Some(ErrorCode::DiskFull);
        let is_unknown = is_written && !result.as_ref().is_err_and(is_full);
        let failed = |error| if is_unknown { WriteError::Unknown(error) } else { WriteError::Failed(error) };
        if result.is_err() {
            self.tails.clear();
        }
        if result.is_err() && !self.connection.is_autocommit() {
            // The transaction neither ended nor rolled back; closing the connection ends it.
            self.connection = open::connect(&self.path, &self.options).map_err(failed)?;
            self.syncs = self.syncs.map(|_| true);
        }
        result.map_err(|error| failed(error::of(&self.path, &error)))?;
        self.look_after_wal(syncs).map_err(failed)
    }

    /// Writes down that what was synced is relied upon, and copies SQLite's log into the database when it has grown.
    fn look_after_wal(&mut self, synced: bool) -> Result<(), StoreError> {
        let frames = self.checkpoint("NOOP").map_err(|error| error::of(&self.path, &error))?.log;
        let Some(sums) = &mut self.sums else { return Ok(()) };
        if synced {
            sums.rely_on(frames)?;
        }
        if frames < self.tried {
            // It has begun anew.
            self.tried = 0;
        }
        let most = self.options.wal_pages;
        if frames < self.tried.saturating_add(most) || frames < sums.copied(frames).saturating_add(most) {
            return Ok(());
        }
        // What fails, or waits for a reader, is tried again when the log has grown by a quarter.
        let is_whole = self.copy_wal(frames).unwrap_or(false);
        self.tried = if is_whole { 0 } else { frames - most / 4 * 3 };
        Ok(())
    }

    /// Copies SQLite's log, which has so many frames, into the database; whether all of it was.
    fn copy_wal(&mut self, frames: u32) -> Result<bool, StoreError> {
        if let Some(sums) = &mut self.sums {
            sums.before_copy(frames)?;
        }
        let done = self.checkpoint("PASSIVE").map_err(|error| error::of(&self.path, &error))?;
        let is_whole = done.log == frames && done.copied == frames;
        match &mut self.sums {
            Some(sums) if is_whole => sums.after_copy()?,
            Some(_) | None => {}
        }
        Ok(is_whole)
    }

    fn checkpoint(&self, mode: &str) -> Result<Checkpoint, Error> {
        let mut statement = self.connection.prepare_cached(&format!("PRAGMA wal_checkpoint={mode}"))?;
        let frames =
            |row: &Row<'_>, column| row.get::<_, i64>(column).map(|frames| u32::try_from(frames).unwrap_or_default());
        statement.query_row([], |row| Ok(Checkpoint { log: frames(row, 1)?, copied: frames(row, 2)? }))
    }

    /// Brings all into the database file and closes it; gives its seal where checksums are kept.
    ///
    /// # Errors
    /// When it can't be brought there, or another process is reading it: then the file stays open.
    pub(crate) fn close(&mut self) -> Result<Option<Seal>, StoreError> {
        let path = self.path.clone();
        let failed = |error: Error| error::of(&path, &error);
        let is_read = || StoreError::Io(format!("database file \"{}\" is being read", path.display()));
        self.sums.as_mut().map_or(Ok(()), Sums::settle)?;
        self.connection.busy_timeout(PATIENCE_AT_CLOSE).map_err(failed)?;
        let frames = self.checkpoint("NOOP").map_err(failed)?.log;
        let copied = self.sums.as_ref().map_or(0, |sums| sums.copied(frames));
        if frames > copied && !self.copy_wal(frames)? {
            return Err(is_read());
        }
        let known = known::read(&self.connection).map_err(failed)?;
        let is_busy = |row: &Row<'_>| row.get::<_, bool>(0);
        if self.connection.query_row("PRAGMA wal_checkpoint=TRUNCATE", [], is_busy).map_err(failed)? {
            return Err(is_read());
        }
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(failed)?;
        let nothing = Connection::open_in_memory().map_err(failed)?;
        drop(std::mem::replace(&mut self.connection, nothing));
        Ok(self.sums.as_ref().map(|sums| sums.seal(&known)))
    }

    /// The first page of a range, from 1 on, that is not what it was when it was written, and whether there are more
    /// pages behind the range.
    pub(crate) fn first_damaged(&self, from: u32, count: u32) -> Result<(Option<u32>, bool), StoreError> {
        let Some(sums) = &self.sums else { return Ok((None, false)) };
        sums.first_damaged(from, count)
    }
}

/// What SQLite says of its log.
struct Checkpoint {
    /// Its frames.
    log: u32,
    /// Those that are in the database.
    copied: u32,
}

/// Rows out of their records.
fn decoded(rows: &[(RunId, Shown)]) -> Result<Vec<(RunId, Option<visibility::Row>)>, StoreError> {
    let decode = |(run_id, row): &(RunId, Shown)| {
        let row = row.as_ref().map(|row| log::decode_row(*run_id, row.clone())).transpose();
        row.map(|row| (*run_id, row))
    };
    rows.iter().map(decode).collect()
}

/// Whether commits of a connection wait for the disk.
pub(crate) fn is_durable(connection: &Connection) -> Result<bool, Error> {
    connection.pragma_query_value(None, "synchronous", |row| row.get(0)).map(|level: i64| level == FULL)
}

/// What changes of a transaction are written with: each statement is looked up once.
struct Changes<'t> {
    put: CachedStatement<'t>,
    delete: CachedStatement<'t>,
    delete_prefix: CachedStatement<'t>,
    rows: rows::Changes<'t>,
}

impl<'t> Changes<'t> {
    fn of(transaction: &'t Transaction<'t>, tails: &'t mut Tails) -> Result<Self, Error> {
        Ok(Self {
            put: transaction.prepare_cached(
                "INSERT INTO pair (shard, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (shard, key) DO UPDATE SET value = excluded.value",
            )?,
            delete: transaction.prepare_cached("DELETE FROM pair WHERE shard = ?1 AND key = ?2")?,
            delete_prefix: transaction
                .prepare_cached("DELETE FROM pair WHERE shard = ?1 AND key >= ?2 AND key < ?3")?,
            rows: rows::Changes::of(transaction, tails)?,
        })
    }

    fn apply(&mut self, shard: ShardId, change: &Change) -> Result<(), Error> {
        match change {
            Change::Put { key, value } => self.put(shard, key, value),
            Change::Delete { key } => self.delete(shard, key),
            Change::DeletePrefix { prefix } => self.delete_prefix(shard, prefix),
            Change::Show(row) => self.rows.show(visibility::Row::clone(row)),
            Change::Hide { run_id } => self.rows.hide(*run_id),
        }
    }

    fn rows(&mut self, rows: Vec<(RunId, Option<visibility::Row>)>) -> Result<(), Error> {
        rows.into_iter().try_for_each(|(run_id, row)| match row {
            Some(row) => self.rows.show(row),
            None => self.rows.hide(run_id),
        })
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
