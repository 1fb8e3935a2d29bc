//! A port on a real socket with an endpoint that does as it is told, and clients that behave badly.

use std::{
    future::pending,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use h2::{
    RecvStream, SendStream,
    client::{self, SendRequest},
};
use model::{Budget, Limits, Plane};
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

use super::super::{Backend, Endpoint, Versions, serve};
use crate::{
    calls::{Admission, Answering, Delivery, Priority},
    connections::Registry,
    frame,
    listen::{Peer, Port},
    loops::Loops,
};

/// Calls of this path are answered when the test lets them.
pub(super) const WAIT: &str = "/wait";
/// Those of this one identify no caller.
pub(super) const STRANGE: &str = "/strange";
/// Those of this one get a reply of so many bytes.
pub(super) const LARGE: &str = "/large";
pub(super) const REPLY: usize = 1024 * 1024;
/// Those of these get a small reply or a large one that hands something over.
pub(super) const TASK: &str = "/task";
pub(super) const LARGE_TASK: &str = "/large-task";

/// Of this one the body of the request is the body of the reply, piece by piece.
pub(super) const ECHO: &str = "/echo";

/// Answers a message with a message.
#[derive(Clone)]
struct Answers {
    limits: Arc<Limits>,
    memory: Arc<Budget>,
    may_answer: Arc<Semaphore>,
    handed_over: Arc<HandedOver>,
}

/// How many replies that hand something over were written, and how many were lost.
#[derive(Default)]
pub(super) struct HandedOver {
    written: AtomicUsize,
    lost: AtomicUsize,
}

impl HandedOver {
    /// Those that were written, and those that were lost.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.written.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }
}

/// A task on its way.
struct Task {
    handed_over: Arc<HandedOver>,
    is_written: bool,
}

impl Delivery for Task {
    fn written(mut self: Box<Self>) {
        self.is_written = true;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let count = if self.is_written { &self.handed_over.written } else { &self.handed_over.lost };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a call was admitted by that may get a task.
#[derive(Default)]
struct Admitted(Mutex<Option<Box<dyn Delivery>>>);

impl Admission for Arc<Admitted> {
    fn step_aside(&self) {}

    fn take_delivery(&self) -> Option<Box<dyn Delivery>> {
        self.0.lock().unwrap().take()
    }
}

impl Endpoint for Answers {
    fn answer(&self, mut request: Request<Body>) -> Answering {
        if request.uri().path() == ECHO {
            return Answering::at_once(Response::new(request.into_body()));
        }
        let (may_answer, handed_over) = (self.may_answer.clone(), self.handed_over.clone());
        let admitted = Arc::new(Admitted::default());
        let admission = admitted.clone();
        let answering = Answering::new(Priority::Existing, async move {
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
                peer.identify();
            }
            if path == WAIT {
                let _ = may_answer.acquire().await.unwrap();
            }
            if path == TASK || path == LARGE_TASK {
                *admitted.0.lock().unwrap() = Some(Box::new(Task { handed_over, is_written: false }));
            }
            let length = if path == LARGE || path == LARGE_TASK { REPLY } else { 10 };
            Ok(frame::response(frame::encode(&"a".repeat(length))))
        });
        answering.admitted_by(admission)
    }

    fn backend(&self) -> &impl Backend {
        self
    }

    fn takes_stream(&self, path: &str) -> bool {
        path == ECHO
    }
}

impl Backend for Answers {
    fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    fn memory(&self) -> &Arc<Budget> {
        &self.memory
    }

    fn batch<T>(&self, calls: impl FnOnce() -> T) -> T {
        calls()
    }
}

/// A server with one port.
pub(super) struct World {
    pub(super) address: SocketAddr,
    pub(super) memory: Arc<Budget>,
    pub(super) registry: Arc<Registry>,
    pub(super) may_answer: Arc<Semaphore>,
    pub(super) handed_over: Arc<HandedOver>,
    stop: oneshot::Sender<()>,
    serving: JoinSet<()>,
    _loops: Loops,
}

impl World {
    pub(super) async fn new(limits: Limits, versions: Versions) -> Self {
        let (memory, limits) = (Budget::new(limits.memory), Arc::new(limits));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let loops = Loops::start(1).unwrap();
        let port = Port::new(listener, None, Plane::Data, loops.handles());
        let (may_answer, handed_over) = (Arc::new(Semaphore::new(0)), Arc::<HandedOver>::default());
        let endpoint = Answers {
            limits,
            memory: memory.clone(),
            may_answer: may_answer.clone(),
            handed_over: handed_over.clone(),
        };
        let (stop, stopped) = oneshot::channel();
        let mut serving = JoinSet::new();
        serving.spawn(serve(endpoint, versions, port, async { stopped.await.unwrap_or_default() }));
        let registry = loops.handles().registry().clone();
        Self { address, memory, registry, may_answer, handed_over, stop, serving, _loops: loops }
    }

    pub(super) fn held(&self) -> usize {
        self.memory.held()
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
    /// Sends more of the body.
    pub(super) fn send(&mut self, piece: &[u8]) {
        self.body.send_data(Bytes::copy_from_slice(piece), false).unwrap();
    }

    pub(super) fn end(&mut self, rest: &[u8]) {
        self.body.send_data(Bytes::copy_from_slice(rest), true).unwrap();
    }

    /// The gRPC status in the head of the answer, or 0 where the answer has a body; and that body.
    pub(super) async fn answer(self) -> (i32, RecvStream) {
        let response = self.response.await.unwrap();
        (code(&response), response.into_body())
    }

    /// The body of the answer, of which the head has come, while the request goes on.
    pub(super) async fn reply(&mut self) -> RecvStream {
        (&mut self.response).await.unwrap().into_body()
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
