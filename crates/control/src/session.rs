//! Sessions: which browser is which user. They are rows of the account, so that a restart logs nobody out.
//!
//! Only the hash of what the browser keeps is stored. What a user may do is no part of a session; it is looked up whenever a
//! page is asked for.

use std::time::Duration;

use model::{Reject, Time};

use crate::{
    Control, Moment, audit, call,
    login::{hash_of, principal_of},
    record::SessionRecord,
    turn::Turn,
};

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

impl Control {
    /// The id of the user whose browser keeps this ticket.
    pub fn session_user(&self, ticket: &str, now: Time) -> Option<String> {
        let state = self.snapshot();
        let session = state.sessions.get(&hash_of(ticket)).filter(|session| now.0 < session.expires_time)?;
        Some(session.user_id.clone())
    }

    /// Ends a session; one that is over already, or was none, stays so.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub fn log_out(&self, ticket: &str, moment: &Moment) -> Result<(), Reject> {
        let hash = hash_of(ticket);
        self.change(moment, |turn| {
            let Some(session) = turn.state.sessions.get(&hash).cloned() else { return Ok(()) };
            turn.remove::<SessionRecord>(&hash);
            if let Some(user) = turn.state.users.get(&session.user_id) {
                let principal = principal_of(user);
                audit::append(turn, call::own_entry("UserLogout", principal, turn.now));
            }
            Ok(())
        })
    }
}
