//! The cookies in which a browser keeps that it has logged in. Whose session it is, the account knows.

use std::time::Duration;

use control::SESSION_LIFETIME;

/// The cookie of a session.
pub(super) const SESSION: &str = "perdure_session";
/// The cookie of a login form, and how long the form is good.
pub(super) const FORM: &str = "perdure_login";
/// The cookie of the address that was asked for before the login.
pub(super) const NEXT: &str = "perdure_next";
const NEXT_LIFETIME: Duration = Duration::from_secs(60 * 60);
const FORM_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// What a browser keeps of us in a cookie: 64 hexadecimal digits of a random number. It does not show in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Ticket(String);

impl Ticket {
    /// Made of randomness that can't be guessed.
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
}

/// The header that has a browser keep the ticket of its session. With `secure`, it is sent over TLS only.
pub(super) fn session_cookie(ticket: &Ticket, secure: bool) -> String {
    cookie(SESSION, &ticket.0, SESSION_LIFETIME, "/; SameSite=Lax", secure)
}

/// The header that has a browser forget its session.
pub(super) fn no_cookie(secure: bool) -> String {
    cookie(SESSION, "", Duration::ZERO, "/; SameSite=Lax", secure)
}

/// The header that has a browser keep what its login form must bring. Requests that another site makes go without it.
pub(super) fn form_cookie(ticket: &Ticket, secure: bool) -> String {
    cookie(FORM, &ticket.0, FORM_LIFETIME, "/login; SameSite=Strict", secure)
}

/// The header that has a browser keep the address of a page of ours until it has logged in.
pub(super) fn next_cookie(address: &str, secure: bool) -> String {
    cookie(NEXT, address, NEXT_LIFETIME, "/login; SameSite=Lax", secure)
}

/// The address that a browser has kept, if it is one of a namespace's pages: nothing else may lead on from a login.
pub(super) fn next_among(cookies: &str) -> Option<String> {
    let mut values = cookies.split(';').filter_map(|cookie| cookie.trim().split_once('='));
    let (_, address) = values.find(|(name, _)| *name == NEXT)?;
    is_own(address).then(|| address.to_owned())
}

/// Whether an address is one of a namespace's pages, and of a form and length that a cookie takes.
pub(super) fn is_own(address: &str) -> bool {
    const LONGEST: usize = 2_048;
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    address.starts_with("/namespaces/") && address.len() <= LONGEST && address.bytes().all(is_plain)
}

/// `reach`: the path that it is for, and which sites' requests carry it.
fn cookie(name: &str, value: &str, age: Duration, reach: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path={reach}; Max-Age={}; HttpOnly{secure}", age.as_secs())
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
    fn only_pages_of_ours_lead_on_from_a_login() {
        let address = "/namespaces/a.b/workflows?query=A%3D1";
        let kept = next_cookie(address, false);
        let pair = kept.split(';').next().unwrap();
        assert_eq!(next_among(&format!("x=1; {pair}")).as_deref(), Some(address));
        for other in
            ["//example.test/namespaces/", "https://example.test", "/login", "/namespaces/a b", "/namespaces/a\"b"]
        {
            assert_eq!(next_among(&format!("perdure_next={other}")), None, "{other}");
        }
        assert_eq!(next_among(""), None);
    }

    #[test]
    fn a_ticket_is_found_among_cookies() {
        let ticket = ticket(7);
        let kept = session_cookie(&ticket, true);
        assert!(kept.ends_with("; Path=/; SameSite=Lax; Max-Age=43200; HttpOnly; Secure"), "{kept}");
        let asked = form_cookie(&ticket, false);
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
