//! The chain: how a record is bound to the one before, and the check of the whole log.

use std::fmt;

use sha2::{Digest, Sha256};
use store::{ControlKey, Key, OwnedKey, Store, StoreError, key::prefix_end, record};

use crate::{
    SHARD,
    record::{AuditHeadRecord, AuditRecord},
};

/// The log is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub records: u64,
    /// The hash of the last record in hexadecimal, empty when there is none. Written down elsewhere, it shows later that
    /// everything up to here is still the same.
    pub head: String,
}

/// Why the log can't be trusted, or not be read.
#[derive(Clone, Debug, PartialEq)]
pub enum AuditFault {
    /// The record at this position is not there.
    Missing {
        position: i64,
    },
    /// The record at this position is not what was written.
    Altered {
        position: i64,
    },
    /// The log ends elsewhere than its head says: records were cut off or added.
    WrongEnd {
        records: i64,
        head: i64,
    },
    Store(StoreError),
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuditFault::Missing { position } => write!(f, "audit record {position} is missing"),
            AuditFault::Altered { position } => write!(f, "audit record {position} is not what was written"),
            AuditFault::WrongEnd { records, head } => {
                write!(f, "the audit log has {records} records, and {head} were written")
            }
            AuditFault::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AuditFault {}

impl From<StoreError> for AuditFault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The hash of a record.
pub(super) fn hash(position: i64, previous: &[u8], entry: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(position.to_be_bytes());
    hash.update((previous.len() as u64).to_be_bytes());
    hash.update(previous);
    hash.update(entry);
    hash.finalize().to_vec()
}

/// Walks the whole audit log of a store and checks every link. Takes nothing and writes nothing, so it can run beside
/// the server; what is written meanwhile may or may not be part of the walk.
///
/// # Errors
/// The first fault.
pub fn verify_audit(store: &dyn Store) -> Result<Verified, AuditFault> {
    const PAGE: usize = 1_000;
    // The head is read first: the log only grows, so a record that comes meanwhile is no fault.
    let head: AuditHeadRecord = match store.get(SHARD, &Key::Control(&ControlKey::AuditHead).encode())? {
        Some(value) => record::decode(value)?,
        None => AuditHeadRecord::default(),
    };
    let mut walk = Walk { position: 0, hash: Vec::new(), at_head: Vec::new() };
    let mut start = ControlKey::audit_prefix();
    let end = prefix_end(&start);
    loop {
        let page = store.scan(SHARD, &start, &end, PAGE)?;
        for (key, value) in &page.pairs {
            walk.step(key, value.clone())?;
            if walk.position == head.count {
                walk.at_head.clone_from(&walk.hash);
            }
        }
        match page.pairs.last() {
            Some((last, _)) if page.more => start = [last.as_slice(), &[0]].concat(),
            Some(_) | None => break,
        }
    }
    if walk.position < head.count || (walk.position > head.count && !has_grown(store, &head)?) {
        return Err(AuditFault::WrongEnd { records: walk.position, head: head.count });
    }
    if walk.at_head != head.hash {
        return Err(AuditFault::Altered { position: head.count });
    }
    let hex = walk.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Verified { records: u64::try_from(walk.position).unwrap_or(0), head: hex })
}

/// Whether the head has moved since it was read.
fn has_grown(store: &dyn Store, before: &AuditHeadRecord) -> Result<bool, AuditFault> {
    let value = store.get(SHARD, &Key::Control(&ControlKey::AuditHead).encode())?;
    let now: AuditHeadRecord = value.map(record::decode).transpose()?.unwrap_or_default();
    Ok(now.count > before.count)
}

struct Walk {
    position: i64,
    hash: Vec<u8>,
    at_head: Vec<u8>,
}

impl Walk {
    fn step(&mut self, key: &[u8], value: bytes::Bytes) -> Result<(), AuditFault> {
        let position = self.position + 1;
        let OwnedKey::Control(ControlKey::Audit(found)) = Key::decode(key)? else {
            return Err(AuditFault::Missing { position });
        };
        if found != position {
            return Err(AuditFault::Missing { position });
        }
        let altered = |_| AuditFault::Altered { position };
        let row: AuditRecord = record::decode(value.clone()).map_err(altered)?;
        // Nothing may stand in a row that the hash does not cover.
        if record::encode(&row) != value
            || row.previous != self.hash
            || row.hash != hash(position, &row.previous, &row.entry)
        {
            return Err(AuditFault::Altered { position });
        }
        self.position = position;
        self.hash = row.hash;
        Ok(())
    }
}
