//! A port on a real socket with a root that does as it is told, and clients that behave badly.

use std::{
    future::pending,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use auth::{Caller, Plane};
use bytes::Bytes;
use engine::{Answer, Class, Config, Engine, NamespaceRecord, Poll as Wait, Request as Asked, Stands};
use h2::{
    RecvStream, SendStream,
    client::{self, SendRequest},
};
use model::{Limits, QueueKey, QueueKind};
use proto::temporal::api::enums::v1::NamespaceState;
use store::MemoryStore;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
    task::JoinSet,
    time::timeout,
};
use tonic::{
    body::Body,
    codegen::http::{Request, Response},
};

use super::super::{Root, Versions, serve};
use crate::{
    calls::Answering,
    frame,
    listen::{Peer, Port, Registry},
    loops::Loops,
    turn::Turn,
};

/// Calls of this path are answered when the test lets them.
pub(super) const WAIT: &str = "/wait";
/// Those of this one identify no caller.
pub(super) const STRANGE: &str = "/strange";
/// Those of this one get a reply of so many bytes.
pub(super) const LARGE: &str = "/large";
pub(super) const REPLY: usize = 1024 * 1024;
/// Those of these poll for a task of the queue `queue`, and get a small reply or a large one that has it.
pub(super) const TASK: &str = "/task";
pub(super) const LARGE_TASK: &str = "/large-task";

/// Answers a message with a message.
#[derive(Clone)]
struct Answers {
    engine: Engine,
    may_answer: Arc<Semaphore>,
}

impl Root for Answers {
    fn answer(&self, mut request: Request<Body>) -> Answering {
        let (may_answer, engine) = (self.may_answer.clone(), self.engine.clone());
        let pass = Arc::new(engine.admit(Class::Poll, Stands::UntilTaken, None).unwrap());
        let let_in = pass.clone();
        let answering = Answering::new(Turn::MIDDLE, async move {
            let path = request.uri().path().to_owned();
            let peer = request.extensions().get::<Arc<Peer>>().unwrap().clone();
            let mut body = std::mem::take(request.body_mut());
            // As the library does it for a message that comes in pieces.
            loop {
                match std::future::poll_fn(|context| hyper::body::Body::poll_frame(Pin::new(&mut body), context)).await
                {
                    Some(Ok(_)) => {}
                    Some(Err(status)) => return Ok(status.into_http()),
                    None => break,
                }
            }
            if path != STRANGE {
                peer.made_a_request(&Caller::Anyone);
            }
            if path == WAIT {
                let _ = may_answer.acquire().await.unwrap();
            }
            if path == TASK || path == LARGE_TASK {
                let polled = engine.call_with(poll(&engine), &pass).await;
                assert!(matches!(polled, Ok(Answer::WorkflowTask(Some(_)))));
            }
            let length = if path == LARGE || path == LARGE_TASK { REPLY } else { 10 };
            Ok(frame::response(frame::encode(&"a".repeat(length))))
        });
        answering.let_in_by(let_in)
    }

    fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// The namespace of the tasks.
pub(super) fn namespace() -> NamespaceRecord {
    NamespaceRecord {
        id: uuid::Uuid::from_u128(1).as_bytes().to_vec(),
        name: "default".into(),
        state: NamespaceState::Registered.into(),
        ..NamespaceRecord::default()
    }
}

/// A poll for a task of the queue `queue`.
pub(super) fn poll(engine: &Engine) -> Asked {
    let namespace = Arc::new(namespace().snapshot());
    let poll = Wait {
        queue: QueueKey { namespace: namespace.id, kind: QueueKind::Workflow, name: "queue".into() },
        normal_name: String::new(),
        identity: "worker".into(),
        worker_version: Arc::default(),
        worker_instance_key: String::new(),
        deadline: engine.now() + Duration::from_secs(10),
        max_tasks_per_second: None,
    };
    Asked { namespace, call: engine::Call::PollWorkflowTask(poll) }
}

/// A server with one port.
pub(super) struct World {
    pub(super) address: SocketAddr,
    pub(super) engine: Engine,
    pub(super) registry: Arc<Registry>,
    pub(super) may_answer: Arc<Semaphore>,
    stop: oneshot::Sender<()>,
    serving: JoinSet<()>,
    _loops: Loops,
}

impl World {
    pub(super) async fn new(limits: Limits, versions: Versions) -> Self {
        let config = Config { shards: 1, limits: Arc::new(limits), address: String::new(), cached_runs: 10 };
        let engine = Engine::open(Arc::new(MemoryStore::new()), config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let loops = Loops::start(1).unwrap();
        let port = Port::new(listener, None, Plane::Data, loops.homes());
        let may_answer = Arc::new(Semaphore::new(0));
        let root = Answers { engine: engine.clone(), may_answer: may_answer.clone() };
        let (stop, stopped) = oneshot::channel();
        let mut serving = JoinSet::new();
        serving.spawn(serve(root, versions, port, async { stopped.await.unwrap_or_default() }));
        let registry = loops.homes().registry().clone();
        Self { address, engine, registry, may_answer, stop, serving, _loops: loops }
    }

    pub(super) fn held(&self) -> usize {
        self.engine.memory().held()
    }

    pub(super) async fn client(&self) -> Client {
        Client::connect(self.address, 65_535).await
    }

    /// A connection that says nothing, or what it is given to say.
    pub(super) async fn silent(&self, says: &[u8]) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut said = 0;
        while said < says.len() {
            stream.writable().await.unwrap();
            said += stream.try_write(&says[said..]).unwrap_or_default();
        }
        stream
    }

    /// Tells the server to end.
    pub(super) fn stop(self) -> Ending {
        let _ = self.stop.send(());
        Ending { serving: self.serving, _loops: self._loops }
    }
}

/// A server that was told to end.
pub(super) struct Ending {
    serving: JoinSet<()>,
    _loops: Loops,
}

impl Ending {
    pub(super) async fn ended(&mut self) {
        self.serving.join_next().await.unwrap().unwrap();
    }
}

/// Waits until something is so.
pub(super) async fn until(what: impl Fn() -> bool) {
    while !what() {
        let _ = timeout(Duration::from_millis(1), pending::<()>()).await;
    }
}

/// One connection, whose requests need not end and whose replies need not be read.
pub(super) struct Client {
    send: SendRequest<Bytes>,
    /// Reads and writes for it.
    pub(super) wire: JoinSet<()>,
}

impl Client {
    /// `window`: how much of each reply it takes before it reads it.
    pub(super) async fn connect(address: SocketAddr, window: u32) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut builder = client::Builder::new();
        builder.initial_window_size(window).initial_connection_window_size(1 << 30).initial_max_send_streams(100_000);
        let (send, connection) = builder.handshake(stream).await.unwrap();
        let mut wire = JoinSet::new();
        wire.spawn(async move {
            let _ = connection.await;
        });
        Self { send, wire }
    }

    /// Sends the head of a call, and the message's begin.
    pub(super) async fn begin(&mut self, path: &str, message: &[u8]) -> Call {
        let request = Request::post(format!("http://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap();
        std::future::poll_fn(|context| self.send.poll_ready(context)).await.unwrap();
        let (response, mut body) = self.send.send_request(request, false).unwrap();
        if !message.is_empty() {
            body.send_data(Bytes::copy_from_slice(message), false).unwrap();
        }
        Call { response, body }
    }

    /// Sends a whole call.
    pub(super) async fn call(&mut self, path: &str) -> Call {
        let mut call = self.begin(path, b"").await;
        call.end(b"\0\0\0\0\0");
        call
    }
}

/// A call that is under way.
pub(super) struct Call {
    response: client::ResponseFuture,
    body: SendStream<Bytes>,
}

impl Call {
    pub(super) fn end(&mut self, rest: &[u8]) {
        self.body.send_data(Bytes::copy_from_slice(rest), true).unwrap();
    }

    /// The gRPC status in the head of the answer, or 0 where the answer has a body; and that body.
    pub(super) async fn answer(self) -> (i32, RecvStream) {
        let response = self.response.await.unwrap();
        (code(&response), response.into_body())
    }

    /// The same, if it is there.
    pub(super) fn answered(&mut self) -> Option<i32> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match Pin::new(&mut self.response).poll(&mut context) {
            Poll::Ready(response) => Some(response.map_or(-1, |response| code(&response))),
            Poll::Pending => None,
        }
    }
}

fn code<B>(response: &Response<B>) -> i32 {
    let status = response.headers().get("grpc-status").map(|status| status.to_str().unwrap().parse().unwrap());
    status.unwrap_or_default()
}
