//! HTTP beside gRPC: metrics, pages for people, and honest words on the port whose service is not there yet.

mod address;
mod hosts;
mod login;
mod packed;
mod read;
mod session;
mod ui;

use std::{net::IpAddr, sync::Arc};

use auth::{Caller, Plane, Policy};
use engine::Engine;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Bytes,
    header::{self, CONTENT_TYPE, HeaderName, HeaderValue},
};
use tokio::net::TcpListener;
use tonic::body::Body;

pub use self::{
    hosts::Hosts,
    ui::{Login, Ui},
};
use crate::{
    calls::Answering,
    door::Door,
    listen::{Peer, Port},
    loops::Homes,
    serve::{self, Versions},
    turn::Turn,
};

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
    /// Prometheus text under `/metrics`.
    Metrics,
    /// Namespaces and what runs in them, to be read in a browser.
    Ui(Arc<Ui>),
    /// The HTTP API is not there yet.
    HttpApi,
}

/// Serves `page` on `listener`, its connections on `homes`, until `stop` is done; what it shows without a login, under
/// `hosts` only.
pub async fn serve_page(
    door: Arc<Door>,
    listener: TcpListener,
    homes: Homes,
    page: Page,
    hosts: Hosts,
    stop: impl Future<Output = ()>,
) {
    let port = Port::new(listener, None, Plane::Control, homes);
    let root = Root(Arc::new(PagePort { door, page, hosts }));
    serve::serve(root, Versions::One, port, stop).await;
}

/// What the connections of a port share.
struct PagePort {
    door: Arc<Door>,
    page: Page,
    hosts: Hosts,
}

#[derive(Clone)]
struct Root(Arc<PagePort>);

impl serve::Root for Root {
    fn answer(&self, request: Request<Body>) -> Answering {
        let port = self.0.clone();
        let peer = request.extensions().get::<Arc<Peer>>().cloned().unwrap_or_default();
        Answering::new(Turn::MIDDLE, async move {
            let response = port.respond(peer.address.ip(), peer.is_local, request).await;
            // Who it is, each page asks for itself; a browser that has asked for one is not silent.
            peer.made_a_request(&Caller::Anyone);
            Ok(response.map(Body::new))
        })
    }

    fn engine(&self) -> &Engine {
        &self.0.door.engine
    }
}

impl PagePort {
    /// `address` is the asker's; `is_local`: it came over loopback.
    async fn respond(&self, address: IpAddr, is_local: bool, request: Request<Body>) -> Response<Full<Bytes>> {
        let mut answer = match self.hosts.check(&request, is_local) {
            Err(refusal) if self.shows_without_login() => {
                text(StatusCode::MISDIRECTED_REQUEST, "text/plain; charset=utf-8", refusal)
            }
            _ => self.answer(address, request).await,
        };
        for (name, value) in HEAD {
            answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
        }
        answer
    }

    fn shows_without_login(&self) -> bool {
        match self.page {
            Page::Metrics | Page::HttpApi => true,
            Page::Ui(_) => matches!(self.door.policy, Policy::Open),
        }
    }

    async fn answer(&self, address: IpAddr, request: Request<Body>) -> Response<Full<Bytes>> {
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
