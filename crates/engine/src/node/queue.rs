//! A task queue: pollers and cursors in memory, waiting tasks on disk.
//!
//! The tasks of a queue are rows of their shards. In memory stands the front of them, at most a page for each shard; what
//! does not fit is read again when there is room.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::{QueueKey, ShardId, Time};
use store::{Key, Page, StoreError, key, key::OwnedKey, record};

use super::{CallId, Node, ReadRequest, Ticket, Work};
use crate::persist::{TaskPlace, TaskRecord};

/// Tasks of one queue that stand in memory; more stay on disk.
const IN_MEMORY: usize = 2_000;
/// Tasks that are read at once.
const PAGE: usize = 500;

/// A task in the order of dispatch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Waiting {
    priority: i32,
    since: i64,
    run_id: model::RunId,
    event_id: i64,
    attempt: i32,
    shard: ShardId,
}

/// How far a shard's tasks of this queue have been read.
#[derive(Clone, Debug, Default)]
struct Cursor {
    /// Where to read on; empty for the beginning.
    from: Vec<u8>,
    reading: bool,
    /// There may be more from `from` on.
    more: bool,
}

/// One task queue.
#[derive(Debug)]
pub(crate) struct TaskQueue {
    pub(crate) key: QueueKey,
    tasks: BTreeSet<Waiting>,
    /// Polls that wait, oldest first.
    pub(crate) pollers: VecDeque<CallId>,
    /// Queries that wait for a worker, oldest first; they go before tasks.
    pub(crate) queries: VecDeque<String>,
    cursors: BTreeMap<ShardId, Cursor>,
    /// Who polled lately: by identity, when.
    pub(crate) seen: BTreeMap<String, Time>,
    /// When it was last polled; zero for never.
    pub(crate) last_poll: Time,
}

impl TaskQueue {
    pub(crate) fn new(key: QueueKey, shards: u32) -> Self {
        let cursors = (0..shards).map(|id| (ShardId(id), Cursor { more: true, ..Cursor::default() })).collect();
        Self {
            key,
            tasks: BTreeSet::new(),
            pollers: VecDeque::new(),
            queries: VecDeque::new(),
            cursors,
            seen: BTreeMap::new(),
            last_poll: Time::ZERO,
        }
    }

    /// The tasks that are known to wait; more may stand on disk.
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The waiting tasks in memory by priority: how many, and since when the oldest waits.
    pub(crate) fn by_priority(&self) -> BTreeMap<i32, (usize, Time)> {
        let mut groups: BTreeMap<i32, (usize, Time)> = BTreeMap::new();
        for task in &self.tasks {
            let group = groups.entry(task.priority).or_insert((0, Time(task.since)));
            group.0 += 1;
            group.1 = group.1.min(Time(task.since));
        }
        groups
    }

    fn place(&self, task: Waiting) -> (ShardId, TaskPlace) {
        let Waiting { priority, since, run_id, event_id, attempt, shard } = task;
        (shard, TaskPlace { queue: self.key.clone(), priority, since, run_id, event_id, attempt })
    }

    /// Takes a task in; when memory is full, the last one is left to the disk.
    fn insert(&mut self, shard: ShardId, place: &TaskPlace) {
        let TaskPlace { queue: _, priority, since, run_id, event_id, attempt } = *place;
        self.tasks.insert(Waiting { priority, since, run_id, event_id, attempt, shard });
        if self.tasks.len() <= IN_MEMORY {
            return;
        }
        let Some(last) = self.tasks.pop_last() else { return };
        let (shard, place) = self.place(last);
        let key = place.key().encode();
        if let Some(cursor) = self.cursors.get_mut(&shard) {
            if !cursor.more || cursor.from > key {
                cursor.from = key;
            }
            cursor.more = true;
        }
    }

    /// The first task, taken out.
    pub(crate) fn pop(&mut self) -> Option<(ShardId, TaskPlace)> {
        let first = self.tasks.pop_first()?;
        Some(self.place(first))
    }

    /// All tasks in memory, taken out.
    pub(crate) fn take_all(&mut self) -> Vec<(ShardId, TaskPlace)> {
        std::mem::take(&mut self.tasks).into_iter().map(|task| self.place(task)).collect()
    }

    /// A shard's tasks in memory may never become durable: forget them, to be read again.
    pub(crate) fn lose_shard(&mut self, shard: ShardId, _shards: u32) {
        self.tasks.retain(|task| task.shard != shard);
        self.cursors.insert(shard, Cursor { more: true, ..Cursor::default() });
    }

    /// The reads that are worth doing now: none while there are enough tasks at hand.
    fn wanted_reads(&mut self) -> Vec<(ShardId, ReadRequest)> {
        if self.tasks.len() >= PAGE {
            return Vec::new();
        }
        let prefix = Key::task_queue_prefix(&self.key);
        let mut reads = Vec::new();
        for (shard, cursor) in &mut self.cursors {
            if !cursor.more || cursor.reading {
                continue;
            }
            cursor.reading = true;
            let start = if cursor.from.is_empty() { prefix.clone() } else { cursor.from.clone() };
            reads.push((*shard, ReadRequest::scan(*shard, start..key::prefix_end(&prefix), PAGE)));
        }
        reads
    }

    fn read_to(&mut self, shard: ShardId, page: &Page) {
        let Some(cursor) = self.cursors.get_mut(&shard) else {
            return;
        };
        cursor.reading = false;
        cursor.more = page.more;
        if let Some((last, _)) = page.pairs.last() {
            cursor.from.clone_from(last);
            // Behind the last one: the same key with one more byte is the next that can be.
            cursor.from.push(0);
        }
    }
}

impl Node {
    /// The queue, made when it is first named.
    pub(crate) fn queue(&mut self, key: &QueueKey) -> &mut TaskQueue {
        let shards = self.config.shards;
        self.queues.entry(key.clone()).or_insert_with(|| TaskQueue::new(key.clone(), shards))
    }

    /// A durable task waits for a worker.
    pub(crate) fn offer(&mut self, shard: ShardId, place: TaskPlace) {
        if self.leave_sticky(shard, &place) {
            return;
        }
        let queue = self.queue(&place.queue);
        queue.insert(shard, &place);
        let key = place.queue;
        self.agenda.push_back(Work::Match(key));
    }

    /// Reads more of a queue's tasks where some are on disk and room is in memory.
    pub(crate) fn refill(&mut self, key: &QueueKey) {
        let Some(queue) = self.queues.get_mut(key) else { return };
        for (shard, request) in queue.wanted_reads() {
            let open = self.shards.get(&shard).is_some_and(|state| state.epoch.is_some());
            if open {
                self.read(request, Ticket::Queue(shard, key.clone()));
            } else if let Some(cursor) = self.queues.get_mut(key).and_then(|queue| queue.cursors.get_mut(&shard)) {
                cursor.reading = false;
            }
        }
    }

    /// A shard is open again: queues that have pollers read its tasks.
    pub(crate) fn reopen_queues(&mut self, _shard: model::ShardId) {
        let keys: Vec<_> = self.queues.keys().cloned().collect();
        for key in keys {
            self.agenda.push_back(Work::Match(key));
        }
    }

    pub(crate) fn tasks_found(&mut self, shard: ShardId, key: &QueueKey, page: Page) -> Result<(), StoreError> {
        let Some(queue) = self.queues.get_mut(key) else {
            return Ok(());
        };
        queue.read_to(shard, &page);
        for (bytes, value) in page.pairs {
            let OwnedKey::Task { queue: _, priority, pass: _, since, run_id, event_id } = Key::decode(&bytes)? else {
                return Err(StoreError::Unusable("a task's key is damaged".into()));
            };
            let attempt = record::decode::<TaskRecord>(value)?.attempt;
            let place = TaskPlace { queue: key.clone(), priority, since: since.0, run_id, event_id, attempt };
            queue.insert(shard, &place);
        }
        self.agenda.push_back(Work::Match(key.clone()));
        Ok(())
    }
}
