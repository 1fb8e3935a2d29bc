//! A commit on its way: submitted, and completed later.

use std::{
    fmt, mem,
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use model::{Epoch, ShardId};

use crate::{Batch, StoreError};

/// One shard's batch, under the epoch that its owner holds the shard by.
pub type Commit = (ShardId, Epoch, Arc<Batch>);

/// What became of one commit.
pub type CommitResult = Result<(), CommitError>;

/// Why a commit is not known to be durable.
#[derive(Clone, Debug, PartialEq)]
pub enum CommitError {
    /// The shard has another owner by now, of epoch `current`. Nothing of the commit happened, and nothing will.
    Fenced { shard: ShardId, current: Epoch },
    /// Nothing of the commit happened, and nothing will.
    Store(StoreError),
    /// All of the commit happened, or nothing of it, or it will happen yet; why that is not known. The next `acquire` of the
    /// shard settles it: it has happened before that returns, or it never will.
    Unknown(String),
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::Fenced { shard, current } => {
                write!(f, "shard {} has a newer owner, of epoch {}", shard.0, current.0)
            }
            CommitError::Store(error) => error.fmt(f),
            CommitError::Unknown(why) => write!(f, "it is not known whether the write happened: {why}"),
        }
    }
}

impl std::error::Error for CommitError {}

/// What is told when a submission completes after `submit` has returned.
pub trait Completion: Send + Sync + 'static {
    /// Called once for each such submission, on a thread of the storage engine, and never from within `submit`.
    fn completed(self: Arc<Self>, committed: Committed);
}

/// Commits that were submitted together, and what became of each, in order.
#[derive(Debug)]
pub struct Committed {
    pub commits: Vec<Commit>,
    pub results: Vec<CommitResult>,
}

/// Commits on their way to the disk, and what is told of them. An engine completes each submission once; one that it drops
/// without, because a connection or a task of its own has ended, completes as [`CommitError::Unknown`].
pub struct Submission {
    commits: Vec<Commit>,
    /// `None` once it is completed.
    completion: Option<Arc<dyn Completion>>,
}

impl Submission {
    /// Commits of different shards, or of one shard in the order in which they are to happen.
    pub fn new(commits: Vec<Commit>, completion: Arc<dyn Completion>) -> Self {
        Self { commits, completion: Some(completion) }
    }

    pub fn commits(&self) -> &[Commit] {
        &self.commits
    }

    /// Completes within `submit`: what it returns then. One result for each commit, in order.
    pub fn at_once(mut self, results: Vec<CommitResult>) -> Option<Committed> {
        self.completion = None;
        Some(Committed { commits: mem::take(&mut self.commits), results })
    }

    /// Completes after `submit` has returned `None`. One result for each commit, in order.
    pub fn complete(mut self, results: Vec<CommitResult>) {
        self.tell(results);
    }

    fn tell(&mut self, results: Vec<CommitResult>) {
        debug_assert_eq!(self.commits.len(), results.len(), "each commit has its result");
        if let Some(completion) = self.completion.take() {
            completion.completed(Committed { commits: mem::take(&mut self.commits), results });
        }
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        if self.completion.is_some() {
            let unknown = CommitError::Unknown("the storage engine gave it up".into());
            self.tell(vec![Err(unknown); self.commits.len()]);
        }
    }
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission").field("commits", &self.commits).finish_non_exhaustive()
    }
}

/// A thread that waits for its commit.
#[derive(Default)]
pub(crate) struct Waiter {
    committed: Mutex<Option<Committed>>,
    bell: Condvar,
}

impl Waiter {
    /// Returns when the submission has completed.
    pub(crate) fn wait(&self) -> Committed {
        let mut committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(committed) = committed.take() {
                return committed;
            }
            committed = self.bell.wait(committed).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Completion for Waiter {
    fn completed(self: Arc<Self>, committed: Committed) {
        *self.committed.lock().unwrap_or_else(PoisonError::into_inner) = Some(committed);
        self.bell.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_that_is_given_up_completes_as_unknown() {
        let waiter = Arc::new(Waiter::default());
        let commit = (ShardId(1), Epoch(1), Arc::new(Batch::default()));
        drop(Submission::new(vec![commit.clone(), commit], waiter.clone()));
        let committed = waiter.wait();
        assert_eq!(committed.commits.len(), 2);
        assert!(committed.results.iter().all(|result| matches!(result, Err(CommitError::Unknown(_)))));
    }

    #[test]
    fn a_submission_completes_once() {
        let waiter = Arc::new(Waiter::default());
        Submission::new(Vec::new(), waiter.clone()).complete(Vec::new());
        assert_eq!(waiter.wait().results, []);
        let at_once = Submission::new(Vec::new(), waiter.clone()).at_once(Vec::new());
        assert!(at_once.is_some());
        assert!(waiter.committed.lock().unwrap().is_none(), "what completes at once is told by `submit` alone");
    }
}
