//! Messages as they nearly always come and go: whole, in one piece, not compressed. What comes otherwise is left to the
//! library, which reads a message from any pieces.

use std::mem;

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::Frame;
use tonic::{
    Status,
    body::Body,
    codegen::{
        http::{HeaderMap, HeaderValue, Request, Response, header::CONTENT_TYPE},
        tokio_stream::{StreamExt as _, iter},
    },
};

use crate::{codec::Reply, headers, status::too_large};

/// Bytes before a message: whether it is compressed, and its length.
pub const PREFIX: usize = 5;

/// The message of a request that came as they nearly always do and has at most `limit` bytes; from any other request
/// nothing is taken.
pub async fn take_message(request: &mut Request<Body>, limit: usize) -> Option<Bytes> {
    if headers::encoding(request.headers()).is_some() {
        return None;
    }
    let body = request.body_mut();
    let mut message = None;
    while let Some(piece) = body.frame().await {
        let odd = match piece.map(Frame::into_data) {
            Ok(Ok(data)) if data.is_empty() => continue,
            Ok(Ok(data)) if message.is_none() && is_whole(&data, limit) => {
                message = Some(data);
                continue;
            }
            Ok(Ok(data)) => Ok(Frame::data(data)),
            Ok(Err(trailers)) => Ok(trailers),
            Err(status) => Err(status),
        };
        let taken = message.map(|data| Ok(Frame::data(data))).into_iter().chain([odd]);
        *body = Body::new(StreamBody::new(iter(taken).chain(BodyStream::new(mem::take(body)))));
        return None;
    }
    message.map(|data| data.slice(PREFIX..))
}

/// Whether a piece of a body is a message, and neither more nor less.
fn is_whole(data: &[u8], limit: usize) -> bool {
    let Some(([0, length @ ..], message)) = data.split_first_chunk::<PREFIX>() else { return false };
    message.len() <= limit && u32::from_be_bytes(*length) as usize == message.len()
}

/// A message in its frame.
pub fn encode(reply: &impl Reply) -> Bytes {
    let length = reply.length();
    let mut message = BytesMut::with_capacity(PREFIX + length);
    message.put_u8(0);
    // What doesn't fit is larger than any reply may be, and is not sent.
    message.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    reply.write(&mut message);
    message.freeze()
}

/// A message in its frame, if it has at most `limit` bytes without it.
///
/// # Errors
/// `ResourceExhausted`, in the reference's words.
pub fn within(message: Bytes, limit: usize) -> Result<Bytes, Status> {
    match message.len() - PREFIX {
        length if length <= limit => Ok(message),
        length => Err(too_large(format!("trying to send message larger than max ({length} vs. {limit})"))),
    }
}

/// A response with a message in its frame.
pub fn response(message: Bytes) -> Response<Body> {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Frame::data(message), Frame::trailers(trailers)];
    let mut response = Response::new(Body::new(StreamBody::new(iter(frames.map(Ok::<_, Status>)))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(pieces: Vec<Frame<Bytes>>) -> Request<Body> {
        Request::new(Body::new(StreamBody::new(iter(pieces.into_iter().map(Ok::<_, Status>)))))
    }

    fn data(bytes: &'static [u8]) -> Frame<Bytes> {
        Frame::data(Bytes::from_static(bytes))
    }

    async fn rest(request: Request<Body>) -> Vec<u8> {
        request.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    #[tokio::test]
    async fn a_message_in_one_piece_is_taken() {
        for pieces in [vec![data(b"\0\0\0\0\x03abc")], vec![data(b""), data(b"\0\0\0\0\x03abc"), data(b"")]] {
            let mut request = request(pieces);
            assert_eq!(take_message(&mut request, 3).await.as_deref(), Some(&b"abc"[..]));
        }
        let mut empty = request(vec![data(b"\0\0\0\0\0")]);
        assert_eq!(take_message(&mut empty, 3).await.as_deref(), Some(&b""[..]));
    }

    #[tokio::test]
    async fn of_any_other_request_nothing_is_taken() {
        let rows: [&[&'static [u8]]; 8] = [
            &[],
            &[b"\0\0\0"],
            &[b"\0\0\0\0\x03ab"],
            &[b"\0\0\0\0\x03ab", b"c"],
            &[b"\0\0\0\0\x03abcd"],
            &[b"\0\0\0\0\x04abcd"],
            &[b"\x01\0\0\0\x03abc"],
            &[b"\0\0\0\0\x03abc", b"\0\0\0\0\x01d"],
        ];
        for row in rows {
            let mut request = request(row.iter().map(|piece| data(piece)).collect());
            assert_eq!(take_message(&mut request, 3).await, None, "{row:?}");
            assert_eq!(rest(request).await, row.concat(), "{row:?}");
        }
        let mut compressed = request(vec![data(b"\0\0\0\0\x03abc")]);
        compressed.headers_mut().insert("grpc-encoding", HeaderValue::from_static("gzip"));
        assert_eq!(take_message(&mut compressed, 3).await, None);
        assert_eq!(rest(compressed).await, b"\0\0\0\0\x03abc");
    }

    #[tokio::test]
    async fn a_request_that_breaks_off_still_does() {
        let broken = [Ok(data(b"\0\0\0\0\x03abc")), Err(Status::cancelled("gone"))];
        let mut request = Request::new(Body::new(StreamBody::new(iter(broken))));
        assert_eq!(take_message(&mut request, 3).await, None);
        let mut body = request.into_body();
        assert!(body.frame().await.is_some_and(|piece| piece.is_ok()));
        assert!(body.frame().await.is_some_and(|piece| piece.is_err()));
    }

    #[tokio::test]
    async fn a_response_is_its_message_and_a_status() {
        let reply = encode(&"abc".to_owned());
        let collected = response(reply).into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap().get("grpc-status").unwrap(), "0");
        assert_eq!(collected.to_bytes(), &b"\0\0\0\0\x05\x0a\x03abc"[..]);
        let reply = || encode(&"abc".to_owned());
        assert_eq!(within(reply(), 5).unwrap(), reply());
        assert_eq!(within(reply(), 4).unwrap_err().message(), "trying to send message larger than max (5 vs. 4)");
    }
}
