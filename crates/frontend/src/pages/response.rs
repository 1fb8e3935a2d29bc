//! What pages answer with.

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{self, CONTENT_TYPE, HeaderValue},
};

pub(super) const HTML: &str = "text/html; charset=utf-8";

pub(super) type Answer = Response<Full<Bytes>>;

/// A text of this content type.
pub(super) fn text(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Sends the browser to another address of this port.
pub(super) fn redirect(path: &str) -> Answer {
    let mut answer = text(StatusCode::SEE_OTHER, HTML, String::new());
    // Paths are made here, percent-encoded; one that is no header leads to the start.
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    answer.headers_mut().insert(header::LOCATION, location);
    answer
}

pub(super) fn with_cookie(mut answer: Answer, cookie: &str) -> Answer {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}
