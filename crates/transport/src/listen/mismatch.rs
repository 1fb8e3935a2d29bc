//! Protocol mismatch: what a client is told that came without TLS to a port with TLS, or the other way round.
//!
//! Plain text on a TLS port is answered as what it is: HTTP/2 calls of gRPC get a status whose text every SDK shows,
//! other requests a page. TLS on a plain port gets one HTTP/1 answer in plain text. That is deliberate: an alert has no
//! words for this case, while TLS libraries name plain text for what it is ("first record does not look like a TLS
//! handshake"), and the words are there for a person who looks at the bytes.

use std::{convert::Infallible, io};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONNECTION, CONTENT_TYPE, HeaderValue},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::Code;

/// Text of a call without TLS on a port with TLS.
pub const SPEAK_TLS: &str = "this port speaks TLS, and the client does not: switch TLS on in the client";
/// Text of a call with TLS on a port without.
pub const SPEAK_PLAIN: &str = "this port speaks plain text, and the client speaks TLS: switch TLS off in the client";

/// Bytes of a TLS client's first flight that are read, so that the answer is not lost with a reset.
const FLIGHT: usize = 16 * 1024;
/// Streams that a connection of the wrong protocol may have.
const STREAMS: u32 = 8;
/// Bytes of headers that such a connection may send.
const HEADERS: u32 = 64 * 1024;

/// Answers requests in plain text, until the client goes or its time is over.
pub(super) async fn tell_plain(stream: TcpStream) {
    let answer = service_fn(|request: Request<Incoming>| {
        let response = tls_is_needed(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(STREAMS).max_header_list_size(HEADERS);
    builder.http1().keep_alive(false);
    // A client that goes away in the middle has heard enough.
    let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
}

fn tls_is_needed<B>(request: &Request<B>) -> Response<Full<Bytes>> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let headers_only = kind.starts_with("application/grpc");
    let mut response = Response::new(Full::default());
    let headers = response.headers_mut();
    if headers_only {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(Code::FailedPrecondition as i32));
        headers.insert("grpc-message", HeaderValue::from_static(SPEAK_TLS));
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if request.version() < hyper::Version::HTTP_2 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        *response.status_mut() = StatusCode::BAD_REQUEST;
        *response.body_mut() = Full::from(format!("{SPEAK_TLS}\n"));
    }
    response
}

/// Answers a ClientHello.
pub(super) async fn tell_tls(mut stream: TcpStream) -> io::Result<()> {
    let mut flight = vec![0; FLIGHT];
    let _ = stream.read(&mut flight).await?;
    let text = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{SPEAK_PLAIN}\n",
        SPEAK_PLAIN.len() + 1
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    // Until the client closes too: a reset would take the answer away from it.
    while stream.read(&mut flight).await? > 0 {}
    Ok(())
}
