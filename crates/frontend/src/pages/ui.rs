//! The pages for people: which address is which page, and who asks for it.

use std::{error::Error, fmt, net::IpAddr, sync::Arc};

use auth::{Caller, Policy};
use control::Control;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body, Bytes},
    header::{self, HeaderValue},
};
use model::{Kind, Reject};
use web::Viewer;

use super::{
    address::{Place, Run, place},
    login, packed,
    read::Reader,
    session::{FORM, SESSION, Ticket, is_own, next_among, next_cookie},
    text,
};
use crate::{
    cloud::{http::http_status, query},
    door::Door,
    status::to_status,
};

pub(super) const HTML: &str = "text/html; charset=utf-8";

pub(super) type Answer = Response<Full<Bytes>>;

/// What the pages of a port need beside its door.
#[derive(Debug)]
pub struct Ui {
    /// Where clients and workers reach the server, as pages show it.
    server: String,
    /// How users log in; `None` on a server that asks nobody who they are.
    pub(super) login: Option<Login>,
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
        Arc::new(Self { server, login })
    }
}

/// The head of a request, as far as pages read it.
pub(super) struct Asked {
    pub(super) method: Method,
    path: String,
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
    headers: HeaderMap,
}

impl Asked {
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
    fn from(&self, address: IpAddr) -> IpAddr {
        self.forwarded.filter(|_| address.is_loopback()).unwrap_or(address)
    }

    fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// Answers one request.
pub(super) async fn answer<B>(door: &Arc<Door>, ui: &Arc<Ui>, address: IpAddr, asked: Asked, body: B) -> Answer
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
{
    if asked.path.starts_with("/assets/") && asked.is_read() {
        let unknown = || text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n".to_owned());
        return packed::asset(&asked.path, &asked.headers).unwrap_or_else(unknown);
    }
    match asked.path.as_str() {
        "/healthz" if asked.is_read() => text(StatusCode::OK, "application/json", "{\"status\":\"OK\"}".to_owned()),
        "/login" if asked.is_read() => login::form(ui, &asked),
        "/login" if asked.method == Method::POST => login::log_in(door, ui, asked.from(address), &asked, body).await,
        "/logout" if asked.method == Method::POST => login::log_out(door, ui, &asked).await,
        _ if asked.is_read() => packed::page(page(door, ui, address, &asked).await, &asked.headers).await,
        _ => text(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "these pages only show\n".to_owned()),
    }
}

/// A page that somebody may have to be known for.
async fn page(door: &Arc<Door>, ui: &Ui, address: IpAddr, asked: &Asked) -> Answer {
    let Some(caller) = caller(door, ui, asked) else {
        let address = format!("{}?{}", asked.path, asked.query);
        let address = address.trim_end_matches('?');
        return match is_own(address) {
            true => with_cookie(led_to("/login"), &next_cookie(address, asked.secure)),
            false => led_to("/login"),
        };
    };
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
    let html = match place(parts, pairs) {
        Place::Elsewhere(path) => return Ok(led_to(&path)),
        Place::Namespaces => {
            let (names, next) = match &ui.login {
                Some(login) => reader.namespaces(login.control.clone(), login.seed, pairs.token()?).await?,
                None => reader.local_namespaces(pairs.token()?).await?,
            };
            web::Namespaces { names: &names, next: &next }.page(viewer)
        }
        Place::Workflows { namespace } => return workflows(reader, viewer, namespace, pairs).await,
        Place::Run(asked) => run(reader, viewer, asked).await?,
        Place::History(Run { namespace, workflow_id, run_id }) => {
            let found = &reader.history(namespace, workflow_id, run_id, pairs.token()?).await?;
            web::History { namespace, workflow_id, run_id, found }.page(viewer)
        }
        Place::NotYet { what, instead, back } => {
            return Ok(text(StatusCode::NOT_FOUND, HTML, web::not_yet(viewer, what, instead, &back)));
        }
        Place::Unknown => {
            let html = web::problem(viewer, "Not found", "There is no such page.");
            return Ok(text(StatusCode::NOT_FOUND, HTML, html));
        }
    };
    Ok(text(StatusCode::OK, HTML, html))
}

/// A list, or the filter as it was given with what is wrong with it: only to those who may list.
async fn workflows(reader: &Reader, viewer: Viewer<'_>, namespace: &str, pairs: &Pairs) -> Result<Answer, Reject> {
    let query = pairs.value("query");
    let (status, html) = match reader.workflows(namespace, query, pairs.token()?).await {
        Ok(found) => (StatusCode::OK, web::Workflows { namespace, query, found: Ok(&found) }.page(viewer)),
        Err(reject) if reject.kind == Kind::InvalidArgument && !query.is_empty() => {
            (StatusCode::BAD_REQUEST, web::Workflows { namespace, query, found: Err(&reject.message) }.page(viewer))
        }
        Err(reject) => return Err(reject),
    };
    Ok(text(status, HTML, html))
}

async fn run(reader: &Reader, viewer: Viewer<'_>, asked: Run<'_>) -> Result<String, Reject> {
    let Run { namespace, workflow_id, run_id } = asked;
    let described = reader.run(namespace, workflow_id, run_id).await?;
    let trouble = reader.trouble(namespace, &described).await?;
    Ok(web::run(viewer, namespace, &described, trouble.as_ref()))
}

/// Who asks. A user's rights are those of this moment, however long ago the login was.
fn caller(door: &Door, ui: &Ui, asked: &Asked) -> Option<Caller> {
    match (&door.policy, &ui.login) {
        (Policy::Open, _) => Some(Caller::Anyone),
        (Policy::Secured(_), None) => None,
        (Policy::Secured(_), Some(login)) => {
            let user_id = login.control.session_user(asked.ticket.as_ref()?.text(), door.engine.wall())?;
            login.control.user(&user_id).map(Caller::Principal)
        }
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

pub(super) fn led_to(path: &str) -> Answer {
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
