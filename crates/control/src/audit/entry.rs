//! Entries of the audit log: who did what, from where, and what came of it.

use auth::Principal;
use model::{Reject, Time};

use crate::{
    RequestContext,
    record::{AuditEntry, PrincipalRecord},
    state::rights,
};

/// Longest text of the caller's that goes into the audit log, in characters.
const MOST_TEXT: usize = 1_000;

pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(MOST_TEXT).collect()
}

/// The entry of a call: what came of it, and about what.
pub(crate) fn entry_of(
    event: &str,
    method: &str,
    principal: &Principal,
    context: &RequestContext,
    subject: &str,
    refusal: Option<&Reject>,
) -> AuditEntry {
    AuditEntry {
        method: method.to_owned(),
        ok: refusal.is_none(),
        address: shortened(&context.address),
        subject: shortened(subject),
        message: refusal.map(|refusal| shortened(&refusal.message)).unwrap_or_default(),
        ..own_entry(event, rights::remembered(principal), context.at.now)
    }
}

/// An entry about what the server does of its own accord.
pub(crate) fn own_entry(event: &str, principal: PrincipalRecord, now: Time) -> AuditEntry {
    AuditEntry { time: now.0, operation: event.to_owned(), ok: true, principal, ..AuditEntry::default() }
}
