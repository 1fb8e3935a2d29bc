//! Which address is which page, and who asks for it.

use std::{error::Error, net::IpAddr, sync::Arc};

use auth::{Caller, Policy};
use hyper::{
    Method, StatusCode,
    body::{Body, Bytes},
};
use model::{Kind, Reject};
use transport::{http_status, to_status};
use web::Viewer;

use super::{
    address::{Place, Run, place},
    login, packed,
    read::Reader,
    request::{PageRequest, Pairs},
    response::{Answer, HTML, redirect, text, with_cookie},
    session::{is_own, next_cookie},
    ui::Ui,
};
use crate::{context::ServerContext, query};

/// Answers one request.
pub(super) async fn answer<B>(
    context: &Arc<ServerContext>,
    ui: &Arc<Ui>,
    address: IpAddr,
    request: PageRequest,
    body: B,
) -> Answer
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
{
    if request.path.starts_with("/assets/") && request.is_read() {
        let unknown = || text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n".to_owned());
        return packed::asset(&request.path, &request.headers).unwrap_or_else(unknown);
    }
    match request.path.as_str() {
        "/healthz" if request.is_read() => text(StatusCode::OK, "application/json", "{\"status\":\"OK\"}".to_owned()),
        "/login" if request.is_read() => login::form(ui, &request),
        "/login" if request.method == Method::POST => {
            login::log_in(context, ui, request.from(address), &request, body).await
        }
        "/logout" if request.method == Method::POST => login::log_out(context, ui, &request).await,
        _ if request.is_read() => packed::page(page(context, ui, address, &request).await, &request.headers).await,
        _ => text(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "these pages only show\n".to_owned()),
    }
}

/// A page, for which its reader may have to be logged in.
async fn page(context: &Arc<ServerContext>, ui: &Ui, address: IpAddr, request: &PageRequest) -> Answer {
    let Some(caller) = caller(context, ui, request) else {
        let address = format!("{}?{}", request.path, request.query);
        let address = address.trim_end_matches('?');
        return match is_own(address) {
            true => with_cookie(redirect("/login"), &next_cookie(address, request.secure)),
            false => redirect("/login"),
        };
    };
    let name = match &caller {
        Caller::Principal(principal) => Some(principal.name.clone()),
        Caller::Open | Caller::Anonymous | Caller::Certificate(_) | Caller::FilteredOut(_) => None,
    };
    let viewer = name.as_deref().map_or(Viewer::Open { server: &ui.server }, Viewer::User);
    let reader = Reader { context: context.clone(), caller, address };
    let parts: Option<Vec<String>> =
        request.path.trim_matches('/').split('/').map(|part| query::decoded(part, false)).collect();
    let (Some(parts), Some(pairs)) = (parts, query::pairs(&request.query)) else {
        return refused(viewer, &Reject::invalid("the address is not percent-encoded UTF-8"));
    };
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    let page = show(ui, &reader, viewer, &parts, &Pairs(pairs)).await;
    page.unwrap_or_else(|reject| refused(viewer, &reject))
}

/// The page that an address stands for.
async fn show(ui: &Ui, reader: &Reader, viewer: Viewer<'_>, parts: &[&str], pairs: &Pairs) -> Result<Answer, Reject> {
    let html = match place(parts, pairs) {
        Place::Elsewhere(path) => return Ok(redirect(&path)),
        Place::Namespaces => {
            let (names, next) = match &ui.login {
                Some(login) => reader.namespaces(login.control.clone(), login.seed, pairs.token()?).await?,
                None => reader.local_namespaces(pairs.token()?).await?,
            };
            web::Namespaces { names: &names, next: &next }.page(viewer)
        }
        Place::Workflows { namespace } => return workflows(reader, viewer, namespace, pairs).await,
        Place::Run(named) => run(reader, viewer, named).await?,
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

async fn run(reader: &Reader, viewer: Viewer<'_>, named: Run<'_>) -> Result<String, Reject> {
    let Run { namespace, workflow_id, run_id } = named;
    let described = reader.run(namespace, workflow_id, run_id).await?;
    let trouble = reader.trouble(namespace, &described).await?;
    Ok(web::run(viewer, namespace, &described, trouble.as_ref()))
}

/// The caller. A user's rights are those of this moment, however long ago the login was.
fn caller(context: &ServerContext, ui: &Ui, request: &PageRequest) -> Option<Caller> {
    match (&context.policy, &ui.login) {
        (Policy::Open, _) => Some(Caller::Open),
        (Policy::Secured(_), None) => None,
        (Policy::Secured(_), Some(login)) => {
            let user_id = login.control.session_user(request.ticket.as_ref()?.text(), context.engine.wall())?;
            login.control.user(&user_id).map(Caller::Principal)
        }
    }
}

/// A refusal in the words that clients get, and nothing of what was request for.
fn refused(viewer: Viewer<'_>, reject: &Reject) -> Answer {
    let status = to_status(reject);
    let code = http_status(status.code());
    let title = code.canonical_reason().unwrap_or("Refused");
    text(code, HTML, web::problem(viewer, title, status.message()))
}
