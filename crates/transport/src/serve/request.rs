//! The body of a request as it comes: room is made for a message before the rest of it is read, and one that comes no
//! further is given up. A stream is handed on as it comes.
//!
//! Nearly all messages are there when they are first looked for, and cost nothing here.

use std::{
    future::{Future as _, Pending, pending},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Request,
    body::{Body, Frame, Incoming, SizeHint},
    header::CONTENT_TYPE,
};
use model::{Kind, Limits, Reject};
use tokio::time::{Timeout, timeout};
use tonic::Status;

use super::usage::{Unfinished, Usage};
use crate::{
    frame::PREFIX,
    status::{broken, to_status},
};

/// For all of a message, as a multiple of how long it may come no further.
const WHOLE: u32 = 10;

/// What can be awaited beside something else.
pub(super) type Timer = Pin<Box<Timeout<Pending<()>>>>;

pub(super) fn timer(duration: Duration) -> Timer {
    Box::pin(timeout(duration, pending()))
}

/// Whether a request is a call of gRPC.
pub(super) fn is_grpc<B>(request: &Request<B>) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes());
    kind.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

/// The body of a request.
pub(super) struct Message<B> {
    body: B,
    usage: Arc<Usage>,
    is_grpc: bool,
    /// It has no end that is waited for.
    is_stream: bool,
    /// Largest message that is taken, in bytes.
    most: usize,
    /// Without anything coming.
    patience: Duration,
    /// Bytes that have come, and those that are to come in all as far as is known.
    come: usize,
    declared: usize,
    /// What has come and is not handed on until there is room for the rest.
    piece: Option<Bytes>,
    waiting: Option<Waiting>,
}

/// What is kept of a message that did not come at once.
struct Waiting {
    unfinished: Unfinished,
    stall: Option<Timer>,
    /// Of a message of which something has come.
    whole: Option<Timer>,
}

impl Message<Incoming> {
    pub(super) fn of(
        request: Request<Incoming>,
        usage: &Arc<Usage>,
        limits: &Limits,
        is_stream: bool,
    ) -> Request<Self> {
        let is_grpc = is_grpc(&request);
        request.map(|body| Self { is_stream, ..Self::new(body, usage.clone(), is_grpc, limits) })
    }
}

impl<B: Body<Data = Bytes> + Unpin> Message<B> {
    fn new(body: B, usage: Arc<Usage>, is_grpc: bool, limits: &Limits) -> Self {
        Self {
            body,
            usage,
            is_grpc,
            is_stream: false,
            most: limits.message_size.saturating_add(PREFIX),
            patience: limits.request_time,
            come: 0,
            declared: 0,
            piece: None,
            waiting: None,
        }
    }

    /// Notes what has come, and of gRPC what the first bytes say of the rest.
    fn came(&mut self, data: &Bytes) {
        if self.come == 0 {
            let rest = self.body.size_hint().exact().map(|rest| usize::try_from(rest).unwrap_or(usize::MAX));
            self.declared = rest.map_or(0, |rest| rest.saturating_add(data.len()));
            if self.is_grpc
                && let Some(([_, length @ ..], _)) = data.split_first_chunk::<PREFIX>()
            {
                self.declared = self.declared.max(PREFIX + u32::from_be_bytes(*length) as usize);
            }
            // More than is taken is never read.
            self.declared = self.declared.min(self.most);
        }
        self.come = self.come.saturating_add(data.len());
    }

    /// Hands on the piece that is there when there is room for it and what follows it.
    fn hand_on(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // What is whole is used at once, and so is what comes of a stream.
        if !self.is_stream && self.come != self.declared && !self.body.is_end_stream() {
            let bytes = self.come.max(self.declared);
            match self.poll_room(bytes, context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(reject)) => return Poll::Ready(Some(Err(self.fail(&reject)))),
                Poll::Pending => return self.give_up_in_time(context),
            }
        }
        Poll::Ready(self.piece.take().map(|piece| Ok(Frame::data(piece))))
    }

    fn poll_room(&mut self, bytes: usize, context: &mut Context<'_>) -> Poll<Result<(), Reject>> {
        match self.waiting() {
            Ok(waiting) => waiting.unfinished.poll_room(bytes, context),
            Err(reject) => Poll::Ready(Err(reject)),
        }
    }

    fn waiting(&mut self) -> Result<&mut Waiting, Reject> {
        if self.waiting.is_none() {
            let unfinished = Unfinished::begin(&self.usage)?;
            self.waiting = Some(Waiting { unfinished, stall: None, whole: None });
        }
        self.waiting.as_mut().ok_or_else(|| Reject::internal("a message that waits does not"))
    }

    /// Waits for more, unless that took too long.
    fn give_up_in_time(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let (patience, has_come, is_stream) = (self.patience, self.come > 0, self.is_stream);
        let waiting = match self.waiting() {
            Ok(waiting) => waiting,
            Err(reject) => return Poll::Ready(Some(Err(self.fail(&reject)))),
        };
        if is_stream {
            return Poll::Pending;
        }
        let mut is_over = waiting.stall.get_or_insert_with(|| timer(patience)).as_mut().poll(context).is_ready();
        if has_come {
            let whole = waiting.whole.get_or_insert_with(|| timer(patience.saturating_mul(WHOLE)));
            is_over |= whole.as_mut().poll(context).is_ready();
        }
        if !is_over {
            return Poll::Pending;
        }
        let text = "the request did not come to its end in time";
        Poll::Ready(Some(Err(self.fail(&Reject::new(Kind::DeadlineExceeded, text)))))
    }

    /// Nothing is kept of a message that will not be read.
    fn fail(&mut self, reject: &Reject) -> Status {
        (self.piece, self.waiting) = (None, None);
        to_status(reject)
    }
}

impl<B> Body for Message<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let message = self.get_mut();
        if message.piece.is_some() {
            return message.hand_on(context);
        }
        let frame = match Pin::new(&mut message.body).poll_frame(context) {
            Poll::Ready(Some(frame)) => frame,
            Poll::Ready(None) => {
                message.waiting = None;
                return Poll::Ready(None);
            }
            Poll::Pending => return message.give_up_in_time(context),
        };
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => {
                message.came(&data);
                if let Some(waiting) = &mut message.waiting {
                    waiting.stall = None;
                }
                message.piece = Some(data);
                message.hand_on(context)
            }
            Ok(Err(trailers)) => Poll::Ready(Some(Ok(trailers))),
            Err(error) => {
                message.waiting = None;
                Poll::Ready(Some(Err(broken(error))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.piece.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
