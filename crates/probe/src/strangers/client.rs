//! A client over HTTP/2 that need not end its requests, and need not read.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::{
    SendStream,
    client::{self, ResponseFuture, SendRequest},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    task::JoinSet,
};
use tonic::codegen::http::Request;

use crate::Fault;

/// Streams that it begins before it knows how many it may.
const STREAMS: usize = 200_000;
/// How much of all replies it takes before it has read any.
const WINDOW: u32 = (1 << 31) - 1;

/// One connection.
pub(super) struct Client {
    send: SendRequest<Bytes>,
    is_deaf: Arc<AtomicBool>,
    _wire: JoinSet<()>,
}

/// A call that was begun. Dropped, it is taken back.
pub(super) struct Begun {
    _response: ResponseFuture,
    _body: SendStream<Bytes>,
}

impl Client {
    /// `window`: how much of each reply the client lets come; it takes none of it.
    pub(super) async fn connect(port: u16, window: Option<u32>) -> Result<Self, Fault> {
        let is_deaf = Arc::new(AtomicBool::new(false));
        let wire = MaybeDeaf { stream: TcpStream::connect(("127.0.0.1", port)).await?, is_deaf: is_deaf.clone() };
        let mut builder = client::Builder::new();
        builder
            .initial_window_size(window.unwrap_or(WINDOW))
            .initial_connection_window_size(WINDOW)
            .initial_max_send_streams(STREAMS);
        let (send, connection) = builder.handshake(wire).await?;
        let mut wire = JoinSet::new();
        wire.spawn(async move {
            // How the server ends the connection is seen elsewhere.
            let _ = connection.await;
        });
        Ok(Self { send, is_deaf, _wire: wire })
    }

    /// Reads nothing from now on.
    pub(super) fn turn_deaf(&self) {
        self.is_deaf.store(true, Ordering::Relaxed);
    }

    /// Begins a call: its head, and what of its message is given.
    pub(super) async fn begin(&mut self, path: &str, message: Bytes, ends: bool) -> Result<Begun, Fault> {
        let request = Request::post(format!("http://127.0.0.1{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        poll_fn(|context| self.send.poll_ready(context)).await?;
        let (response, mut body) = self.send.send_request(request, false)?;
        if !message.is_empty() {
            body.send_data(message, ends)?;
        }
        Ok(Begun { _response: response, _body: body })
    }
}

/// A socket whose other end is not listened to any more, if so wished.
struct MaybeDeaf {
    stream: TcpStream,
    is_deaf: Arc<AtomicBool>,
}

impl AsyncRead for MaybeDeaf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_deaf.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for MaybeDeaf {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
