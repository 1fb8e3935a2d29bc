//! What becomes of a session whose answers are lost, and of what it had under way.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::{SHARD, acquire, batch, commit, done, get, put};
use crate::{CommitError, CommitResult, Committed, Completion, Store, Submission};

/// What becomes of a commit whose answer is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Done,
    Never,
    /// It comes to the engine after another session has acquired the shard.
    Late,
}

/// The owner does not know which of them it was: it acquires the shard, and what it reads then stays.
pub(super) fn an_unknown_outcome_is_settled_by_an_acquire(store: &impl Store) {
    for fate in [Fate::Done, Fate::Never, Fate::Late] {
        let first = acquire(store);
        done(commit(store, first, vec![put("a", "before"), put("b", "before")]));
        let changes = || vec![put("a", "doubtful"), put("b", "doubtful")];
        if fate == Fate::Done {
            done(commit(store, first, changes()));
        }
        let second = acquire(store);
        let read = || (get(store, "a"), get(store, "b"));
        let found = read();
        let expected = if fate == Fate::Done { "doubtful" } else { "before" };
        assert_eq!(found, (Some(expected.into()), Some(expected.into())), "{fate:?}");
        if fate == Fate::Late {
            let fenced = CommitError::Fenced { shard: SHARD, current: second };
            assert_eq!(commit(store, first, changes()), Err(fenced), "the session was fenced");
        }
        assert_eq!(read(), found, "what was read after an acquire stays: {fate:?}");
        done(commit(store, second, vec![put("a", "after")]));
        assert_eq!(get(store, "a").as_deref(), Some("after"));
    }
}

/// A session commits and commits while another one acquires the shard: once that has returned, nothing of the first one comes
/// any more, and nothing that was acknowledged to it is missing.
pub(super) fn an_acquire_waits_for_what_is_under_way(store: &impl Store) {
    for round in 0..20_u32 {
        let first = acquire(store);
        done(commit(store, first, vec![put("count", "0"), put("twin", "0")]));
        let has_begun = AtomicBool::new(false);
        thread::scope(|scope| {
            let session = scope.spawn(|| {
                for number in 1_u32.. {
                    let value = number.to_string();
                    if commit(store, first, vec![put("count", &value), put("twin", &value)]).is_err() {
                        return number - 1;
                    }
                    has_begun.store(number > round, Ordering::Release);
                }
                0
            });
            while !has_begun.load(Ordering::Acquire) {
                thread::yield_now();
            }
            acquire(store);
            let found = (get(store, "count"), get(store, "twin"));
            let Ok(acknowledged) = session.join() else { panic!("the session panicked") };
            let expected = Some(acknowledged.to_string());
            assert_eq!(found, (expected.clone(), expected), "read when it was acquired");
            assert_eq!((get(store, "count"), get(store, "twin")), found, "and read later");
        });
    }
}

/// What was told of a submission.
#[derive(Default)]
struct Told(Mutex<Vec<Vec<CommitResult>>>);

impl Completion for Told {
    fn completed(self: Arc<Self>, committed: Committed) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(committed.results);
    }
}

/// A submission completes once: what `submit` returns, or what is told.
pub(super) fn a_submission_completes_once(store: &impl Store) {
    let epoch = acquire(store);
    let told = Arc::new(Told::default());
    let commits = vec![(SHARD, epoch, batch(vec![put("k", "1")])), (SHARD, epoch, batch(vec![put("k", "2")]))];
    let at_once = store.submit(Submission::new(commits.clone(), told.clone()));
    let results = || told.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    while at_once.is_none() && results().is_empty() {
        thread::yield_now();
    }
    done(commit(store, epoch, vec![put("l", "3")]));
    let told = results();
    match at_once {
        Some(Committed { commits: of, results }) => {
            assert_eq!((of, results), (commits, vec![Ok(()), Ok(())]));
            assert!(told.is_empty(), "what completes at once is not told");
        }
        None => assert_eq!(told, [[Ok(()), Ok(())]]),
    }
    assert_eq!(get(store, "k").as_deref(), Some("2"));
}
