//! A connection that is being served: its calls, carried on by its own task, and its end.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use futures_util::stream::FuturesUnordered;
use tokio::io::AsyncWrite;
use tonic::codegen::tokio_stream::Stream as _;

use super::{
    Backend,
    usage::Usage,
    watch::{Verdict, Watch},
};
use crate::{
    calls::{Call, Calls},
    listen::Coalesced,
};

/// A connection in the hands of the library that reads and writes it.
pub(super) trait Served: Future {
    /// Takes no new calls, and ends when those that came are answered.
    fn shut(self: Pin<&mut Self>);
}

/// A connection and its wire.
struct Exchange<'a, S, W> {
    served: Pin<&'a mut S>,
    wire: &'a Coalesced<W>,
    calls: &'a Calls,
    usage: &'a Usage,
}

impl<S: Served, W: AsyncWrite + Unpin> Exchange<'_, S, W> {
    /// Reads what has come, and writes what is there to go.
    fn read_and_write(&mut self, context: &mut Context<'_>) -> Poll<S::Output> {
        // What has come and not begun goes first.
        if !self.calls.is_full() {
            self.wire.allow();
        }
        let end = self.served.as_mut().poll(context);
        if self.wire.release(context) && end.is_pending() {
            self.usage.all_went();
        }
        end
    }
}

/// Serves a connection and carries on its calls until it ends; what is not answered by then is given up. `None`: it was
/// cut off.
pub(super) async fn carry<S: Served, W: AsyncWrite + Unpin>(
    served: S,
    wire: &Coalesced<W>,
    calls: &Calls,
    backend: &impl Backend,
    mut watch: Watch,
) -> Option<S::Output> {
    let usage = watch.usage().clone();
    let mut exchange = Exchange { served: pin!(served), wire, calls, usage: &usage };
    let mut going = FuturesUnordered::new();
    poll_fn(|context| {
        let now = run_ready(&mut exchange, &mut going, backend, context);
        if now.is_ready() {
            return now.map(Some);
        }
        match watch.poll(wire.traffic(), wire.is_blocked(), context) {
            Verdict::Serve => {}
            Verdict::Shut => {
                exchange.served.as_mut().shut();
                context.waker().wake_by_ref();
            }
            Verdict::Cut => return Poll::Ready(None),
        }
        Poll::Pending
    })
    .await
}

/// Lets everything go on that can.
fn run_ready<S: Served, W: AsyncWrite + Unpin>(
    exchange: &mut Exchange<'_, S, W>,
    going: &mut FuturesUnordered<Call>,
    backend: &impl Backend,
    context: &mut Context<'_>,
) -> Poll<S::Output> {
    loop {
        if let Poll::Ready(end) = exchange.read_and_write(context) {
            return Poll::Ready(end);
        }
        let (begin, has_more) = exchange.calls.take();
        going.extend(begin);
        let mut ended = 0;
        let written = backend.batch(|| {
            ended = poll_ready(going, context);
            // What is answered does not wait for what is asked.
            if ended > 0 { exchange.read_and_write(context) } else { Poll::Pending }
        });
        if written.is_ready() {
            return written;
        }
        ended += poll_ready(going, context);
        if has_more {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if ended == 0 {
            return Poll::Pending;
        }
    }
}

/// Polls the calls that can go on; how many of them have ended.
fn poll_ready(calls: &mut FuturesUnordered<Call>, context: &mut Context<'_>) -> usize {
    let mut ended = 0;
    while let Poll::Ready(Some(())) = Pin::new(&mut *calls).poll_next(context) {
        ended += 1;
    }
    ended
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::{Arc, Mutex},
        task::Waker,
    };

    use hyper::rt::Executor as _;
    use model::{Budget, Limits};
    use tokio::io::sink;

    use super::*;
    use crate::calls::AT_ONCE;

    /// A connection that lasts until something is so.
    struct Lasting<'a>(Box<dyn Fn() -> bool + 'a>);

    impl Future for Lasting<'_> {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            if (self.0)() { Poll::Ready(()) } else { Poll::Pending }
        }
    }

    impl Served for Lasting<'_> {
        fn shut(self: Pin<&mut Self>) {}
    }

    /// Answers what was asked in a batch when the batch has ended.
    struct Batches {
        limits: Arc<Limits>,
        memory: Arc<Budget>,
        asked: Arc<Mutex<Vec<Waker>>>,
    }

    impl Backend for Batches {
        fn limits(&self) -> &Arc<Limits> {
            &self.limits
        }

        fn memory(&self) -> &Arc<Budget> {
            &self.memory
        }

        fn batch<T>(&self, calls: impl FnOnce() -> T) -> T {
            let ended = calls();
            std::mem::take(&mut *self.asked.lock().unwrap()).iter().for_each(Waker::wake_by_ref);
            ended
        }
    }

    /// A question to the server: it is answered when it is polled after its batch has ended.
    async fn ask(asked: Arc<Mutex<Vec<Waker>>>) {
        let mut has_asked = false;
        poll_fn(|context| {
            if std::mem::replace(&mut has_asked, true) {
                return Poll::Ready(());
            }
            asked.lock().unwrap().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    #[tokio::test]
    async fn calls_that_come_together_are_asked_before_one_is_answered() {
        const MANY: usize = AT_ONCE + 2;
        let memory = Budget::new(1 << 30);
        let backend = Batches { limits: Arc::default(), memory: memory.clone(), asked: Arc::default() };
        let (calls, seen) = (Calls::default(), Arc::new(Mutex::new(Vec::new())));
        for number in 0..MANY {
            let (asked, seen) = (backend.asked.clone(), seen.clone());
            calls.execute(async move {
                seen.lock().unwrap().push(("asked", number));
                ask(asked).await;
                seen.lock().unwrap().push(("answered", number));
            });
        }
        let is_done = || seen.lock().unwrap().len() == 2 * MANY;
        let served = Lasting(Box::new(is_done));
        let usage = Usage::new(Arc::default(), &Limits::default(), &memory, &memory);
        let watch = Watch::new(usage, &Limits::default(), pending());
        carry(served, &Coalesced::new(sink()), &calls, &backend, watch).await;
        let seen = seen.lock().unwrap();
        let first = seen.iter().position(|(what, _)| *what == "answered").unwrap();
        assert_eq!(first, AT_ONCE, "so many begin together, and others have a turn before the rest");
    }
}
