//! A task queue: pollers and cursors in memory, waiting tasks on disk.
//!
//! The tasks of a queue are rows of their shards. In memory stands the front of them, at most a page for each shard; what
//! does not fit is read again when there is room. So a queue that no caller uses can be forgotten at any time, as those of
//! workers that are gone must be: each of them had a name of its own.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use model::{EntityKind, QueueKey, RunId, ShardId, Time};
use store::{Key, Page, StoreError, key, key::OwnedKey, record};

use super::{
    CallId, Lane, PendingRead, ReadRequest, ReplyTo, Timer, Work,
    backlog::{Backlog, POLLER_SHOWN_FOR},
    pace::{Pace, Rate, RateLimit},
    parcel::{Content, Offer},
};
use crate::{
    Poll, PollerVersion,
    persist::{TaskPlace, TaskRecord},
};

/// Tasks of one queue that stand in memory; more stay on disk.
const IN_MEMORY: usize = 2_000;
/// Tasks that are read at once.
const PAGE: usize = 500;
/// Tasks that are counted at once.
pub(crate) const COUNT_PAGE: usize = 5_000;
/// Pollers of one queue that are remembered by their identity.
const REMEMBERED_POLLERS: usize = 1_000;
/// How long a queue stands in memory that is not polled or described and gets no task. Source: the reference server, which
/// unloads a queue after this time.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(300);
/// How long after a read of another lane's tasks has failed they are read again.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Keys of a shard.
pub(crate) type ShardRange = (ShardId, Range<Vec<u8>>);

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
#[derive(Clone, Debug)]
struct Cursor {
    /// Where to read on; empty for the beginning.
    from: Vec<u8>,
    reading: Reading,
    /// There may be more from `from` on.
    more: bool,
    /// What waits from `from` on and does not stand in memory; `None` until it is counted.
    left: Option<Backlog>,
}

/// What is being read of a shard. One thing at a time, so that a count is of rows that stay where they are.
#[derive(Clone, Debug)]
enum Reading {
    /// The next read may begin.
    Nothing,
    /// A page of tasks, to stand in memory.
    Tasks,
    /// With what was counted so far.
    Count(Backlog),
}

/// A query that waits at a queue, and the shard of its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueuedQuery {
    pub(crate) id: String,
    pub(crate) shard: ShardId,
}

/// A worker that polled.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Time,
    /// The limit that came with its last poll.
    pub(crate) tasks_per_second: Option<f64>,
    /// What it said of its build then.
    pub(crate) version: Arc<PollerVersion>,
}

/// One task queue.
#[derive(Debug)]
pub(crate) struct TaskQueue {
    pub(crate) key: QueueKey,
    /// A worker made its name up for itself, as a poll has said.
    pub(crate) is_sticky: bool,
    tasks: BTreeSet<Waiting>,
    /// Polls that wait, oldest first.
    pub(crate) pollers: VecDeque<CallId>,
    /// Queries that wait for a worker, oldest first; they go before tasks.
    pub(crate) queries: VecDeque<QueuedQuery>,
    cursors: BTreeMap<ShardId, Cursor>,
    /// Who polled lately, by identity.
    pub(crate) seen: BTreeMap<String, Seen>,
    /// When it was last polled; zero for never.
    pub(crate) last_poll: Time,
    /// When it was last polled, described or given a task.
    used: Time,
    /// How fast tasks may leave, as the last poll said.
    pub(crate) limit: RateLimit,
    /// How often a task had to wait for the limit.
    pub(crate) limited: Rate,
    /// How fast tasks came and went, by priority.
    pub(crate) paces: BTreeMap<i32, Pace>,
    /// Who waits to hear what the queue looks like.
    pub(crate) describers: Vec<ReplyTo>,
}

impl Cursor {
    fn at_the_beginning() -> Self {
        Self { from: Vec::new(), reading: Reading::Nothing, more: true, left: None }
    }
}

impl TaskQueue {
    /// Nothing is known of its tasks yet, in any of the `shards`.
    pub(crate) fn new(key: QueueKey, shards: u32) -> Self {
        Self {
            key,
            is_sticky: false,
            tasks: BTreeSet::new(),
            pollers: VecDeque::new(),
            queries: VecDeque::new(),
            cursors: (0..shards).map(|id| (ShardId(id), Cursor::at_the_beginning())).collect(),
            seen: BTreeMap::new(),
            last_poll: Time::ZERO,
            used: Time::ZERO,
            limit: RateLimit::default(),
            limited: Rate::default(),
            paces: BTreeMap::new(),
            describers: Vec::new(),
        }
    }

    /// A worker polls, with the limit that it asks for. The limit is the queue's from now on: the last poll counts.
    pub(crate) fn polled(&mut self, poll: &Poll, now: Time) {
        self.limit.set(poll.max_tasks_per_second, now);
        self.saw(poll, now);
    }

    /// A worker is there, with the limit that it asked for last. One without an identity is not remembered.
    pub(crate) fn saw(&mut self, poll: &Poll, now: Time) {
        (self.last_poll, self.used) = (now, now);
        if poll.identity.is_empty() {
            return;
        }
        let (tasks_per_second, version) = (poll.max_tasks_per_second, poll.worker_version.clone());
        self.seen.insert(poll.identity.clone(), Seen { at: now, tasks_per_second, version });
        if self.seen.len() <= REMEMBERED_POLLERS {
            return;
        }
        self.forget_pollers(now);
        let oldest = self.seen.iter().min_by_key(|(_, seen)| seen.at).map(|(identity, _)| identity.clone());
        if let (true, Some(oldest)) = (self.seen.len() > REMEMBERED_POLLERS, oldest) {
            self.seen.remove(&oldest);
        }
    }

    /// Forgets who has not polled for so long that it is not shown.
    pub(crate) fn forget_pollers(&mut self, now: Time) {
        self.seen.retain(|_, seen| seen.at + POLLER_SHOWN_FOR > now);
    }

    /// Until when the queue is to be kept; `None` while a caller waits at it, or a read of its tasks is under way.
    fn kept_until(&self) -> Option<Time> {
        let is_quiet = self.pollers.is_empty() && self.queries.is_empty() && self.describers.is_empty();
        let reads = self.cursors.values().any(|cursor| !matches!(cursor.reading, Reading::Nothing));
        (is_quiet && !reads).then_some(self.used + FORGOTTEN_AFTER)
    }

    /// The tasks that are known to wait; more may stand on disk.
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether a task that comes now may go at once: none stands in the queue, in memory or on disk, and the limit allows it.
    pub(crate) fn is_clear(&self, now: Time) -> bool {
        let nothing_stored = |cursor: &Cursor| !cursor.more && matches!(cursor.reading, Reading::Nothing);
        self.tasks.is_empty() && self.cursors.values().all(nothing_stored) && self.limit.ready() <= now
    }

    /// What waits, in memory and as far as it was counted on disk.
    pub(crate) fn backlog(&self) -> Backlog {
        let mut backlog = Backlog::default();
        for task in &self.tasks {
            backlog.add(task.priority, Time(task.since));
        }
        for left in self.cursors.values().filter_map(|cursor| cursor.left.as_ref()) {
            backlog.merge(left);
        }
        backlog
    }

    /// Whether the task stands in memory.
    pub(crate) fn holds(&self, shard: ShardId, place: &TaskPlace) -> bool {
        self.tasks.contains(&Waiting::of(shard, place))
    }

    fn place(&self, task: Waiting) -> (ShardId, TaskPlace) {
        let Waiting { priority, since, run_id, event_id, attempt, shard } = task;
        (shard, TaskPlace { queue: self.key.clone(), priority, since, run_id, event_id, attempt })
    }

    /// Takes a task in; when memory is full, the last one is left to the disk.
    fn insert(&mut self, shard: ShardId, place: &TaskPlace) {
        self.tasks.insert(Waiting::of(shard, place));
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
            if let Some(left) = &mut cursor.left {
                left.add(place.priority, Time(place.since));
            }
        }
    }

    /// Takes in tasks that were read: they are not among what is left on disk any more, unless there is no room for them.
    fn take_up(&mut self, shard: ShardId, mut places: Vec<TaskPlace>) {
        places.retain(|place| !self.holds(shard, place));
        if let Some(left) = self.cursors.get_mut(&shard).and_then(|cursor| cursor.left.as_mut()) {
            places.iter().for_each(|place| left.remove(place.priority));
        }
        places.iter().for_each(|place| self.insert(shard, place));
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
    fn lose_shard(&mut self, shard: ShardId) {
        self.tasks.retain(|task| task.shard != shard);
        self.cursors.insert(shard, Cursor::at_the_beginning());
    }

    /// The reads that are worth doing now: none while there are enough tasks at hand.
    fn wanted_reads(&mut self) -> Vec<(ShardId, ReadRequest)> {
        if self.tasks.len() >= PAGE {
            return Vec::new();
        }
        let prefix = Key::task_queue_prefix(&self.key);
        let mut reads = Vec::new();
        for (shard, cursor) in &mut self.cursors {
            if !cursor.more || !matches!(cursor.reading, Reading::Nothing) {
                continue;
            }
            cursor.reading = Reading::Tasks;
            reads.push((*shard, ReadRequest::scan(*shard, rest(&prefix, &cursor.from), PAGE)));
        }
        reads
    }

    fn read_to(&mut self, shard: ShardId, page: &Page) {
        let Some(cursor) = self.cursors.get_mut(&shard) else {
            return;
        };
        cursor.reading = Reading::Nothing;
        cursor.more = page.more;
        if !page.more {
            cursor.left = Some(Backlog::default());
        }
        if let Some((last, _)) = page.pairs.last() {
            cursor.from = key::behind(last);
        }
    }

    /// The counts of these shards that are to be made now, and whether any is under way or has to wait its turn.
    pub(crate) fn wanted_counts(&mut self, shards: &[ShardId]) -> (Vec<ShardRange>, bool) {
        let prefix = Key::task_queue_prefix(&self.key);
        let mut reads = Vec::new();
        let mut waits = false;
        for shard in shards {
            let Some(cursor) = self.cursors.get_mut(shard).filter(|cursor| cursor.left.is_none()) else {
                continue;
            };
            waits = true;
            if matches!(cursor.reading, Reading::Nothing) {
                cursor.reading = Reading::Count(Backlog::default());
                reads.push((*shard, rest(&prefix, &cursor.from)));
            }
        }
        (reads, waits)
    }

    /// Takes in the count of one page, the last key of which is `last` if more pages follow. Returns what to count next.
    pub(crate) fn counted(&mut self, shard: ShardId, found: &Backlog, last: Option<Vec<u8>>) -> Option<Range<Vec<u8>>> {
        let cursor = self.cursors.get_mut(&shard)?;
        let Reading::Count(so_far) = &mut cursor.reading else {
            return None;
        };
        so_far.merge(found);
        let Some(last) = last else {
            cursor.left = Some(std::mem::take(so_far));
            cursor.reading = Reading::Nothing;
            return None;
        };
        Some(rest(&Key::task_queue_prefix(&self.key), &key::behind(&last)))
    }
}

impl Waiting {
    fn of(shard: ShardId, place: &TaskPlace) -> Self {
        let TaskPlace { queue: _, priority, since, run_id, event_id, attempt } = *place;
        Self { priority, since, run_id, event_id, attempt, shard }
    }
}

/// A queue's keys from `from` on; empty for all.
fn rest(prefix: &[u8], from: &[u8]) -> Range<Vec<u8>> {
    let start = if from.is_empty() { prefix } else { from };
    start.to_vec()..key::prefix_end(prefix)
}

/// The tasks of a page.
///
/// # Errors
/// A row of it is damaged.
pub(crate) fn places(queue: &QueueKey, page: Page) -> Result<Vec<TaskPlace>, StoreError> {
    let place = |(bytes, value): (Vec<u8>, bytes::Bytes)| {
        let OwnedKey::Task { queue: _, priority, pass: _, since, entity, item: event_id } = Key::decode(&bytes)? else {
            return Err(StoreError::Unusable("a task's key is damaged".into()));
        };
        let run_id = match entity.kind {
            EntityKind::Run => RunId(entity.uuid),
            EntityKind::Job => return Err(StoreError::Unusable("a job has a task for workers".into())),
        };
        let attempt = record::decode::<TaskRecord>(value)?.attempt;
        Ok(TaskPlace { queue: queue.clone(), priority, since: since.0, run_id, event_id, attempt })
    };
    page.pairs.into_iter().map(place).collect()
}

impl Lane {
    /// The queue, which is used now; made when it is first named.
    pub(crate) fn queue(&mut self, key: &QueueKey) -> &mut TaskQueue {
        let (shards, now) = (self.config.placement.shards(), self.now);
        if !self.queues.contains_key(key) {
            self.set_timer(now + FORGOTTEN_AFTER, Timer::QueueIdle(key.clone()));
        }
        let queue = self.queues.entry(key.clone()).or_insert_with(|| TaskQueue::new(key.clone(), shards));
        queue.used = now;
        queue
    }

    /// Forgets the queue if it was not used for long. Nothing is lost but its cursors: its tasks are on disk.
    pub(crate) fn forget_queue(&mut self, key: &QueueKey) {
        let Some(queue) = self.queues.get(key) else { return };
        match queue.kept_until() {
            Some(until) if until <= self.now => {
                self.queues.remove(key);
            }
            until => self.set_timer(until.unwrap_or(self.now + FORGOTTEN_AFTER), Timer::QueueIdle(key.clone())),
        }
    }

    /// Task queues that stand in memory.
    pub fn task_queues(&self) -> usize {
        self.queues.len()
    }

    /// A durable task of this lane's shard waits for a worker.
    pub(crate) fn offer(&mut self, shard: ShardId, place: TaskPlace) {
        if !self.matches(&place.queue) {
            let sticky = self.is_on_sticky(shard, &place);
            return self.offers.push(Offer { shard, place, sticky });
        }
        if !self.leave_sticky(shard, &place) {
            self.offered(Offer { shard, place, sticky: false });
        }
    }

    /// A task waits for a worker of this lane's queue.
    pub(crate) fn offered(&mut self, offer: Offer) {
        let Offer { shard, place, sticky } = offer;
        if sticky && !self.is_polled(&place.queue) {
            return self.send_to_shard(shard, Content::Unpolled { shard, place });
        }
        let now = self.now;
        let queue = self.queue(&place.queue);
        queue.insert(shard, &place);
        queue.paces.entry(place.priority).or_default().added.count(now);
        let key = place.queue;
        self.run_queue.push_back(Work::Match(key));
    }

    /// Reads more of a queue's tasks where some are on disk and room is in memory.
    pub(crate) fn refill(&mut self, key: &QueueKey) {
        let Some(queue) = self.queues.get_mut(key) else { return };
        for (shard, request) in queue.wanted_reads() {
            if self.is_readable(shard) {
                self.read(request, PendingRead::Queue(shard, key.clone()));
            } else if let Some(cursor) = self.queues.get_mut(key).and_then(|queue| queue.cursors.get_mut(&shard)) {
                cursor.reading = Reading::Nothing;
            }
        }
    }

    /// Whether tasks of a shard can be read now: another lane says when its shards were opened again.
    pub(crate) fn is_readable(&self, shard: ShardId) -> bool {
        !self.owns(shard) || self.shards.get(&shard).is_some_and(|state| state.epoch.is_some())
    }

    /// The tasks of another lane's shard could not be read.
    pub(crate) fn read_again_later(&mut self, shard: ShardId, key: &QueueKey) {
        let Some(cursor) = self.queues.get_mut(key).and_then(|queue| queue.cursors.get_mut(&shard)) else { return };
        cursor.reading = Reading::Nothing;
        self.set_timer(self.now + READ_AGAIN_AFTER, Timer::Queue(key.clone()));
    }

    /// Another lane has acquired a shard: what is known of its tasks may be old.
    pub(crate) fn opened_elsewhere(&mut self, shard: ShardId) {
        self.lose_tasks(shard);
        self.reopen_queues();
    }

    /// A shard's tasks in memory are forgotten with it.
    pub(crate) fn lose_tasks(&mut self, shard: ShardId) {
        let keys: Vec<_> = self.queues.keys().cloned().collect();
        for key in keys {
            if let Some(queue) = self.queues.get_mut(&key) {
                queue.lose_shard(shard);
            }
            // A caller that waited for a count of them hears of what the other shards have.
            self.count_queue(&key);
        }
    }

    /// A shard is open again: queues that have pollers read its tasks.
    pub(crate) fn reopen_queues(&mut self) {
        let keys: Vec<_> = self.queues.keys().cloned().collect();
        for key in keys {
            self.run_queue.push_back(Work::Match(key));
        }
    }

    /// A page of the queue's tasks that were only on disk.
    ///
    /// # Errors
    /// A row of it is damaged.
    pub(crate) fn tasks_found(&mut self, shard: ShardId, key: &QueueKey, page: Page) -> Result<(), StoreError> {
        let Some(queue) = self.queues.get_mut(key) else {
            return Ok(());
        };
        queue.read_to(shard, &page);
        queue.take_up(shard, places(key, page)?);
        self.count_queue(key);
        self.run_queue.push_back(Work::Match(key.clone()));
        Ok(())
    }
}
