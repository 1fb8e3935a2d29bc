//! HTTP on connections that are open: hyper alone, since what a call passes belongs to the doors and nothing to layers.
//!
//! A client's deadline is not watched here. A call that waits knows it (`Client::deadline`), and a client that stops
//! waiting resets its stream, which drops the call.

use std::{convert::Infallible, io, pin::pin, sync::Arc, time::Duration};

use hyper::{body::Incoming, service::Service};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use model::Limits;
use tokio::task::JoinSet;
use tonic::{
    body::Body,
    codegen::{
        http::{Request, Response},
        tokio_stream::{Stream, StreamExt as _},
    },
};

use crate::{
    grpc::Answering,
    listen::{Connection, Peer},
};

/// Streams of one connection; more wait. The reference sets no limit.
const STREAMS: u32 = 100_000;
/// Flow-control windows, so that a large history is not sent in small steps.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// A silent connection is asked for a sign of life, and closed when none comes.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// All that answers on a port.
pub(crate) trait Root: Clone + Send + Sync + 'static {
    /// Answers a call. The peer is among the request's extensions.
    fn answer(&self, request: Request<Body>) -> Answering;
}

/// Which versions of HTTP a port speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Versions {
    Two,
    OneAndTwo,
}

/// Serves connections until `stop` is done; then no new connection is taken, and the calls that are under way are waited
/// for. Sizes of headers and streams are capped here, before anybody is identified.
pub(crate) async fn serve(
    root: impl Root,
    limits: &Limits,
    versions: Versions,
    connections: impl Stream<Item = io::Result<Connection>>,
    stop: impl Future<Output = ()>,
) {
    let builder = builder(limits, versions);
    let open = GracefulShutdown::new();
    let mut serving = JoinSet::new();
    take(connections, stop, |connection| {
        while serving.try_join_next().is_some() {}
        let entry = Entry { root: root.clone(), peer: connection.peer.clone() };
        let served = builder.serve_connection(TokioIo::new(connection), entry);
        let served = open.watch(served.into_owned());
        serving.spawn(async move {
            if let Err(error) = served.await {
                tracing::debug!(error, "a connection failed");
            }
        });
    })
    .await;
    open.shutdown().await;
}

/// Hands on connections until `stop` is done; that nobody takes them any more shows in the stream being gone.
async fn take(
    connections: impl Stream<Item = io::Result<Connection>>,
    stop: impl Future<Output = ()>,
    mut each: impl FnMut(Connection),
) {
    let (mut connections, mut stop) = (pin!(connections), pin!(stop));
    loop {
        tokio::select! {
            () = &mut stop => return,
            next = connections.next() => match next {
                Some(Ok(connection)) => each(connection),
                Some(Err(error)) => tracing::debug!(%error, "a connection failed to open"),
                None => return,
            },
        }
    }
}

fn builder(limits: &Limits, versions: Versions) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.header_size)
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS);
    // A request whose head does not come to its end is given up after hyper's half minute.
    builder.http1().timer(TokioTimer::new());
    match versions {
        Versions::Two => builder.http2_only(),
        Versions::OneAndTwo => builder,
    }
}

/// A root on one connection.
struct Entry<R> {
    root: R,
    peer: Arc<Peer>,
}

impl<R: Root> Service<Request<Incoming>> for Entry<R> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.peer.clone());
        self.root.answer(request)
    }
}
