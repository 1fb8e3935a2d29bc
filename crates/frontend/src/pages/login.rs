//! Logging in and out.
//!
//! A login link shows a page with a button, and only the button's POST uses the code up: what opens links unasked (previews,
//! scanners of mail) does not press it. The POST must come from that page: it brings what the page's cookie holds, which no
//! other site can read or set, so that no site logs its visitors in as another user.

use std::{net::IpAddr, sync::Arc};

use control::Moment;
use http_body_util::{BodyExt, Limited};
use hyper::{
    StatusCode,
    body::{Body, Bytes},
};
use model::Kind;

use super::{
    read::blocking,
    session::{Ticket, asked_cookie, no_cookie, session_cookie},
    text,
    ui::{Answer, Asked, HTML, Pairs, Ui, led_to, with_cookie},
};
use crate::{
    advice,
    cloud::{http::http_status, query},
    door::Door,
    status::to_status,
};

/// Longest login code that is looked up; those that are given out have 64 letters.
const LONGEST_CODE: usize = 128;
/// Bytes of a login form.
const LONGEST_FORM: usize = 4_096;
const NO_COOKIE: &str = "The browser did not keep this page's cookie. Open the login link again, with cookies allowed.";

/// The page behind a login link. The code is not looked at.
pub(super) fn form(ui: &Ui, asked: &Asked) -> Answer {
    let Some(login) = &ui.login else { return led_to("/") };
    let pairs = Pairs::of(&asked.query);
    let code = pairs.value("code");
    if code.is_empty() {
        return text(StatusCode::OK, HTML, web::login());
    }
    if code.len() > LONGEST_CODE {
        return text(StatusCode::UNAUTHORIZED, HTML, web::dead_link());
    }
    let check = Ticket::of((login.secret)());
    let page = text(StatusCode::OK, HTML, web::login_form(code, check.text()));
    with_cookie(page, &asked_cookie(&check, asked.secure))
}

/// Opens a session for a browser that sends a login form with a good code, which is void from then on.
///
/// `from`: where the browser is.
pub(super) async fn log_in<B>(door: &Arc<Door>, ui: &Ui, from: IpAddr, asked: &Asked, body: B) -> Answer
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let Some(login) = &ui.login else { return led_to("/") };
    let Some(pairs) = read(body).await else {
        return text(StatusCode::BAD_REQUEST, HTML, web::dead_link());
    };
    let (code, check) = (pairs.value("code").to_owned(), pairs.value("check"));
    if asked.check.as_ref().is_none_or(|kept| kept.text() != check) {
        return text(StatusCode::FORBIDDEN, HTML, web::login_failed(NO_COOKIE));
    }
    if code.is_empty() || code.len() > LONGEST_CODE {
        return text(StatusCode::UNAUTHORIZED, HTML, web::dead_link());
    }
    if let Err(reject) = door.tries.take(from, door.engine.now()) {
        let mut answer = text(StatusCode::TOO_MANY_REQUESTS, HTML, web::login_failed(&reject.message));
        advice::retry_after(&reject, answer.headers_mut());
        return answer;
    }
    let moment = || Moment { now: door.engine.wall(), seed: (login.seed)() };
    let (control, moment, next) = (login.control.clone(), moment(), moment());
    let (ticket, before) = (Ticket::of((login.secret)()), asked.ticket.clone());
    let kept = ticket.text().to_owned();
    let logged_in = blocking(move || {
        let user_id = control.log_in(&code, &kept, &moment)?;
        match before {
            // The browser keeps one session at a time.
            Some(before) => control.log_out(before.text(), &next).map(|()| user_id),
            None => Ok(user_id),
        }
    });
    if let Err(reject) = logged_in.await {
        if reject.kind != Kind::Unauthenticated {
            door.tries.give_back(from);
        }
        let status = http_status(to_status(&reject).code());
        let is_dead = status == StatusCode::UNAUTHORIZED;
        return text(status, HTML, if is_dead { web::dead_link() } else { web::login_failed(&reject.message) });
    }
    door.tries.give_back(from);
    let next = asked.next.clone().unwrap_or_else(web::namespaces_path);
    with_cookie(led_to(&next), &session_cookie(&ticket, asked.secure))
}

/// The fields of a form; `None` where it is too long, too slow or no form.
async fn read<B>(body: B) -> Option<Pairs>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let body = Limited::new(body, LONGEST_FORM).collect().await.ok()?.to_bytes();
    query::pairs(std::str::from_utf8(&body).ok()?).map(Pairs)
}

/// Ends a session. A request that does not bring one, as other sites can make a browser send it, ends none.
pub(super) async fn log_out(door: &Door, ui: &Ui, asked: &Asked) -> Answer {
    let (Some(login), Some(ticket)) = (&ui.login, asked.ticket.clone()) else { return led_to("/login") };
    let (control, moment) = (login.control.clone(), Moment { now: door.engine.wall(), seed: (login.seed)() });
    match blocking(move || control.log_out(ticket.text(), &moment)).await {
        Ok(()) => with_cookie(led_to("/login"), &no_cookie(asked.secure)),
        Err(reject) => text(http_status(to_status(&reject).code()), HTML, web::login_failed(&reject.message)),
    }
}
