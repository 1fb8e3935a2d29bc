//! HTTP beside gRPC: metrics, pages for people, and honest words on the port whose service is not there yet.

mod hosts;
mod login;
mod read;
mod session;
mod ui;

use std::{convert::Infallible, future::Future, net::IpAddr, sync::Arc, time::Duration};

use auth::Policy;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, CONTENT_TYPE, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

pub use self::{
    hosts::Hosts,
    ui::{Login, Ui},
};
use crate::door::Door;

/// Connections of one port; more wait before they are accepted.
const CONNECTIONS: usize = 1_024;
/// How long a browser may take for the head of a request.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
const LONGEST_HEAD: usize = 64 * 1024;

/// What is the same in every answer.
const HEAD: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, web::CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// What a port shows.
#[derive(Clone, Debug)]
pub enum Page {
    /// Prometheus text under `/metrics`.
    Metrics,
    /// Namespaces and what runs in them, to be read in a browser.
    Ui(Arc<Ui>),
    /// The HTTP API is not there yet.
    HttpApi,
}

/// Serves `page` on `listener` until `stop` is done; what it shows without a login, under `hosts` only.
pub async fn serve_page(
    door: Arc<Door>,
    listener: TcpListener,
    page: Page,
    hosts: Hosts,
    stop: impl Future<Output = ()>,
) {
    let port = Arc::new(PagePort { door, page, hosts });
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let next = async {
            // The semaphore is never closed, so a permit always comes.
            let permit = room.clone().acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = &mut stop => break,
            next = next => next,
        };
        while connections.try_join_next().is_some() {}
        let Ok((stream, address)) = accepted else { continue };
        connections.spawn(connection(port.clone(), stream, address.ip(), permit));
    }
}

/// What the connections of a port share.
struct PagePort {
    door: Arc<Door>,
    page: Page,
    hosts: Hosts,
}

async fn connection(port: Arc<PagePort>, stream: TcpStream, address: IpAddr, _permit: Option<OwnedSemaphorePermit>) {
    let is_local = stream.local_addr().is_ok_and(|own| own.ip().is_loopback());
    let answer = service_fn(|request: Request<Incoming>| {
        let port = port.clone();
        async move { Ok::<_, Infallible>(port.respond(address, is_local, request).await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(LONGEST_HEAD);
    // A client that goes away in the middle is no concern of the server's.
    let _ = server.serve_connection(TokioIo::new(stream), answer).await;
}

impl PagePort {
    /// `address` is the asker's; `is_local`: it came over loopback.
    async fn respond(&self, address: IpAddr, is_local: bool, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let mut answer = match self.hosts.check(&request, is_local) {
            Err(refusal) if self.shows_without_login() => {
                text(StatusCode::MISDIRECTED_REQUEST, "text/plain; charset=utf-8", refusal)
            }
            _ => self.answer(address, request).await,
        };
        for (name, value) in HEAD {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        answer
    }

    fn shows_without_login(&self) -> bool {
        match self.page {
            Page::Metrics | Page::HttpApi => true,
            Page::Ui(_) => matches!(self.door.policy, Policy::Open),
        }
    }

    async fn answer(&self, address: IpAddr, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match &self.page {
            Page::Ui(ui) => {
                let asked = ui::Asked::of(&request);
                ui::answer(&self.door, ui, address, asked, request.into_body()).await
            }
            Page::Metrics if is_read && request.uri().path() == "/metrics" => {
                text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", self.door.metrics_page())
            }
            Page::Metrics => text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n".to_owned()),
            Page::HttpApi => {
                let body =
                    "{\"code\":12,\"message\":\"the HTTP API is not implemented yet; use gRPC\",\"details\":[]}\n";
                text(StatusCode::NOT_IMPLEMENTED, "application/json", body.to_owned())
            }
        }
    }
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
