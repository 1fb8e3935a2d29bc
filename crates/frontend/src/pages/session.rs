//! Who has logged in, by the hash of what the browser keeps, and the cookies it keeps it in. In memory only: a restart logs everybody out.
//!
//! What a user may do is no part of a session; it is looked up whenever a page is asked for.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use auth::TokenHash;
use model::Time;

/// How long a login is good.
pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
/// Sessions at the same time; one more ends the oldest.
const MOST: usize = 1_000;
/// The cookie of a session.
pub(super) const SESSION: &str = "perdure_session";
/// The cookie of a login form, and how long the form is good.
pub(super) const FORM: &str = "perdure_login";
const FORM_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// What a browser keeps of us in a cookie: 64 hexadecimal digits of a random number. It does not show in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Ticket(String);

impl Ticket {
    /// Made of randomness that nobody can guess.
    pub(super) fn of(secret: [u8; 32]) -> Self {
        Self(web::token_of(&secret))
    }

    /// The one in the cookie `name` among a browser's cookies, if there is one.
    pub(super) fn among(cookies: &str, name: &str) -> Option<Self> {
        let values = cookies.split(';').filter_map(|cookie| cookie.trim().split_once('='));
        let mut values = values.filter(|(known, _)| *known == name).map(|(_, value)| value);
        let value = values.next()?;
        (value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| Self(value.to_owned()))
    }

    /// As it stands in a cookie.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> [u8; 32] {
        TokenHash::of(&self.0).0
    }
}

/// The header that has a browser keep the ticket of its session. With `secure`, it is sent over TLS only.
pub(super) fn session_cookie(ticket: &Ticket, secure: bool) -> String {
    cookie(SESSION, &ticket.0, LIFETIME, "/; SameSite=Lax", secure)
}

/// The header that has a browser forget its session.
pub(super) fn no_cookie(secure: bool) -> String {
    cookie(SESSION, "", Duration::ZERO, "/; SameSite=Lax", secure)
}

/// The header that has a browser keep what its login form must bring. Requests that another site makes go without it.
pub(super) fn asked_cookie(ticket: &Ticket, secure: bool) -> String {
    cookie(FORM, &ticket.0, FORM_LIFETIME, "/login; SameSite=Strict", secure)
}

/// `reach`: the path that it is for, and which sites' requests carry it.
fn cookie(name: &str, value: &str, age: Duration, reach: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path={reach}; Max-Age={}; HttpOnly{secure}", age.as_secs())
}

struct Session {
    user_id: String,
    expires: Time,
}

/// All sessions of a port.
#[derive(Default)]
pub(super) struct Sessions {
    open: Mutex<BTreeMap<[u8; 32], Session>>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("open", &self.lock().len()).finish()
    }
}

impl Sessions {
    /// Opens a session for whoever holds the ticket.
    pub(super) fn open(&self, ticket: &Ticket, user_id: String, now: Time) {
        let mut open = self.lock();
        open.retain(|_, session| now < session.expires);
        while open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, session)| session.expires).map(|(hash, _)| *hash);
            let Some(oldest) = oldest else { break };
            open.remove(&oldest);
        }
        open.insert(ticket.hash(), Session { user_id, expires: now + LIFETIME });
    }

    /// The user whose session it is.
    pub(super) fn user(&self, ticket: &Ticket, now: Time) -> Option<String> {
        let open = self.lock();
        open.get(&ticket.hash()).filter(|session| now < session.expires).map(|session| session.user_id.clone())
    }

    pub(super) fn close(&self, ticket: &Ticket) {
        self.lock().remove(&ticket.hash());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(number: u16) -> Ticket {
        let mut secret = [0; 32];
        secret[..2].copy_from_slice(&number.to_be_bytes());
        Ticket::of(secret)
    }

    #[test]
    fn a_session_ends_with_its_time_or_by_its_user() {
        let sessions = Sessions::default();
        sessions.open(&ticket(1), "ada".to_owned(), Time::ZERO);
        sessions.open(&ticket(2), "bob".to_owned(), Time::ZERO);
        let late = Time::ZERO + LIFETIME;
        assert_eq!(sessions.user(&ticket(1), Time(late.0 - 1)).as_deref(), Some("ada"));
        assert_eq!(sessions.user(&ticket(1), late), None);
        assert_eq!(sessions.user(&ticket(3), Time::ZERO), None);
        sessions.close(&ticket(2));
        assert_eq!(sessions.user(&ticket(2), Time::ZERO), None);
    }

    #[test]
    fn one_too_many_ends_the_oldest() {
        let sessions = Sessions::default();
        for number in 0..=1_000 {
            sessions.open(&ticket(number), "ada".to_owned(), Time(number.into()));
        }
        assert_eq!(sessions.lock().len(), MOST);
        assert_eq!(sessions.user(&ticket(0), Time::ZERO), None);
        assert!(sessions.user(&ticket(1), Time::ZERO).is_some() && sessions.user(&ticket(1_000), Time::ZERO).is_some());
    }

    #[test]
    fn a_ticket_is_found_among_cookies() {
        let ticket = ticket(7);
        let kept = session_cookie(&ticket, true);
        assert!(kept.ends_with("; Path=/; SameSite=Lax; Max-Age=43200; HttpOnly; Secure"), "{kept}");
        let asked = asked_cookie(&ticket, false);
        assert!(asked.ends_with("; Path=/login; SameSite=Strict; Max-Age=600; HttpOnly"), "{asked}");
        let pair = kept.split(';').next().unwrap();
        let cookies = format!("theme=dark; {pair}");
        assert!(Ticket::among(&cookies, FORM).is_none());
        assert!(Ticket::among(&cookies, SESSION) == Some(ticket));
        for other in ["", "perdure_session=", "perdure_session=abc", "other=1"] {
            assert!(Ticket::among(other, SESSION).is_none(), "{other}");
        }
        assert!(no_cookie(false).starts_with("perdure_session=; Path=/; SameSite=Lax; Max-Age=0;"));
    }
}
