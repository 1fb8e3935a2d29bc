//! A request for a page, as far as pages read it.

use std::net::IpAddr;

use hyper::{HeaderMap, Method, Request, header};
use model::Reject;

use super::session::{FORM, SESSION, Ticket, next_among};
use crate::query;

/// The head of a request.
pub(super) struct PageRequest {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) ticket: Option<Ticket>,
    /// What a login form must bring.
    pub(super) check: Option<Ticket>,
    /// The address that was asked for before the login.
    pub(super) next: Option<String>,
    /// Where the browser is, as the last proxy in front of this port says.
    forwarded: Option<IpAddr>,
    /// The browser came over TLS, as a proxy in front of this port says.
    pub(super) secure: bool,
    pub(super) headers: HeaderMap,
}

impl PageRequest {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let cookies = || headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let ticket = |name: &str| cookies().filter_map(|cookies| Ticket::among(cookies, name)).next();
        let forwarded = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
        let scheme = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            ticket: ticket(SESSION),
            check: ticket(FORM),
            next: cookies().find_map(next_among),
            forwarded: forwarded.and_then(|all| all.rsplit(',').next()?.trim().parse().ok()),
            secure: scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")),
            headers: headers.clone(),
        }
    }

    /// Where the browser is: behind a proxy on this machine, where that says it is.
    pub(super) fn from(&self, address: IpAddr) -> IpAddr {
        self.forwarded.filter(|_| address.is_loopback()).unwrap_or(address)
    }

    pub(super) fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// The pairs of a query or a form.
pub(super) struct Pairs(pub(super) Vec<(String, String)>);

impl Pairs {
    /// Those of a query; none where it is encoded wrongly.
    pub(super) fn of(query: &str) -> Self {
        Self(query::pairs(query).unwrap_or_default())
    }

    /// Empty where there is none.
    pub(super) fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub(super) fn token(&self) -> Result<Vec<u8>, Reject> {
        web::bytes_of(self.value("token")).ok_or_else(|| Reject::invalid("Invalid NextPageToken."))
    }
}
