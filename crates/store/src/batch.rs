//! What commits are made of, and what reads give.

use std::fmt;

use bytes::Bytes;
use model::RunId;

use crate::{key::behind, visibility::Row};

/// One change to a shard.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Put {
        key: Vec<u8>,
        value: Bytes,
    },
    Delete {
        key: Vec<u8>,
    },
    /// Deletes every key that begins with the prefix.
    DeletePrefix {
        prefix: Vec<u8>,
    },
    /// Inserts or replaces the visibility row of a run.
    Show(Box<Row>),
    /// Removes the visibility row of a run.
    Hide {
        run_id: RunId,
    },
}

/// The changes to one shard that become durable together, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    pub changes: Vec<Change>,
}

/// The storage failed.
#[derive(Clone, Debug, PartialEq)]
pub enum StoreError {
    /// No space is left; reads of keys still work.
    Full(String),
    /// The file is in a newer format, damaged or not ours: stop.
    Unusable(String),
    /// The call failed and may succeed when repeated.
    Io(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Full(text) | StoreError::Unusable(text) | StoreError::Io(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StoreError {}

/// A page of a scan: pairs in key order, and whether there are more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub pairs: Vec<(Vec<u8>, Bytes)>,
    pub more: bool,
}

impl Page {
    /// Where the next page begins, if there is one.
    pub fn next(&self) -> Option<Vec<u8>> {
        let (last, _) = self.pairs.last().filter(|_| self.more)?;
        Some(behind(last))
    }
}
