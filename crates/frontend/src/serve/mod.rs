//! HTTP on connections that are open: hyper alone, since what a call passes belongs to the doors and nothing to layers.
//!
//! The calls of a connection are carried on by the connection's own task. What comes together is put to the engine together,
//! and what is answered together goes out together: nobody is woken for it on another thread, and the lock of the node and
//! the system are asked once for all of it. Of waiting for the disk only what the engine knows to be short is done here.
//!
//! What a connection makes the server hold is counted and bounded ([`usage`]), and how long it may be silent is watched
//! ([`watch`]).
//!
//! A client's deadline is not watched here. A call that waits knows it (`Client::deadline`), and a client that stops
//! waiting resets its stream, which drops the call.

mod carry;
mod reply;
mod request;
mod usage;
mod watch;

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use engine::Engine;
use hyper::{body::Incoming, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::{self, Builder},
};
use model::Limits;
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
    listen::{Arrived, Connection, Corked, Entrance, Peer, Port},
    loops::{Home, Homes},
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
pub(crate) trait Root: Clone + Send + Sync + 'static {
    /// Answers a call. The peer is among the request's extensions.
    fn answer(&self, request: Request<Body>) -> Answering;

    /// What most of its calls ask.
    fn engine(&self) -> &Engine;
}

/// Which versions of HTTP a port speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Versions {
    One,
    Two,
    OneAndTwo,
}

/// Serves a port until `stop` is done; then no new connection is taken, and the calls that are under way are waited for.
/// Sizes of headers, messages and streams are capped here, before a caller is identified.
pub(crate) async fn serve(root: impl Root, versions: Versions, mut port: Port, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = signal::channel(());
    let limits = root.engine().limits().clone();
    let memory = root.engine().memory().clone();
    let (entrance, homes) = (port.entrance().clone(), port.homes().clone());
    let server = Server { root, versions, limits, entrance, homes, stopped };
    let mut serving = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let arrived = tokio::select! {
            () = &mut stop => break,
            arrived = port.accept(&server.limits, &memory) => arrived,
        };
        while serving.try_join_next().is_some() {}
        let (standing, home) = (arrived.standing(), server.homes.find());
        let handle = home.handle.clone();
        let life = server.clone().connection(arrived, home);
        standing.carried_by(serving.spawn_on(life, &handle));
    }
    drop((port, server));
    drop(stopping);
    while serving.join_next().await.is_some() {}
}

/// What all connections of a port share.
#[derive(Clone)]
struct Server<R> {
    root: R,
    versions: Versions,
    limits: Arc<Limits>,
    entrance: Arc<Entrance>,
    homes: Homes,
    /// Its other end is dropped when it is time to stop.
    stopped: signal::Receiver<()>,
}

impl<R: Root> Server<R> {
    /// The life of a connection, from its arrival. It stays on its loop, which is told so by `_home`.
    async fn connection(self, arrived: Arrived, _home: Home) {
        let opened = tokio::select! {
            () = ended(self.stopped.clone()) => None,
            opened = arrived.open(&self.entrance, &self.limits) => opened,
        };
        let Some(connection) = opened else { return };
        let Self { root, versions, limits, homes, stopped, .. } = self;
        let peer = connection.peer.clone();
        let engine = root.engine().clone();
        let shared = homes.registry().unidentified(engine.memory());
        let usage = Usage::new(peer.clone(), &limits, engine.memory(), &shared);
        let (calls, watch) = (Calls::default(), Watch::new(usage.clone(), &limits, ended(stopped)));
        let builder = builder(&limits, versions, calls.clone());
        let wire: Corked<Connection> = Corked::new(connection);
        let served = builder
            .serve_connection(TokioIo::new(wire.clone()), Entry { root, peer, usage, limits, calls: calls.clone() });
        if let Some(Err(error)) = carry(served, &wire, &calls, &engine, watch).await {
            tracing::debug!(error, "a connection failed");
        }
    }
}

/// Done when the other end of the channel is dropped.
async fn ended(mut stopped: signal::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

impl<R: Root> Served for auto::Connection<'_, TokioIo<Corked<Connection>>, Entry<R>, Calls> {
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

/// A root on one connection.
struct Entry<R> {
    root: R,
    peer: Arc<Peer>,
    usage: Arc<Usage>,
    limits: Arc<Limits>,
    calls: Calls,
}

impl<R: Root> Service<Request<Incoming>> for Entry<R> {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = Reply;

    fn call(&self, request: Request<Incoming>) -> Reply {
        let is_grpc = is_grpc(&request);
        let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let call = match self.usage.open(headers) {
            Ok(call) => call,
            Err(reject) => return Reply::refused(&reject, is_grpc),
        };
        let mut request = Message::of(request, &self.usage, &self.limits).map(Body::new);
        request.extensions_mut().insert(self.peer.clone());
        let answering = self.root.answer(request);
        self.calls.announce(&answering);
        Reply::new(answering, call, is_grpc)
    }
}

#[cfg(test)]
mod tests;
