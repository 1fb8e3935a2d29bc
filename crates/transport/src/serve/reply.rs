//! The reply to a request on its way out: it counts until its client has taken it, and one for which there is no room is
//! not sent.

use std::{
    convert::Infallible,
    future::Future,
    io::IoSlice,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use hyper::{
    Response,
    body::{Body, Frame, SizeHint},
    header::{CONTENT_TYPE, HeaderValue},
};
use model::Reject;
use tonic::Status;

use super::usage::{OpenCall, Unread};
use crate::{
    calls::{Answering, Delivery},
    status::{http_status, to_status},
};

/// The answer to a request.
pub(super) struct Reply {
    answering: Answering,
    call: Option<OpenCall>,
    has_begun: bool,
    is_grpc: bool,
}

impl Reply {
    pub(super) fn new(answering: Answering, call: OpenCall, is_grpc: bool) -> Self {
        Self { answering, call: Some(call), has_begun: false, is_grpc }
    }

    /// The answer to a request that is not carried out.
    pub(super) fn refused(reject: &Reject, is_grpc: bool) -> Self {
        let response = refusal(reject, is_grpc);
        Self { answering: Answering::at_once(response), call: None, has_begun: true, is_grpc }
    }
}

/// A refusal in the words of its client's protocol.
fn refusal(reject: &Reject, is_grpc: bool) -> Response<tonic::body::Body> {
    let status = to_status(reject);
    if is_grpc {
        return status.into_http();
    }
    let text = format!("{}\n", status.message());
    let mut response = Response::new(tonic::body::Body::new(http_body_util::Full::from(text)));
    *response.status_mut() = http_status(status.code());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

impl Future for Reply {
    type Output = Result<Response<Outgoing>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = self.get_mut();
        if let Some(call) = &mut reply.call
            && !reply.has_begun
        {
            let Poll::Ready(begins) = call.poll_begin(context) else {
                reply.answering.step_aside();
                return Poll::Pending;
            };
            if let Err(reject) = begins {
                let response = refusal(&reject, reply.is_grpc);
                return Poll::Ready(Ok(Outgoing::of(response, reply.call.take(), None, reply.is_grpc, context)));
            }
            reply.has_begun = true;
        }
        let Ok(response) = ready!(Pin::new(&mut reply.answering).poll(context));
        let delivery = reply.answering.take_delivery();
        Poll::Ready(Ok(Outgoing::of(response, reply.call.take(), delivery, reply.is_grpc, context)))
    }
}

/// The body of a response.
pub(super) struct Outgoing {
    body: tonic::body::Body,
    /// What was taken from the body to see whether there is room for it.
    first: Option<Frame<Chunk>>,
    call: Option<OpenCall>,
    /// What it hands over to the caller, until a piece of it takes that along.
    delivery: Option<Box<dyn Delivery>>,
}

impl Outgoing {
    fn of(
        response: Response<tonic::body::Body>,
        call: Option<OpenCall>,
        mut delivery: Option<Box<dyn Delivery>>,
        is_grpc: bool,
        context: &mut Context<'_>,
    ) -> Response<Self> {
        let (head, mut body) = response.into_parts();
        let Some(mut call) = call else {
            return Response::from_parts(head, Self { body, first: None, call: None, delivery });
        };
        call.answered();
        // A body that is there already is mostly in one piece. Of any other the pieces count as they come.
        let first = match Pin::new(&mut body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(status))) => return Self::of(status.into_http(), None, None, is_grpc, context),
            Poll::Ready(None) => return Response::from_parts(head, Self { body, first: None, call: None, delivery }),
            Poll::Pending => {
                return Response::from_parts(head, Self { body, first: None, call: Some(call), delivery });
            }
        };
        let first = match first.into_data() {
            Ok(data) => match call.usage().reply(data.len()) {
                Some(unread) => Frame::data(Chunk::new(data, Some(unread), delivery.take())),
                None => {
                    drop((data, body));
                    let reject = call.usage().too_many_replies();
                    return Self::of(refusal(&reject, is_grpc), None, None, is_grpc, context);
                }
            },
            Err(frame) => frame.map_data(|data| Chunk::new(data, None, None)),
        };
        Response::from_parts(head, Self { body, first: Some(first), call: Some(call), delivery })
    }
}

impl Body for Outgoing {
    type Data = Chunk;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Chunk>, Status>>> {
        let outgoing = self.get_mut();
        if let Some(first) = outgoing.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let frame = ready!(Pin::new(&mut outgoing.body).poll_frame(context));
        let counted = |data: Bytes| {
            let unread = outgoing.call.as_ref().map(|call| call.usage().force_reply(data.len()));
            Chunk::new(data, unread, outgoing.delivery.take())
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(counted))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let Some(first) = &self.first else { return self.body.size_hint() };
        let first = first.data_ref().map_or(0, |chunk| chunk.remaining() as u64);
        let mut hint = self.body.size_hint();
        if let Some(most) = hint.upper() {
            hint.set_upper(most + first);
        }
        hint.set_lower(hint.lower() + first);
        hint
    }
}

/// A piece of a reply, which counts until the library that sends it has let go of it. The library moves it about often, so
/// it is small.
pub(super) struct Chunk(Box<Piece>);

struct Piece {
    data: Bytes,
    unread: Option<Unread>,
    /// What it hands over. Where it is dropped before it has gone out, the caller has not got it.
    delivery: Option<Box<dyn Delivery>>,
}

impl Chunk {
    fn new(data: Bytes, unread: Option<Unread>, delivery: Option<Box<dyn Delivery>>) -> Self {
        Self(Box::new(Piece { data, unread, delivery }))
    }

    /// So many bytes were taken to be sent.
    fn went(&mut self, bytes: usize) {
        let Piece { data, unread, delivery } = &mut *self.0;
        if let Some(unread) = unread {
            unread.went(bytes);
            if data.is_empty()
                && let Some(delivery) = delivery.take()
            {
                unread.delivers(delivery);
            }
        }
    }
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        self.0.data.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.0.data.chunk()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.0.data.chunks_vectored(slices)
    }

    fn advance(&mut self, bytes: usize) {
        self.0.data.advance(bytes);
        self.went(bytes);
    }

    fn copy_to_bytes(&mut self, bytes: usize) -> Bytes {
        let copied = self.0.data.copy_to_bytes(bytes);
        self.went(bytes);
        copied
    }
}
