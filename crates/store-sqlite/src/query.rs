//! Reads of pairs.

use bytes::Bytes;
use model::ShardId;
use rusqlite::{Connection, OptionalExtension, params};
use store::Page;

use crate::readers::Read;

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
