//! Logging in and out.
//!
//! A login link shows a page with a button, and only the button's POST uses the code up: what opens links unasked (previews,
//! scanners of mail) does not press it. The POST must come from that page: it brings what the page's cookie holds, which no
//! other site can read or set, so that no site logs its visitors in as another user.

use std::{net::IpAddr, sync::Arc};

use control::NowAndSeed;
use http_body_util::{BodyExt, Limited};
use hyper::{
    StatusCode,
    body::{Body, Bytes},
};
use model::Kind;
use transport::{http_status, retry_after, to_status};

use super::{
    read::blocking,
    request::{PageRequest, Pairs},
    response::{Answer, HTML, redirect, text, with_cookie},
    session::{Ticket, form_cookie, no_cookie, session_cookie},
    ui::Ui,
};
use crate::{context::ServerContext, query};

/// Longest login code that is looked up; those that are given out have 64 letters.
const LONGEST_CODE: usize = 128;
/// Bytes of a login form.
const LONGEST_FORM: usize = 4_096;
const NO_COOKIE: &str = "The browser did not keep this page's cookie. Open the login link again, with cookies allowed.";

/// The page behind a login link. The code is not looked at.
pub(super) fn form(ui: &Ui, request: &PageRequest) -> Answer {
    let Some(login) = &ui.login else { return redirect("/") };
    let pairs = Pairs::of(&request.query);
    let code = pairs.value("code");
    if code.is_empty() {
        return text(StatusCode::OK, HTML, web::login());
    }
    if code.len() > LONGEST_CODE {
        return text(StatusCode::UNAUTHORIZED, HTML, web::dead_link());
    }
    let check = Ticket::of((login.secret)());
    let page = text(StatusCode::OK, HTML, web::login_form(code, check.text()));
    with_cookie(page, &form_cookie(&check, request.secure))
}

/// Opens a session for a browser that sends a login form with a good code, which is void from then on.
///
/// `from`: where the browser is.
pub(super) async fn log_in<B>(
    context: &Arc<ServerContext>,
    ui: &Ui,
    from: IpAddr,
    request: &PageRequest,
    body: B,
) -> Answer
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let Some(login) = &ui.login else { return redirect("/") };
    let Some(pairs) = read(body).await else {
        return text(StatusCode::BAD_REQUEST, HTML, web::dead_link());
    };
    let (code, check) = (pairs.value("code").to_owned(), pairs.value("check"));
    if request.check.as_ref().is_none_or(|kept| kept.text() != check) {
        return text(StatusCode::FORBIDDEN, HTML, web::login_failed(NO_COOKIE));
    }
    if code.is_empty() || code.len() > LONGEST_CODE {
        return text(StatusCode::UNAUTHORIZED, HTML, web::dead_link());
    }
    if let Err(reject) = context.tries.take(from, context.engine.now()) {
        let mut answer = text(StatusCode::TOO_MANY_REQUESTS, HTML, web::login_failed(&reject.message));
        retry_after(&reject, answer.headers_mut());
        return answer;
    }
    let now_and_seed = || NowAndSeed { now: context.engine.wall(), seed: (login.seed)() };
    let (control, at, next) = (login.control.clone(), now_and_seed(), now_and_seed());
    let (ticket, before) = (Ticket::of((login.secret)()), request.ticket.clone());
    let kept = ticket.text().to_owned();
    let logged_in = blocking(move || {
        let user_id = control.log_in(&code, &kept, &at)?;
        match before {
            // The browser keeps one session at a time.
            Some(before) => control.log_out(before.text(), &next).map(|()| user_id),
            None => Ok(user_id),
        }
    });
    if let Err(reject) = logged_in.await {
        if reject.kind != Kind::Unauthenticated {
            context.tries.give_back(from);
        }
        let status = http_status(to_status(&reject).code());
        let is_dead = status == StatusCode::UNAUTHORIZED;
        return text(status, HTML, if is_dead { web::dead_link() } else { web::login_failed(&reject.message) });
    }
    context.tries.give_back(from);
    let next = request.next.clone().unwrap_or_else(web::namespaces_path);
    with_cookie(redirect(&next), &session_cookie(&ticket, request.secure))
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
pub(super) async fn log_out(context: &ServerContext, ui: &Ui, request: &PageRequest) -> Answer {
    let (Some(login), Some(ticket)) = (&ui.login, request.ticket.clone()) else { return redirect("/login") };
    let (control, at) = (login.control.clone(), NowAndSeed { now: context.engine.wall(), seed: (login.seed)() });
    match blocking(move || control.log_out(ticket.text(), &at)).await {
        Ok(()) => with_cookie(redirect("/login"), &no_cookie(request.secure)),
        Err(reject) => text(http_status(to_status(&reject).code()), HTML, web::login_failed(&reject.message)),
    }
}
