//! A storage engine as one may be behind a network: it completes later, on a thread of its own and in any order, and answers
//! are lost.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use bytes::Bytes;
use model::{Entropy, Epoch, ShardId};
use store::{
    Commit, CommitError, CommitResult, Committed, Lists, Medium, MemoryStore, Page, Shards, StoreError, Submission,
    visibility::{GroupCount, Query, QueryPage},
};

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    Done,
    /// Nothing of it happens.
    Refused,
    /// It happens, and the answer is lost.
    DoneUnheard,
    /// It does not happen, and the answer is lost.
    NeverUnheard,
    /// The answer is lost, and it happens later unless its shard is acquired.
    Late,
}

pub(crate) struct Remote {
    shared: Arc<Shared>,
}

struct Shared {
    medium: Medium,
    store: MemoryStore,
    state: Mutex<State>,
    bell: Condvar,
}

struct State {
    waiting: Vec<Submission>,
    late: Vec<Commit>,
    fates: VecDeque<Fate>,
    /// One commit of so many has another fate than the usual one; none if zero.
    trouble: u64,
    dice: Entropy,
    is_held: bool,
    is_over: bool,
}

impl State {
    fn below(&mut self, end: u64) -> u64 {
        (self.dice.fraction() * end as f64) as u64
    }

    fn next_fate(&mut self) -> Fate {
        if let Some(fate) = self.fates.pop_front() {
            return fate;
        }
        if self.trouble == 0 || self.below(self.trouble) > 0 {
            return Fate::Done;
        }
        [Fate::Refused, Fate::DoneUnheard, Fate::NeverUnheard, Fate::Late][self.below(4) as usize]
    }
}

impl Remote {
    /// An empty one. Behind a network a thread completes what is submitted; elsewhere `submit` does.
    pub(crate) fn new(medium: Medium) -> Self {
        Self::over(medium, MemoryStore::new())
    }

    pub(crate) fn over(medium: Medium, store: MemoryStore) -> Self {
        let state = State {
            waiting: Vec::new(),
            late: Vec::new(),
            fates: VecDeque::new(),
            trouble: 0,
            dice: Entropy::new(5),
            is_held: false,
            is_over: false,
        };
        let shared = Arc::new(Shared { medium, store, state: Mutex::new(state), bell: Condvar::new() });
        let of_thread = shared.clone();
        let thread = thread::Builder::new().name("remote".into()).spawn(move || of_thread.complete_until_over());
        drop(thread.expect("a thread can be started"));
        Self { shared }
    }

    /// The content.
    pub(crate) fn store(&self) -> &MemoryStore {
        &self.shared.store
    }

    /// The next commits have these fates.
    pub(crate) fn doom(&self, fates: impl IntoIterator<Item = Fate>) {
        self.shared.state().fates.extend(fates);
    }

    /// From now on about one commit of so many has another fate than the usual one; none if zero.
    pub(crate) fn trouble(&self, one_in: u64) {
        self.shared.state().trouble = one_in;
    }

    /// Completes nothing from now on, except what is named.
    pub(crate) fn hold(&self) {
        self.shared.state().is_held = true;
    }

    /// Returns when as many submissions wait.
    pub(crate) fn until_waiting(&self, number: usize) {
        let state = self.shared.state();
        let waits = |state: &mut State| state.waiting.len() < number;
        drop(self.shared.bell.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner));
    }

    /// Completes the submission in this place of those that wait.
    pub(crate) fn complete(&self, place: usize) {
        let submission = self.shared.state().waiting.remove(place);
        self.shared.complete(submission);
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.bell.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complete_until_over(&self) {
        loop {
            let waits = |state: &mut State| !state.is_over && (state.is_held || state.waiting.is_empty());
            let mut state = self.bell.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
            if state.is_over {
                // What waits is given up.
                return drop(mem::take(&mut state.waiting));
            }
            let place = state.waiting.len() as u64;
            let place = state.below(place) as usize;
            let submission = state.waiting.remove(place);
            drop(state);
            self.complete(submission);
        }
    }

    fn complete(&self, submission: Submission) {
        let results = self.perform(submission.commits());
        submission.complete(results);
    }

    fn perform(&self, commits: &[Commit]) -> Vec<CommitResult> {
        commits.iter().map(|commit| self.perform_one(commit)).collect()
    }

    fn perform_one(&self, commit: &Commit) -> CommitResult {
        let fate = self.state().next_fate();
        let commits = std::slice::from_ref(commit);
        match fate {
            Fate::Done => return self.store.commit(commits).remove(0),
            Fate::Refused => return Err(CommitError::Store(StoreError::Io("no connection can be had".into()))),
            Fate::DoneUnheard => drop(self.store.commit(commits)),
            Fate::NeverUnheard => {}
            Fate::Late => self.state().late.push(commit.clone()),
        }
        Err(CommitError::Unknown("the connection was closed".into()))
    }
}

impl Shards for Remote {
    fn acquire_all(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        let mut state = self.shared.state();
        let of_these = |(shard, ..): &Commit| shards.contains(shard);
        let (late, rest): (Vec<_>, Vec<_>) = mem::take(&mut state.late).into_iter().partition(of_these);
        state.late = rest;
        let is_in_time = state.below(2) == 0;
        if is_in_time {
            self.shared.store.commit(&late);
        }
        let epochs = self.shared.store.acquire_all(shards)?;
        if !is_in_time {
            assert!(self.shared.store.commit(&late).iter().all(Result::is_err), "their sessions are fenced");
        }
        Ok(epochs)
    }

    fn submit(&self, submission: Submission) -> Option<Committed> {
        if self.shared.medium != Medium::Network {
            let results = self.shared.perform(submission.commits());
            return submission.at_once(results);
        }
        self.shared.state().waiting.push(submission);
        self.shared.bell.notify_all();
        None
    }

    fn medium(&self) -> Medium {
        self.shared.medium
    }

    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.shared.store.get(shard, key)
    }

    fn scan(&self, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Result<Page, StoreError> {
        self.shared.store.scan(shard, start, end, limit)
    }
}

impl Lists for Remote {
    fn query(&self, query: &Query) -> Result<QueryPage, StoreError> {
        self.shared.store.query(query)
    }

    fn count(&self, query: &Query) -> Result<Vec<GroupCount>, StoreError> {
        self.shared.store.count(query)
    }
}
