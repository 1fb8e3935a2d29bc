//! Small HTTP pages beside gRPC: metrics, and honest words on the ports whose service is not there yet.

use std::{convert::Infallible, future::Future, sync::Arc};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

use crate::door::Door;

/// What a port shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// Prometheus text under `/metrics`.
    Metrics,
    /// A page that says which server this is.
    Welcome { version: String, address: String },
    /// The HTTP API is not there yet.
    HttpApi,
}

/// Serves `page` on `listener` until `stop` is done.
pub async fn serve_page(door: Arc<Door>, listener: TcpListener, page: Page, stop: impl Future<Output = ()>) {
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = accepted else { continue };
        let (door, page) = (door.clone(), page.clone());
        connections.spawn(async move {
            let answer = service_fn(|request: Request<Incoming>| {
                let response = respond(&door, &page, &request);
                async move { Ok::<_, Infallible>(response) }
            });
            // A client that goes away in the middle is no concern of the server's.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

fn respond<B>(door: &Door, page: &Page, request: &Request<B>) -> Response<Full<Bytes>> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path();
    match page {
        Page::Metrics if is_read && path == "/metrics" => {
            text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", door.metrics_page())
        }
        Page::Welcome { version, address } if is_read && leads_to_ui(path) => {
            text(StatusCode::OK, "text/html; charset=utf-8", welcome(version, address))
        }
        Page::HttpApi => {
            let body = "{\"code\":12,\"message\":\"the HTTP API is not implemented yet; use gRPC\",\"details\":[]}\n";
            text(StatusCode::NOT_IMPLEMENTED, "application/json", body.to_owned())
        }
        Page::Metrics | Page::Welcome { .. } => {
            text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n".to_owned())
        }
    }
}

/// Where links of an account lead: to log in, and to a namespace's workflows.
fn leads_to_ui(path: &str) -> bool {
    path == "/" || path == "/login" || path.starts_with("/namespaces/")
}

fn welcome(version: &str, address: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Perdure</title></head>\n<body>\n\
         <h1>Perdure</h1>\n<p>{version}</p>\n<p>gRPC is served on <code>{address}</code>.</p>\n\
         <p>The Web UI is not there yet. Until then: <code>perdure workflow list</code>.</p>\n</body>\n</html>\n"
    )
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
