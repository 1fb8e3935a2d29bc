//! The calls that have come on a connection and have not begun: what goes on with what has begun goes first, and those that
//! have their answer already go before all others.

use std::{
    collections::VecDeque,
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::FutureExt as _;
use hyper::rt::Executor;
use tonic::{body::Body, codegen::http::Response};

/// Calls of a connection that begin before others have a turn.
pub(crate) const AT_ONCE: usize = 256;
/// Lines that calls stand in: one for each priority.
const LINES: usize = 5;

/// In which order calls that have come together on a connection begin, the first before all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// The answer is known: the call is refused.
    Answered,
    /// It reports on what has begun.
    Report,
    /// It waits for work to do.
    Poll,
    /// It is about something that exists.
    Existing,
    /// It begins something.
    New,
}

/// What a call was admitted by, where it counts among others until it is over.
pub trait Admission: Send + Sync {
    /// The call waits for something on its connection, and may hold up no other call meanwhile.
    fn step_aside(&self);

    /// What the answer hands over to its caller; `None` where nothing is lost if the answer is.
    fn take_delivery(&self) -> Option<Box<dyn Delivery>>;
}

/// What an answer hands over, such as tasks to a worker. Dropped before it is written, it was not handed over.
pub trait Delivery: Send {
    /// The answer was written to its caller's connection.
    fn written(self: Box<Self>);
}

type Answer = Result<Response<Body>, Infallible>;

/// A call on its way; it never fails, for errors are answers.
pub struct Answering {
    priority: Priority,
    call: Pin<Box<dyn Future<Output = Answer> + Send>>,
    admission: Option<Box<dyn Admission>>,
}

impl Answering {
    /// A call that is answered by `call` and begins when its priority lets it.
    pub fn new(priority: Priority, call: impl Future<Output = Answer> + Send + 'static) -> Self {
        Self { priority, call: Box::pin(call), admission: None }
    }

    /// The same, where the call was admitted by `admission`.
    pub fn admitted_by(mut self, admission: impl Admission + 'static) -> Self {
        self.admission = Some(Box::new(admission));
        self
    }

    /// It waits for something on its connection, and holds no other call up meanwhile.
    pub(crate) fn step_aside(&self) {
        if let Some(admission) = &self.admission {
            admission.step_aside();
        }
    }

    /// What its answer hands over once it is written; `None` where it hands nothing over.
    pub(crate) fn take_delivery(&self) -> Option<Box<dyn Delivery>> {
        self.admission.as_ref().and_then(|admission| admission.take_delivery())
    }

    /// A call whose answer is nothing but a refusal.
    pub fn refused(call: impl Future<Output = Answer> + Send + 'static) -> Self {
        Self::new(Priority::Answered, call)
    }

    /// A call whose answer is there.
    pub fn at_once(response: Response<Body>) -> Self {
        Self::refused(async move { Ok(response) })
    }
}

impl Future for Answering {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.call.as_mut().poll(context)
    }
}

pub(crate) type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where hyper puts the calls that come on a connection.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    lines: [VecDeque<Call>; LINES],
    /// Where the next call is put. What hyper runs beside calls stands with the first.
    next: usize,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Calls {
    /// A panic ends the one call and not the others, and was told of when it came.
    fn execute(&self, call: F) {
        let call = AssertUnwindSafe(call).catch_unwind().map(drop);
        let mut lines = self.lines();
        let next = std::mem::take(&mut lines.next);
        lines.lines[next].push_back(Box::pin(call));
    }
}

impl Calls {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is put in next is this call.
    pub(crate) fn announce(&self, call: &Answering) {
        self.lines().next = call.priority as usize;
    }

    /// Whether more stand here than begin at once.
    pub(crate) fn is_full(&self) -> bool {
        self.lines().lines.iter().map(VecDeque::len).sum::<usize>() > AT_ONCE
    }

    /// Those that begin now, and whether there are more.
    pub(crate) fn take(&self) -> (Vec<Call>, bool) {
        let mut lines = self.lines();
        let mut taken = Vec::new();
        for line in &mut lines.lines {
            let room = AT_ONCE - taken.len();
            taken.extend(line.drain(..room.min(line.len())));
        }
        (taken, lines.lines.iter().any(|line| !line.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::Mutex, task::Waker};

    use futures_util::stream::{FuturesUnordered, Stream};

    use super::*;

    fn polled(calls: Vec<Call>) -> usize {
        let mut going: FuturesUnordered<_> = calls.into_iter().collect();
        let mut ended = 0;
        while let Poll::Ready(Some(())) = Pin::new(&mut going).poll_next(&mut Context::from_waker(Waker::noop())) {
            ended += 1;
        }
        ended
    }

    #[test]
    fn a_panic_ends_one_call_and_not_the_others() {
        let calls = Calls::default();
        calls.execute(async { panic!("a call panics, as the test wants it") });
        calls.execute(async {});
        calls.execute(pending());
        assert_eq!(polled(calls.take().0), 2);
    }

    #[test]
    fn what_goes_on_goes_before_what_is_new_and_refusals_before_all() {
        let (calls, begun) = (Calls::default(), Arc::new(Mutex::new(Vec::new())));
        let answer = || async { Ok(Response::new(Body::empty())) };
        let put = |name: &'static str, call: Answering| {
            let begun = begun.clone();
            calls.announce(&call);
            calls.execute(async move {
                let _ = call.await;
                begun.lock().unwrap().push(name);
            });
        };
        put("new", Answering::new(Priority::New, answer()));
        put("existing", Answering::new(Priority::Existing, answer()));
        put("report", Answering::new(Priority::Report, answer()));
        put("refused", Answering::refused(answer()));
        let (first, has_more) = calls.take();
        assert_eq!((polled(first), has_more), (4, false));
        assert_eq!(*begun.lock().unwrap(), ["refused", "report", "existing", "new"]);
    }

    #[test]
    fn so_many_begin_at_once_and_no_more() {
        let calls = Calls::default();
        for _ in 0..AT_ONCE {
            calls.execute(async {});
        }
        assert!(!calls.is_full());
        calls.execute(async {});
        assert!(calls.is_full());
        let (first, has_more) = calls.take();
        assert_eq!((first.len(), has_more), (AT_ONCE, true));
        let (rest, has_more) = calls.take();
        assert_eq!((rest.len(), has_more), (1, false));
    }
}
