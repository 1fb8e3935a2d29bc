//! What lets a principal in: API keys, login codes, sessions. All of it goes with its owner.

use crate::{login, record::ApiKeyRecord, session, turn::Turn};

/// Removes every key of an owner that goes, with its login codes and sessions.
pub(crate) fn remove_of(turn: &mut Turn<'_>, owner_id: &str) {
    let keys = turn.state.api_keys.values().filter(|row| row.spec.owner_id == owner_id);
    let keys: Vec<String> = keys.map(|row| row.id.clone()).collect();
    for id in keys {
        turn.remove::<ApiKeyRecord>(&id);
    }
    login::remove_of(turn, owner_id);
    session::remove_of(turn, owner_id);
}
