//! The audit log: every call that changes something and every one that was denied, in a chain of hashes, so that what
//! was written can't be altered, left out or put in without that being found.

mod chain;
mod entry;

use store::{ControlKey, record};

pub use chain::{AuditFault, Verified, verify_audit};

pub(crate) use entry::{entry_of, own_entry, shortened};

use crate::{
    record::{AuditEntry, AuditHeadRecord, AuditRecord},
    turn::Turn,
};

/// Writes an entry behind the last one, as part of the change.
pub(crate) fn append(turn: &mut Turn<'_>, mut entry: AuditEntry) {
    let head = &turn.state.audit;
    let position = head.count + 1;
    let previous = head.hash.clone();
    entry.time = entry.time.max(head.time);
    entry.id = turn.entropy.uuid().to_string();
    let time = entry.time;
    let entry = prost::Message::encode_to_vec(&entry);
    let hash = chain::hash(position, &previous, &entry);
    turn.state.audit = AuditHeadRecord { count: position, hash: hash.clone(), time };
    let value = record::encode(&AuditRecord { entry, previous, hash });
    turn.write(ControlKey::Audit(position), value);
    let head = record::encode(&turn.state.audit);
    turn.write(ControlKey::AuditHead, head);
}
