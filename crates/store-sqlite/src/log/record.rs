//! What a record of the log holds: the batches that one commit accepted.
//!
//! A frame is its payload's length, a checksum of what follows, the checksum of the frame before it, the generation of its
//! segment, and the payload: batch by batch the shard and then the changes in their order, each a tag and its fields, every
//! field behind its length. Numbers are little-endian.

use bytes::{Buf, Bytes};
use model::{RunId, ShardId};
use store::{Batch, Change, StoreError};
use uuid::Uuid;

use super::row;

/// What stands before a payload.
pub(super) const HEAD: usize = 20;

/// A change as it stands in the log; a row is decoded when it is folded.
pub(crate) enum Entry {
    Put { key: Bytes, value: Bytes },
    Delete { key: Bytes },
    DeletePrefix { prefix: Bytes },
    Show { run_id: RunId, row: Bytes },
    Hide { run_id: RunId },
}

mod tag {
    pub(super) const BATCH: u8 = 0;
    pub(super) const PUT: u8 = 1;
    pub(super) const DELETE: u8 = 2;
    pub(super) const DELETE_PREFIX: u8 = 3;
    pub(super) const SHOW: u8 = 4;
    pub(super) const HIDE: u8 = 5;
}

/// The payload of these batches behind room for its head.
pub(crate) fn encode(batches: &[(ShardId, &Batch)]) -> Vec<u8> {
    let bytes = batches.iter().flat_map(|(_, batch)| &batch.changes).map(|change| match change {
        Change::Put { key, value } => 9 + key.len() + value.len(),
        Change::Delete { key } | Change::DeletePrefix { prefix: key } => 5 + key.len(),
        Change::Show(_) => 512,
        Change::Hide { .. } => 32,
    });
    let mut frame = Vec::with_capacity(HEAD + batches.len() * 8 + bytes.sum::<usize>());
    frame.resize(HEAD, 0);
    for (shard, batch) in batches {
        frame.push(tag::BATCH);
        frame.extend_from_slice(&shard.0.to_le_bytes());
        for change in &batch.changes {
            put_change(&mut frame, change);
        }
    }
    frame
}

fn put_change(frame: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Put { key, value } => {
            frame.push(tag::PUT);
            put_field(frame, key);
            put_field(frame, value);
        }
        Change::Delete { key } => {
            frame.push(tag::DELETE);
            put_field(frame, key);
        }
        Change::DeletePrefix { prefix } => {
            frame.push(tag::DELETE_PREFIX);
            put_field(frame, prefix);
        }
        Change::Show(shown) => {
            frame.push(tag::SHOW);
            put_field(frame, shown.run_id.as_bytes());
            put_field(frame, &row::encode(shown));
        }
        Change::Hide { run_id } => {
            frame.push(tag::HIDE);
            put_field(frame, run_id.as_bytes());
        }
    }
}

fn put_field(frame: &mut Vec<u8>, field: &[u8]) {
    // A field is at most as long as a segment, and a longer frame is never written.
    frame.extend_from_slice(&(field.len() as u32).to_le_bytes());
    frame.extend_from_slice(field);
}

/// Where a frame belongs, and by what the next one knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Link {
    pub(crate) generation: u64,
    pub(crate) previous: u32,
    pub(crate) checksum: u32,
}

/// Fills in the head of a frame that follows one with the checksum `previous`; gives its own.
pub(crate) fn seal(frame: &mut [u8], generation: u64, previous: u32) -> u32 {
    let length = (frame.len() - HEAD) as u32;
    frame[8..12].copy_from_slice(&previous.to_le_bytes());
    frame[12..HEAD].copy_from_slice(&generation.to_le_bytes());
    let checksum = crc32fast::hash(&frame[8..]);
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    checksum
}

/// The payload of a sealed frame.
pub(crate) fn payload(frame: Vec<u8>) -> Bytes {
    Bytes::from(frame).split_off(HEAD)
}

/// Takes the first frame off what is left of a segment: its link and payload. `None` where there is no whole one: the
/// segment was never filled further, or the write of it never ended.
pub(crate) fn next(segment: &mut Bytes) -> Option<(Link, Bytes)> {
    let mut head = segment.get(..HEAD)?;
    let (length, checksum, previous) = (head.get_u32_le(), head.get_u32_le(), head.get_u32_le());
    let link = Link { generation: head.get_u64_le(), previous, checksum };
    let end = HEAD.checked_add(length as usize)?;
    let checked = segment.get(8..end)?;
    if link.generation == 0 || crc32fast::hash(checked) != checksum {
        return None;
    }
    let mut frame = segment.split_to(end);
    Some((link, frame.split_off(HEAD)))
}

/// Where a frame with this head ends.
pub(super) fn end(head: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*head.first_chunk()?);
    HEAD.checked_add(length as usize)
}

/// Whether a head is that of the frame behind `last`, as far as it tells without its checksum.
pub(super) fn is_behind(head: &[u8], last: Link) -> bool {
    head.get(8..12) == Some(&last.checksum.to_le_bytes()[..])
        && head.get(12..HEAD) == Some(&last.generation.to_le_bytes()[..])
}

/// The changes of a payload in order, each with its shard.
///
/// # Errors
/// `Unusable` when it is not what this version writes, though its checksum was right.
pub(crate) fn decode(mut payload: Bytes, mut each: impl FnMut(ShardId, Entry)) -> Result<(), StoreError> {
    let mut shard = ShardId(0);
    while payload.has_remaining() {
        let entry = match payload.get_u8() {
            tag::BATCH => {
                shard = ShardId(payload.try_get_u32_le().map_err(|_| damaged())?);
                continue;
            }
            tag::PUT => Entry::Put { key: field(&mut payload)?, value: field(&mut payload)? },
            tag::DELETE => Entry::Delete { key: field(&mut payload)? },
            tag::DELETE_PREFIX => Entry::DeletePrefix { prefix: field(&mut payload)? },
            tag::SHOW => Entry::Show { run_id: run_id(&mut payload)?, row: field(&mut payload)? },
            tag::HIDE => Entry::Hide { run_id: run_id(&mut payload)? },
            _ => return Err(damaged()),
        };
        each(shard, entry);
    }
    Ok(())
}

fn field(payload: &mut Bytes) -> Result<Bytes, StoreError> {
    let length = payload.try_get_u32_le().map_err(|_| damaged())? as usize;
    if length > payload.len() {
        return Err(damaged());
    }
    Ok(payload.split_to(length))
}

fn run_id(payload: &mut Bytes) -> Result<RunId, StoreError> {
    Uuid::from_slice(&field(payload)?).map(RunId).map_err(|_| damaged())
}

fn damaged() -> StoreError {
    StoreError::Unusable("a record of the commit log is damaged: restore a copy, or start with another file".into())
}
