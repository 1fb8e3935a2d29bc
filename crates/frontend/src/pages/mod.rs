//! HTTP beside gRPC: metrics, pages for people, and honest words on the port whose service is not there yet.

mod address;
mod hosts;
mod login;
mod packed;
mod read;
mod request;
mod response;
mod session;
mod show;
mod ui;

use std::{net::IpAddr, sync::Arc};

use auth::Policy;
use hyper::{
    Method, Request, StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use model::Plane;
use tokio::net::TcpListener;
use tonic::body::Body;
use transport::{Answering, Backend, Endpoint, LoopHandles, Peer, Port, Versions};

pub use self::{
    hosts::Hosts,
    ui::{Login, Ui},
};
use self::{
    request::PageRequest,
    response::{Answer, text},
};
use crate::{context::ServerContext, turn::Turn};

/// What is the same in every answer that does not say otherwise.
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
    /// Prometheus text under `/metrics`; under `/status`, over loopback only, what an operator has to know.
    Metrics,
    /// Namespaces and what runs in them, to be read in a browser.
    Ui(Arc<Ui>),
    /// The HTTP API is not there yet.
    HttpApi,
}

/// Serves `page` on `listener`, its connections on `loops`, until `stop` is done; what it shows without a login, under
/// `hosts` only.
pub async fn serve_page(
    context: Arc<ServerContext>,
    listener: TcpListener,
    loops: LoopHandles,
    page: Page,
    hosts: Hosts,
    stop: impl Future<Output = ()>,
) {
    let port = Port::new(listener, None, Plane::Control, loops);
    let endpoint = PageEndpoint(Arc::new(PagePort { context, page, hosts }));
    transport::serve(endpoint, Versions::One, port, stop).await;
}

/// What the connections of a port share.
struct PagePort {
    context: Arc<ServerContext>,
    page: Page,
    hosts: Hosts,
}

#[derive(Clone)]
struct PageEndpoint(Arc<PagePort>);

impl Endpoint for PageEndpoint {
    fn answer(&self, request: Request<Body>) -> Answering {
        let port = self.0.clone();
        let peer = request.extensions().get::<Arc<Peer>>().cloned().unwrap_or_default();
        Answering::new(Turn::MIDDLE.priority(), async move {
            let response = port.respond(peer.address.ip(), peer.is_local, request).await;
            // Who it is, each page asks for itself; a browser that has asked for one is not silent.
            peer.identify();
            Ok(response.map(Body::new))
        })
    }

    fn backend(&self) -> &impl Backend {
        &*self.0.context
    }
}

impl PagePort {
    /// `address` is the client's; `is_local`: it came over loopback.
    async fn respond(&self, address: IpAddr, is_local: bool, request: Request<Body>) -> Answer {
        let is_own = is_local && address.is_loopback();
        let mut answer = match self.hosts.check(&request, is_local) {
            Err(refusal) if self.shows_without_login() => {
                text(StatusCode::MISDIRECTED_REQUEST, "text/plain; charset=utf-8", refusal)
            }
            _ if is_own && self.is_status(&request) => {
                text(StatusCode::OK, "text/plain; charset=utf-8", self.context.status_page())
            }
            _ => self.answer(address, request).await,
        };
        for (name, value) in HEAD {
            answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
        }
        answer
    }

    fn is_status(&self, request: &Request<Body>) -> bool {
        matches!(self.page, Page::Metrics) && request.method() == Method::GET && request.uri().path() == "/status"
    }

    fn shows_without_login(&self) -> bool {
        match self.page {
            Page::Metrics | Page::HttpApi => true,
            Page::Ui(_) => matches!(self.context.policy, Policy::Open),
        }
    }

    async fn answer(&self, address: IpAddr, request: Request<Body>) -> Answer {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match &self.page {
            Page::Ui(ui) => {
                let head = PageRequest::of(&request);
                show::answer(&self.context, ui, address, head, request.into_body()).await
            }
            Page::Metrics if is_read && request.uri().path() == "/metrics" => {
                text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", self.context.metrics_page())
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
