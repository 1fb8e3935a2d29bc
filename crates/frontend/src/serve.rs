//! HTTP on connections that are open: hyper alone, since what a call passes belongs to the doors and nothing to layers.
//!
//! The calls of a connection are carried on by the connection's own task. What comes together is put to the engine together,
//! and what is answered together goes out together: nobody is woken for it on another thread, and the lock of the node and
//! the system are asked once for all of it. Of waiting for the disk only what the engine knows to be short is done here.
//!
//! A client's deadline is not watched here. A call that waits knows it (`Client::deadline`), and a client that stops
//! waiting resets its stream, which drops the call.

use std::{
    convert::Infallible,
    future::poll_fn,
    io, mem,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use engine::Engine;
use futures_util::{FutureExt as _, stream::FuturesUnordered};
use hyper::{body::Incoming, rt::Executor, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use model::Limits;
use tokio::{io::AsyncWrite, task::JoinSet};
use tonic::{
    body::Body,
    codegen::{
        http::{Request, Response},
        tokio_stream::{Stream, StreamExt as _},
    },
};

use crate::{
    grpc::Answering,
    listen::{Connection, Corked, Peer},
};

/// Streams of one connection; more wait. The reference sets no limit.
const STREAMS: u32 = 100_000;
/// Flow-control windows, so that a large history is not sent in small steps.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// A silent connection is asked for a sign of life, and closed when none comes.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Calls of a connection that begin before others have a turn.
const AT_ONCE: usize = 256;

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
    let open = GracefulShutdown::new();
    let mut serving = JoinSet::new();
    take(connections, stop, |connection| {
        while serving.try_join_next().is_some() {}
        let (calls, engine, home) = (Calls::default(), root.engine().clone(), connection.home.handle.clone());
        let entry = Entry { root: root.clone(), peer: connection.peer.clone() };
        let builder = builder(limits, versions, calls.clone());
        let wire = Corked::new(connection);
        let served = builder.serve_connection(TokioIo::new(wire.clone()), entry);
        let served = open.watch(served.into_owned());
        let carried = async move {
            if let Err(error) = carry(served, &wire, &calls, &engine).await {
                tracing::debug!(error, "a connection failed");
            }
        };
        serving.spawn_on(carried, &home);
    })
    .await;
    open.shutdown().await;
}

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where hyper puts the calls that come on a connection.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<Call>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Calls {
    /// A panic ends the one call and not the others, and was told of when it came.
    fn execute(&self, call: F) {
        let call = AssertUnwindSafe(call).catch_unwind().map(drop);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(call));
    }
}

impl Calls {
    /// The first of those that have come, and whether there are more.
    fn take(&self) -> (Vec<Call>, bool) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() <= AT_ONCE {
            return (mem::take(&mut *calls), false);
        }
        (calls.drain(..AT_ONCE).collect(), true)
    }
}

/// Serves a connection and carries on its calls until it ends; what is not answered by then is given up.
async fn carry<S, W>(served: S, wire: &Corked<W>, calls: &Calls, engine: &Engine) -> S::Output
where
    S: Future,
    W: AsyncWrite + Unpin,
{
    let mut served = pin!(served);
    let mut going = FuturesUnordered::new();
    // Reads what has come, and writes what is there to go.
    let mut exchange = |context: &mut Context<'_>| {
        let end = served.as_mut().poll(context);
        wire.release(context);
        end
    };
    poll_fn(|context| {
        loop {
            if let Poll::Ready(end) = exchange(context) {
                return Poll::Ready(end);
            }
            let (begin, has_more) = calls.take();
            going.extend(begin);
            let mut ended = 0;
            let written = engine.together(|| {
                ended = go_on(&mut going, context);
                // What is answered does not wait for what is asked.
                if ended > 0 { exchange(context) } else { Poll::Pending }
            });
            if written.is_ready() {
                return written;
            }
            ended += go_on(&mut going, context);
            if has_more {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if ended == 0 {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// Polls the calls that can go on; how many of them have ended.
fn go_on(calls: &mut FuturesUnordered<Call>, context: &mut Context<'_>) -> usize {
    let mut ended = 0;
    while let Poll::Ready(Some(())) = Pin::new(&mut *calls).poll_next(context) {
        ended += 1;
    }
    ended
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

#[cfg(test)]
mod tests {
    use std::{future::pending, task::Waker};

    use engine::{Answer, Call as Asked, Config, Poll as Wait, Request as Question};
    use model::{Namespace, NamespaceId, QueueKey, QueueKind, Time};
    use proto::temporal::api::enums::v1::NamespaceState;
    use store::MemoryStore;
    use tokio::io::sink;

    use super::*;

    /// A poll that has no time to wait, which is answered as soon as the node hears of it.
    fn question() -> Question {
        let namespace = Namespace {
            id: NamespaceId::default(),
            name: "bank".into(),
            state: NamespaceState::Registered,
            retention: Duration::ZERO,
            search_attributes: Arc::default(),
        };
        let queue = QueueKey { namespace: namespace.id, kind: QueueKind::Activity, name: "queue".into() };
        let poll = Wait {
            queue,
            normal_name: String::new(),
            identity: String::new(),
            worker_version: None,
            worker_instance_key: String::new(),
            deadline: Time::ZERO,
            max_tasks_per_second: None,
        };
        Question { namespace: Arc::new(namespace), call: Asked::PollActivityTask(poll) }
    }

    #[tokio::test]
    async fn calls_that_come_together_are_asked_before_one_is_answered() {
        const MANY: usize = AT_ONCE + 2;
        let config = Config { shards: 1, limits: Arc::default(), address: String::new(), cached_runs: 50 };
        let engine = Engine::open(Arc::new(MemoryStore::default()), config).unwrap();
        let (calls, told) = (Calls::default(), Arc::new(Mutex::new(Vec::new())));
        for number in 0..MANY {
            let (engine, told) = (engine.clone(), told.clone());
            calls.execute(async move {
                told.lock().unwrap().push(("asked", number));
                assert!(matches!(engine.call(question()).await, Ok(Answer::ActivityTask(None))));
                told.lock().unwrap().push(("answered", number));
            });
        }
        let is_done = || told.lock().unwrap().len() == 2 * MANY;
        let served = poll_fn(|_| if is_done() { Poll::Ready(()) } else { Poll::Pending });
        carry(served, &Corked::new(sink()), &calls, &engine).await;
        let told = told.lock().unwrap();
        let first = told.iter().position(|(what, _)| *what == "answered").unwrap();
        assert_eq!(first, AT_ONCE, "so many begin together, and others have a turn before the rest");
    }

    #[test]
    fn a_panic_ends_one_call_and_not_the_others() {
        let calls = Calls::default();
        calls.execute(async { panic!("a call panics, as the test wants it") });
        calls.execute(async {});
        calls.execute(pending());
        let mut going: FuturesUnordered<_> = calls.take().0.into_iter().collect();
        assert_eq!(go_on(&mut going, &mut Context::from_waker(Waker::noop())), 2);
        assert_eq!(going.len(), 1);
    }
}
