//! HTTP on connections that are open: hyper alone, since what a call passes belongs to the endpoint and nothing to layers.
//!
//! The calls of a connection are carried on by the connection's own task. What comes together is put to the endpoint
//! together, and what is answered together goes out together: no other thread is woken for it, and the locks of the endpoint
//! and the system are asked once for all of it.
//!
//! What a connection makes the server hold is counted and bounded ([`usage`]), and how long it may be silent is watched
//! ([`watch`]).
//!
//! A client's deadline is not watched here. A call that waits reads it from its head, and a client that stops waiting resets
//! its stream, which drops the call.

mod carry;
mod reply;
mod request;
mod usage;
mod watch;

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use hyper::{body::Incoming, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::{self, Builder},
};
use model::{Budget, Limits};
use tokio::{sync::watch as signal, task::JoinSet};
use tonic::{
    body::Body,
    codegen::http::{Request, Response},
};

use self::{
    carry::{Served, carry},
    reply::{Outgoing, Reply},
    request::{Message, is_grpc},
    usage::Usage,
    watch::Watch,
};
use crate::{
    calls::{Answering, Calls},
    listen::{Accepted, Coalesced, Connection, Peer, Port, Settings},
    loops::{LoopHandle, LoopHandles},
};

/// Streams of one connection; more wait. The reference sets no limit.
const STREAMS: u32 = 100_000;
/// Flow-control windows, so that a large history is not sent in small steps. That of the connection holds what its calls
/// may have sent and wait with, twice.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
/// Messages of one connection whose client is kept from sending more until there is room.
const WAITING: usize = (CONNECTION_WINDOW / STREAM_WINDOW / 2) as usize;
/// Streams that a client may take back before they were looked at: as many as it can begin in what is read at once.
const TAKEN_BACK: usize = 4_096;
/// A silent connection is asked for a sign of life, and closed when none comes.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// All that answers on a port.
pub trait Endpoint: Clone + Send + Sync + 'static {
    /// Answers a call. Its [`Peer`] is among the request's extensions, as `Arc<Peer>`.
    fn answer(&self, request: Request<Body>) -> Answering;

    /// The server behind it.
    fn backend(&self) -> &impl Backend;

    /// Whether the body of a request to this path is a stream: it may be silent, and as long as it likes. What has come of
    /// it waits in the windows of HTTP/2 until it is read. Any other body is one message, which has to come to its end.
    fn takes_stream(&self, _path: &str) -> bool {
        false
    }
}

/// A server, as far as its connections know of it.
pub trait Backend: Send + Sync {
    /// What connections and their calls may take.
    fn limits(&self) -> &Arc<Limits>;

    /// The server's memory, which is shared with all else that is held for callers.
    fn memory(&self) -> &Arc<Budget>;

    /// Runs `calls`, in which the calls of one connection go on that have come together: what they ask is best asked
    /// together, when it returns.
    fn batch<T>(&self, calls: impl FnOnce() -> T) -> T;
}

/// Which versions of HTTP a port speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Versions {
    One,
    Two,
    OneAndTwo,
}

/// Serves a port until `stop` is done; then no new connection is taken, and the calls that are under way are waited for.
/// Sizes of headers, messages and streams are capped here, before a caller is identified.
pub async fn serve(endpoint: impl Endpoint, versions: Versions, mut port: Port, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = signal::channel(());
    let (limits, memory) = (endpoint.backend().limits().clone(), endpoint.backend().memory().clone());
    let (settings, loops) = (port.settings().clone(), port.loops().clone());
    let server = Server { endpoint, versions, limits, settings, loops, stopped };
    let mut serving = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = port.accept(&server.limits, &memory) => accepted,
        };
        while serving.try_join_next().is_some() {}
        let (standing, on) = (accepted.standing(), server.loops.least_busy());
        let runtime = on.runtime.clone();
        let life = server.clone().connection(accepted, on);
        standing.carried_by(serving.spawn_on(life, &runtime));
    }
    drop((port, server));
    drop(stopping);
    while serving.join_next().await.is_some() {}
}

/// What all connections of a port share.
#[derive(Clone)]
struct Server<E> {
    endpoint: E,
    versions: Versions,
    limits: Arc<Limits>,
    settings: Arc<Settings>,
    loops: LoopHandles,
    /// Its other end is dropped when it is time to stop.
    stopped: signal::Receiver<()>,
}

impl<E: Endpoint> Server<E> {
    /// The life of a connection, from its arrival. It stays on its loop, which counts it by `_on`.
    async fn connection(self, accepted: Accepted, _on: LoopHandle) {
        let opened = tokio::select! {
            () = ended(self.stopped.clone()) => None,
            opened = accepted.open(&self.settings, &self.limits) => opened,
        };
        let Some(connection) = opened else { return };
        let Self { endpoint, versions, limits, loops, stopped, .. } = self;
        let peer = connection.peer.clone();
        let backend = endpoint.backend();
        let shared = loops.registry().unidentified(backend.memory());
        let usage = Usage::new(peer.clone(), &limits, backend.memory(), &shared);
        let (calls, watch) = (Calls::default(), Watch::new(usage.clone(), &limits, ended(stopped)));
        let builder = builder(&limits, versions, calls.clone());
        let wire: Coalesced<Connection> = Coalesced::new(connection);
        let entry = Entry { endpoint: endpoint.clone(), peer, usage, limits, calls: calls.clone() };
        let served = builder.serve_connection(TokioIo::new(wire.clone()), entry);
        if let Some(Err(error)) = carry(served, &wire, &calls, backend, watch).await {
            tracing::debug!(error, "a connection failed");
        }
    }
}

/// Done when the other end of the channel is dropped.
async fn ended(mut stopped: signal::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

impl<E: Endpoint> Served for auto::Connection<'_, TokioIo<Coalesced<Connection>>, Entry<E>, Calls> {
    fn shut(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

fn builder(limits: &Limits, versions: Versions, calls: Calls) -> Builder<Calls> {
    let mut builder = Builder::new(calls);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.header_size)
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(TAKEN_BACK)
        .max_concurrent_streams(STREAMS);
    // A request whose head does not come to its end is given up, and so is a connection on which the next one does not
    // begin.
    let head = usize::try_from(limits.header_size).unwrap_or(usize::MAX).max(LEAST_HEAD);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.request_time).max_buf_size(head);
    match versions {
        Versions::One => builder.http1_only(),
        Versions::Two => builder.http2_only(),
        Versions::OneAndTwo => builder,
    }
}

/// What the library takes at least for the head of a request of HTTP/1, in bytes.
const LEAST_HEAD: usize = 8_192;

/// An endpoint on one connection.
struct Entry<E> {
    endpoint: E,
    peer: Arc<Peer>,
    usage: Arc<Usage>,
    limits: Arc<Limits>,
    calls: Calls,
}

impl<E: Endpoint> Service<Request<Incoming>> for Entry<E> {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = Reply;

    fn call(&self, request: Request<Incoming>) -> Reply {
        let (is_grpc, is_stream) = (is_grpc(&request), self.endpoint.takes_stream(request.uri().path()));
        let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let call = match self.usage.open(headers) {
            Ok(call) => call,
            Err(reject) => return Reply::refused(&reject, is_grpc),
        };
        let mut request = Message::of(request, &self.usage, &self.limits, is_stream).map(Body::new);
        request.extensions_mut().insert(self.peer.clone());
        let answering = self.endpoint.answer(request);
        self.calls.announce(&answering);
        Reply::new(answering, call, is_grpc)
    }
}

#[cfg(test)]
mod tests;
