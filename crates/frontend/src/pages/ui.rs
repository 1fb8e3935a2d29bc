//! The pages for people: which address is which page, logging in and out, and what stands in every answer's head.

use std::{fmt, net::IpAddr, sync::Arc};

use auth::{Caller, Policy};
use control::{Control, Moment};
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Bytes,
    header::{self, HeaderName, HeaderValue},
};
use model::Reject;
use web::Viewer;

use super::{
    Ends,
    read::{Reader, blocking},
    session::{Sessions, Ticket, no_cookie},
    text,
};
use crate::{
    cloud::{http::http_status, query},
    door::Door,
    status::to_status,
};

const HTML: &str = "text/html; charset=utf-8";
/// Longest login code that is looked up; those that are given out have 64 letters.
const LONGEST_CODE: usize = 128;
const BAD_CODE: &str = "The login link has been used, has expired, or is not complete.";

/// What is the same in every answer.
const HEAD: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, web::CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

type Answer = Response<Full<Bytes>>;

/// What the pages of a port need beside its door.
#[derive(Debug)]
pub struct Ui {
    /// Where clients and workers reach the server, as pages show it.
    server: String,
    /// How users log in; `None` on a server that asks nobody who they are.
    login: Option<Login>,
    sessions: Sessions,
}

/// How users log in.
pub struct Login {
    pub control: Control,
    /// Draws what the account makes ids of.
    pub seed: fn() -> u128,
    /// Draws what nobody can guess: sessions hang on it.
    pub secret: fn() -> [u8; 32],
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("control", &self.control).finish_non_exhaustive()
    }
}

impl Ui {
    /// `server` is where clients and workers reach the server; without `login` only a server with the open policy shows
    /// anything.
    pub fn new(server: String, login: Option<Login>) -> Arc<Self> {
        Arc::new(Self { server, login, sessions: Sessions::default() })
    }
}

/// A request, as far as pages read it.
pub(super) struct Asked {
    method: Method,
    path: String,
    query: String,
    /// The name that the browser was given for this server, without the port.
    host: String,
    ticket: Option<Ticket>,
    /// The browser came over TLS, as a proxy in front of this port says.
    secure: bool,
}

impl Asked {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let scheme = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self {
            host: without_port(host).to_ascii_lowercase(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            ticket: cookies.filter_map(Ticket::among).next(),
            secure: scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")),
        }
    }

    fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    /// Whether the browser was sent here by a name that only this machine can have.
    fn is_for_loopback(&self) -> bool {
        self.host.is_empty()
            || self.host == "localhost"
            || self.host.ends_with(".localhost")
            || self.host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Answers one request.
pub(super) async fn answer(door: &Arc<Door>, ui: &Arc<Ui>, ends: Ends, asked: Asked) -> Answer {
    let mut answer = match asked.path.as_str() {
        // A site on the network can have its own name lead to this machine, and would read what nobody is asked for.
        _ if matches!(door.policy, Policy::Open) && ends.is_local && !asked.is_for_loopback() => text(
            StatusCode::MISDIRECTED_REQUEST,
            "text/plain; charset=utf-8",
            "open this page as localhost\n".to_owned(),
        ),
        "/style.css" if asked.is_read() => text(StatusCode::OK, "text/css; charset=utf-8", web::STYLE.to_owned()),
        "/login" if asked.is_read() => log_in(door, ui, &asked).await,
        "/logout" if asked.method == Method::POST => log_out(ui, &asked),
        _ if asked.is_read() => page(door, ui, ends.address, &asked).await,
        _ => text(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "these pages only show\n".to_owned()),
    };
    for (name, value) in HEAD {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// A page that somebody may have to be known for.
async fn page(door: &Arc<Door>, ui: &Ui, address: IpAddr, asked: &Asked) -> Answer {
    let Some(caller) = caller(door, ui, asked) else { return led_to("/login") };
    let name = match &caller {
        Caller::Principal(principal) => Some(principal.name.clone()),
        Caller::Anyone | Caller::Stranger | Caller::Certificate(_) | Caller::Excluded(_) => None,
    };
    let viewer = name.as_deref().map_or(Viewer::Anyone { server: &ui.server }, Viewer::User);
    let reader = Reader { door: door.clone(), caller, address };
    let parts: Option<Vec<String>> =
        asked.path.trim_matches('/').split('/').map(|part| query::decoded(part, false)).collect();
    let (Some(parts), Some(pairs)) = (parts, query::pairs(&asked.query)) else {
        return refused(viewer, &Reject::invalid("the address is not percent-encoded UTF-8"));
    };
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    let shown = show(ui, &reader, viewer, &parts, &Pairs(pairs)).await;
    shown.unwrap_or_else(|reject| refused(viewer, &reject))
}

/// The page that an address stands for.
async fn show(ui: &Ui, reader: &Reader, viewer: Viewer<'_>, parts: &[&str], pairs: &Pairs) -> Result<Answer, Reject> {
    let html = match parts {
        [""] => return Ok(led_to(&web::namespaces_path())),
        ["namespaces"] => {
            let (names, next) = match &ui.login {
                Some(login) => reader.namespaces(login.control.clone(), login.seed, pairs.token()?).await?,
                None => reader.local_namespaces(pairs.token()?).await?,
            };
            web::Namespaces { names: &names, next: &next }.page(viewer)
        }
        ["namespaces", namespace] => return Ok(led_to(&web::workflows_path(namespace))),
        ["namespaces", namespace, "workflows"] => {
            let query = pairs.value("query");
            let found = &reader.workflows(namespace, query, pairs.token()?).await?;
            web::Workflows { namespace, query, found }.page(viewer)
        }
        ["namespaces", namespace, "workflows", workflow_id] => {
            web::run(viewer, namespace, &reader.run(namespace, workflow_id, "").await?)
        }
        ["namespaces", namespace, "workflows", workflow_id, run_id] => {
            web::run(viewer, namespace, &reader.run(namespace, workflow_id, run_id).await?)
        }
        ["namespaces", namespace, "workflows", workflow_id, run_id, "history"] => {
            let found = &reader.history(namespace, workflow_id, run_id, pairs.token()?).await?;
            web::History { namespace, workflow_id, run_id, found }.page(viewer)
        }
        _ => {
            let html = web::problem(viewer, "Not found", "There is no such page.");
            return Ok(text(StatusCode::NOT_FOUND, HTML, html));
        }
    };
    Ok(text(StatusCode::OK, HTML, html))
}

/// Who asks. A user's rights are those of this moment, however long ago the login was.
fn caller(door: &Door, ui: &Ui, asked: &Asked) -> Option<Caller> {
    match (&door.policy, &ui.login) {
        (Policy::Open, _) => Some(Caller::Anyone),
        (Policy::Secured(_), None) => None,
        (Policy::Secured(_), Some(login)) => {
            let user_id = ui.sessions.user(asked.ticket.as_ref()?, door.engine.now())?;
            login.control.user(&user_id).map(Caller::Principal)
        }
    }
}

/// Opens a session for who brings a login code, which is void from then on.
async fn log_in(door: &Door, ui: &Ui, asked: &Asked) -> Answer {
    let Some(login) = &ui.login else { return led_to("/") };
    let pairs = Pairs(query::pairs(&asked.query).unwrap_or_default());
    let code = pairs.value("code").to_owned();
    // Who only looks at the head of a page does not use the code up.
    if code.is_empty() || asked.method != Method::GET {
        return text(StatusCode::OK, HTML, web::login(None));
    }
    if code.len() > LONGEST_CODE {
        return text(StatusCode::UNAUTHORIZED, HTML, web::login(Some(BAD_CODE)));
    }
    let (control, moment) = (login.control.clone(), Moment { now: door.engine.now(), seed: (login.seed)() });
    let user_id = match blocking(move || control.redeem_login_code(&code, &moment)).await {
        Ok(user_id) => user_id,
        Err(reject) => {
            let status = http_status(to_status(&reject).code());
            let complaint = if status == StatusCode::UNAUTHORIZED { BAD_CODE } else { &reject.message };
            return text(status, HTML, web::login(Some(complaint)));
        }
    };
    if let Some(before) = &asked.ticket {
        ui.sessions.close(before);
    }
    let ticket = Ticket::of((login.secret)());
    ui.sessions.open(&ticket, user_id, door.engine.now());
    with_cookie(led_to(&web::namespaces_path()), &ticket.cookie(asked.secure))
}

fn log_out(ui: &Ui, asked: &Asked) -> Answer {
    if let Some(ticket) = &asked.ticket {
        ui.sessions.close(ticket);
    }
    with_cookie(led_to("/login"), &no_cookie(asked.secure))
}

/// The pairs of a query.
struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Empty where there is none.
    fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    fn token(&self) -> Result<Vec<u8>, Reject> {
        web::bytes_of(self.value("token")).ok_or_else(|| Reject::invalid("Invalid NextPageToken."))
    }
}

/// A refusal in the words that clients get, and nothing of what was asked for.
fn refused(viewer: Viewer<'_>, reject: &Reject) -> Answer {
    let status = to_status(reject);
    let code = http_status(status.code());
    let title = code.canonical_reason().unwrap_or("Refused");
    text(code, HTML, web::problem(viewer, title, status.message()))
}

fn led_to(path: &str) -> Answer {
    let mut answer = text(StatusCode::SEE_OTHER, HTML, String::new());
    // Paths are made here, percent-encoded; one that is no header leads to the start.
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    answer.headers_mut().insert(header::LOCATION, location);
    answer
}

fn with_cookie(mut answer: Answer, cookie: &str) -> Answer {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}
