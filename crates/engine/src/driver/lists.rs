//! Where lists and counts run: on a few threads of their own, so that they hold up nothing but each other, and in turns by
//! namespace, so that the many of one tenant do not hold up the few of another.
//!
//! A thread is there only while something waits. What waits is bounded: beyond that a call is refused at once.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use model::{Advice, NamespaceId, Reject};
use proto::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope};
use store::{Store, StoreError};
use tokio::{runtime::Handle, sync::oneshot};

/// Calls of one namespace that may wait, and of all.
const MOST_OF_ONE: usize = 64;
const MOST: usize = 512;
/// Threads at most, however many processors there are: a list takes milliseconds.
const MOST_THREADS: usize = 4;
/// When a call that was refused may try again.
const REST: Duration = Duration::from_millis(200);

type Job = Box<dyn FnOnce() + Send>;

/// The calls that wait, and how many threads work them off.
pub(super) struct Lists {
    waiting: Mutex<Waiting>,
    most_threads: usize,
}

#[derive(Default)]
struct Waiting {
    jobs: BTreeMap<NamespaceId, VecDeque<Job>>,
    /// The namespace whose turn was last.
    last: NamespaceId,
    number: usize,
    threads: usize,
}

impl Lists {
    pub(super) fn new() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self::with_threads((processors / 2).clamp(1, MOST_THREADS))
    }

    fn with_threads(most_threads: usize) -> Self {
        Self { waiting: Mutex::default(), most_threads }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from the store when it is this call's turn. A call whose caller has gone by then is not made.
    ///
    /// # Errors
    /// `ResourceExhausted` when too many wait, `Unavailable` when the storage fails.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        runtime: &Handle,
        namespace: NamespaceId,
        store: Arc<dyn Store>,
        read: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Reject> {
        let (sender, receiver) = oneshot::channel();
        let job = move || {
            if !sender.is_closed() {
                // A receiver that is gone by now has no use for it.
                drop(sender.send(read(&*store)));
            }
        };
        if self.put(namespace, Box::new(job))? {
            let lists = self.clone();
            runtime.spawn_blocking(move || lists.work());
        }
        match receiver.await {
            Ok(found) => found.map_err(|error| Reject::unavailable(format!("storage failed: {error}"))),
            Err(_) => Err(Reject::unavailable("the server is stopping")),
        }
    }

    /// Puts a job behind the others of its namespace; whether one more thread is to work.
    fn put(&self, namespace: NamespaceId, job: Job) -> Result<bool, Reject> {
        let mut waiting = self.waiting();
        if waiting.jobs.get(&namespace).is_some_and(|jobs| jobs.len() >= MOST_OF_ONE) {
            return Err(refusal(ResourceExhaustedScope::Namespace, "too many lists and counts of this namespace wait"));
        }
        if waiting.number >= MOST {
            return Err(refusal(ResourceExhaustedScope::System, "too many lists and counts wait"));
        }
        waiting.jobs.entry(namespace).or_default().push_back(job);
        waiting.number += 1;
        let is_more = waiting.threads < self.most_threads;
        waiting.threads += usize::from(is_more);
        Ok(is_more)
    }

    /// Works off what waits, until nothing does.
    fn work(&self) {
        let mut working = Working { lists: self, is_counted: true };
        while let Some(job) = working.next() {
            job();
        }
    }
}

/// One of the threads, which is no more one when it ends, also where a job panics.
struct Working<'a> {
    lists: &'a Lists,
    is_counted: bool,
}

impl Working<'_> {
    /// The next job; `None`, and this thread counts no more, where there is none.
    fn next(&mut self) -> Option<Job> {
        let mut waiting = self.lists.waiting();
        let job = waiting.next();
        if job.is_none() {
            waiting.threads -= 1;
            self.is_counted = false;
        }
        job
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        if self.is_counted {
            self.lists.waiting().threads -= 1;
        }
    }
}

impl Waiting {
    /// The first job of the namespace behind the one whose turn was last.
    fn next(&mut self) -> Option<Job> {
        let behind = (std::ops::Bound::Excluded(self.last), std::ops::Bound::Unbounded);
        let first = |jobs: &BTreeMap<_, _>| jobs.keys().next().copied();
        let namespace =
            self.jobs.range(behind).next().map(|(namespace, _)| *namespace).or_else(|| first(&self.jobs))?;
        let jobs = self.jobs.get_mut(&namespace)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.jobs.remove(&namespace);
        }
        self.last = namespace;
        self.number -= usize::from(job.is_some());
        job
    }
}

fn refusal(scope: ResourceExhaustedScope, text: &str) -> Reject {
    let advice = Advice { retry_after: Some(REST), ..Advice::default() };
    Reject::exhausted(ResourceExhaustedCause::SystemOverloaded, scope, text).advising(advice)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use model::Kind;
    use uuid::Uuid;

    use super::*;

    fn namespace(number: u128) -> NamespaceId {
        NamespaceId(Uuid::from_u128(number))
    }

    fn note(namespace: u128, order: &mpsc::Sender<u128>) -> Job {
        let order = order.clone();
        Box::new(move || order.send(namespace).unwrap())
    }

    #[test]
    fn namespaces_take_turns() {
        let lists = Lists::with_threads(1);
        let (sender, order) = mpsc::channel();
        for _ in 0..5 {
            lists.put(namespace(1), note(1, &sender)).unwrap();
        }
        for other in [2, 3, 2] {
            lists.put(namespace(other), note(other, &sender)).unwrap();
        }
        lists.work();
        drop(sender);
        assert_eq!(order.iter().collect::<Vec<_>>(), [1, 2, 3, 1, 2, 1, 1, 1]);
    }

    #[test]
    fn no_more_threads_are_asked_for_than_there_may_be() {
        let lists = Lists::with_threads(2);
        let asks: Vec<bool> = (0..4).map(|_| lists.put(namespace(1), Box::new(|| {})).unwrap()).collect();
        assert_eq!(asks, [true, true, false, false]);
        lists.work();
        lists.work();
        assert!(lists.put(namespace(1), Box::new(|| {})).unwrap(), "they have ended");
    }

    #[test]
    fn what_waits_is_bounded_by_namespace_and_in_all() {
        let lists = Lists::with_threads(1);
        let scope = |number: u128| {
            let refused = lists.put(namespace(number), Box::new(|| {})).err()?;
            let Kind::ResourceExhausted { scope, .. } = refused.kind else { panic!("{refused}") };
            Some(scope)
        };
        assert!((0..MOST_OF_ONE).all(|_| scope(1).is_none()));
        assert_eq!(scope(1), Some(ResourceExhaustedScope::Namespace));
        assert!((MOST_OF_ONE..MOST).all(|number| scope(2 + number as u128).is_none()));
        assert_eq!(scope(2), Some(ResourceExhaustedScope::System));
        lists.work();
        assert_eq!(scope(1), None);
    }

    #[test]
    fn a_job_that_panics_leaves_no_thread_behind() {
        let lists = Lists::with_threads(1);
        assert!(lists.put(namespace(1), Box::new(|| panic!("as the test wants it"))).unwrap());
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| lists.work())).is_err());
        assert!(lists.put(namespace(1), Box::new(|| {})).unwrap(), "the next one is asked for");
    }

    #[tokio::test]
    async fn a_call_whose_caller_has_gone_is_not_made() {
        let lists = Arc::new(Lists::with_threads(1));
        let store: Arc<dyn Store> = Arc::new(store::MemoryStore::new());
        let (reached, waits) = mpsc::channel::<()>();
        let (blocked, unblock) = mpsc::channel::<()>();
        let runtime = Handle::current();
        let first = {
            let (lists, runtime, store) = (lists.clone(), runtime.clone(), store.clone());
            let read = move |_: &dyn Store| {
                reached.send(()).unwrap();
                unblock.recv().unwrap();
                Ok(1)
            };
            runtime.clone().spawn(async move { lists.read(&runtime, namespace(1), store, read).await })
        };
        tokio::task::spawn_blocking(move || waits.recv().unwrap()).await.unwrap();
        let gone =
            lists.read(&runtime, namespace(1), store.clone(), |_| -> Result<(), _> { panic!("its caller has gone") });
        assert!(tokio::time::timeout(std::time::Duration::ZERO, gone).await.is_err());
        blocked.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(1));
        assert_eq!(lists.read(&runtime, namespace(1), store, |_| Ok(2)).await, Ok(2));
    }
}
