//! Sessions: which browser is which user. They are rows of the account, so that a restart logs nobody out.
//!
//! Only the hash of what the browser keeps is stored. What a user may do is no part of a session; it is looked up whenever a
//! page is asked for.

use std::time::Duration;

use crate::{record::SessionRecord, turn::Turn};

/// How long a login is good.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
/// Sessions at the same time; one more ends the oldest.
const MOST: usize = 1_000;

/// Opens a session of the user for the browser whose ticket has this hash, and forgets those that are over.
pub(crate) fn open(turn: &mut Turn<'_>, hash: String, user_id: &str) {
    let now = turn.now;
    remove_where(turn, |session| session.expires_time <= now.0);
    while turn.state.sessions.len() >= MOST {
        let oldest = turn.state.sessions.values().min_by_key(|session| session.expires_time);
        let Some(oldest) = oldest.map(|session| session.hash.clone()) else { break };
        turn.remove::<SessionRecord>(&oldest);
    }
    let expires_time = (now + SESSION_LIFETIME).0;
    turn.put(SessionRecord { hash, user_id: user_id.to_owned(), expires_time });
}

/// Ends the sessions of a user.
pub(crate) fn remove_of(turn: &mut Turn<'_>, user_id: &str) {
    remove_where(turn, |session| session.user_id == user_id);
}

fn remove_where(turn: &mut Turn<'_>, ends: impl Fn(&SessionRecord) -> bool) {
    let over = turn.state.sessions.values().filter(|session| ends(session));
    let over: Vec<String> = over.map(|session| session.hash.clone()).collect();
    for hash in over {
        turn.remove::<SessionRecord>(&hash);
    }
}
