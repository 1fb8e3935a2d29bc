//! What stands in the tables of the commit log.

use rusqlite::{Connection, Error, OptionalExtension};
use uuid::Uuid;

pub(crate) use crate::log::read::Known;

/// Reads it.
pub(crate) fn read(connection: &Connection) -> Result<Known, Error> {
    let value = |name| -> Result<Option<String>, Error> {
        connection.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()
    };
    let id = value("log")?.and_then(|id| Uuid::try_parse(&id).ok());
    let folded = value("folded")?.and_then(|generation| generation.parse().ok());
    let logged = value("logged")?.and_then(|logged| {
        let (generation, checksum) = logged.split_once(' ')?;
        Some((generation.parse().ok()?, checksum.parse().ok()?))
    });
    Ok(Known { id: id.unwrap_or_default(), folded: folded.unwrap_or_default(), logged })
}

/// How often something was written to the tables that was in no log: who reads the log behind the tables must know that
/// nothing came in between.
pub(crate) fn writes(connection: &Connection) -> Result<i64, Error> {
    let count = "SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM meta WHERE name = 'writes'";
    connection.query_row(count, [], |row| row.get(0))
}

/// Counts such a write.
pub(crate) fn count_write(connection: &Connection) -> Result<(), Error> {
    let count = "INSERT INTO meta (name, value) VALUES ('writes', '1')
        ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)";
    connection.execute(count, []).map(drop)
}

/// Writes down that all generations up to this one are in the tables.
pub(crate) fn set_folded(connection: &Connection, generation: u64) -> Result<(), Error> {
    set(connection, "folded", &generation.to_string())
}

/// Writes down the latest frame, by generation and checksum, of which something is in the tables.
pub(crate) fn set_logged(connection: &Connection, (generation, checksum): (u64, u32)) -> Result<(), Error> {
    set(connection, "logged", &format!("{generation} {checksum}"))
}

fn set(connection: &Connection, name: &str, value: &str) -> Result<(), Error> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?
        .execute([name, value])
        .map(drop)
}
