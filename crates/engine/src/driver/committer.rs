//! One write for what the lanes submit together: while one thread writes, what others bring waits, and the first of them to
//! wake takes all of it along with its own.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use store::{CommitError, Store};

use super::writer::Commit;

type Results = Vec<Result<(), CommitError>>;

/// What commits for all lanes, one thread at a time.
#[derive(Default)]
pub(super) struct Committer {
    state: Mutex<State>,
    written: Condvar,
}

#[derive(Default)]
struct State {
    is_writing: bool,
    /// What waits, by the number that it came under.
    waiting: BTreeMap<u64, Vec<Commit>>,
    /// What was written for a thread that waits.
    done: BTreeMap<u64, Results>,
    next: u64,
}

impl Committer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the commits durable, and what other threads bring meanwhile with the next write. One result for each, in order.
    pub(super) fn commit(&self, store: &dyn Store, commits: &[Commit]) -> Results {
        let mut state = self.state();
        if !state.is_writing && state.waiting.is_empty() {
            state.is_writing = true;
            drop(state);
            let results = store.commit(commits);
            self.give_way();
            return results;
        }
        let number = state.next;
        state.next += 1;
        state.waiting.insert(number, commits.to_vec());
        let mut state = self
            .written
            .wait_while(state, |state| state.is_writing && !state.done.contains_key(&number))
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(results) = state.done.remove(&number) {
            return results;
        }
        state.is_writing = true;
        let together = mem::take(&mut state.waiting);
        drop(state);
        let all: Vec<Commit> = together.values().flatten().cloned().collect();
        let mut results = store.commit(&all).into_iter();
        let mut state = self.state();
        for (of, commits) in together {
            state.done.insert(of, results.by_ref().take(commits.len()).collect());
        }
        let own = state.done.remove(&number).unwrap_or_default();
        drop(state);
        self.give_way();
        own
    }

    fn give_way(&self) {
        self.state().is_writing = false;
        self.written.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
        time::Duration,
    };

    use bytes::Bytes;
    use model::{Epoch, ShardId};
    use store::{
        Batch, Change, MemoryStore, Page, StoreError,
        visibility::{GroupCount, Query, QueryPage},
    };

    use super::*;

    /// A store whose writes take their time, and are counted.
    struct Slow {
        store: MemoryStore,
        writes: AtomicUsize,
    }

    impl Store for Slow {
        fn acquire_all(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
            self.store.acquire_all(shards)
        }

        fn commit(&self, batches: &[Commit]) -> Results {
            self.writes.fetch_add(1, Ordering::Relaxed);
            #[expect(clippy::disallowed_methods, reason = "the store is slow, as the test wants it")]
            thread::sleep(Duration::from_millis(5));
            self.store.commit(batches)
        }

        fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
            self.store.get(shard, key)
        }

        fn scan(&self, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Result<Page, StoreError> {
            self.store.scan(shard, start, end, limit)
        }

        fn query(&self, query: &Query) -> Result<QueryPage, StoreError> {
            self.store.query(query)
        }

        fn count(&self, query: &Query) -> Result<Vec<GroupCount>, StoreError> {
            self.store.count(query)
        }
    }

    #[test]
    fn each_thread_gets_its_own_results_and_they_share_writes() {
        const THREADS: u32 = 6;
        const EACH: u32 = 20;
        let store = Slow { store: MemoryStore::default(), writes: AtomicUsize::new(0) };
        let committer = Committer::default();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (store, committer) = (&store, &committer);
                scope.spawn(move || {
                    let shard = ShardId(thread);
                    let epoch = store.acquire(shard).unwrap();
                    for number in 0..EACH {
                        let put = Change::Put { key: number.to_be_bytes().to_vec(), value: Bytes::new() };
                        let batch = Arc::new(Batch { changes: vec![put] });
                        // Every third is of an epoch that is over.
                        let stale = Epoch(epoch.0 - u64::from(number % 3 == 0));
                        let commits = [(shard, stale, batch.clone()), (shard, epoch, batch)];
                        let results = committer.commit(store, &commits);
                        let fenced = results.iter().map(Result::is_err).collect::<Vec<_>>();
                        assert_eq!(fenced, [number % 3 == 0, false]);
                        assert!(store.get(shard, &number.to_be_bytes()).unwrap().is_some());
                    }
                });
            }
        });
        let writes = store.writes.load(Ordering::Relaxed);
        assert!(writes < (THREADS * EACH) as usize, "{writes} writes: none was shared");
    }
}
