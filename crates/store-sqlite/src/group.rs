//! Group commit: one write for what several threads submit at a time. While one of them writes, what the others bring waits, and
//! the first of them to wake takes all of it along with its own.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use store::{Commit, CommitResult};

type Results = Vec<CommitResult>;

/// Who writes, and what waits for it.
#[derive(Default)]
pub(crate) struct Group {
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

impl Group {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the commits written, and what other threads bring meanwhile with the next write. One result for each, in order.
    pub(crate) fn commit(&self, commits: &[Commit], write: impl FnOnce(&[Commit]) -> Results) -> Results {
        let mut state = self.state();
        if !state.is_writing && state.waiting.is_empty() {
            state.is_writing = true;
            drop(state);
            let results = write(commits);
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
        let mut results = write(&all).into_iter();
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
    use store::{Batch, Change, MemoryStore, Shards as _};

    use super::*;

    /// A store whose writes take their time, and are counted.
    #[derive(Default)]
    struct Slow {
        group: Group,
        store: MemoryStore,
        writes: AtomicUsize,
    }

    impl Slow {
        fn commit(&self, commits: &[Commit]) -> Results {
            self.group.commit(commits, |commits| {
                self.writes.fetch_add(1, Ordering::Relaxed);
                #[expect(clippy::disallowed_methods, reason = "the store is slow, as the test wants it")]
                thread::sleep(Duration::from_millis(5));
                self.store.commit(commits)
            })
        }
    }

    #[test]
    fn each_thread_gets_its_own_results_and_they_share_writes() {
        const THREADS: u32 = 6;
        const EACH: u32 = 20;
        let slow = Slow::default();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let slow = &slow;
                scope.spawn(move || {
                    let shard = ShardId(thread);
                    let epoch = slow.store.acquire(shard).unwrap();
                    for number in 0..EACH {
                        let put = Change::Put { key: number.to_be_bytes().to_vec(), value: Bytes::new() };
                        let batch = Arc::new(Batch { changes: vec![put] });
                        // Every third is of an epoch that is over.
                        let stale = Epoch(epoch.0 - u64::from(number % 3 == 0));
                        let results = slow.commit(&[(shard, stale, batch.clone()), (shard, epoch, batch)]);
                        let fenced = results.iter().map(Result::is_err).collect::<Vec<_>>();
                        assert_eq!(fenced, [number % 3 == 0, false]);
                        assert!(slow.store.get(shard, &number.to_be_bytes()).unwrap().is_some());
                    }
                });
            }
        });
        let writes = slow.writes.load(Ordering::Relaxed);
        assert!(writes < (THREADS * EACH) as usize, "{writes} writes: none was shared");
    }
}
