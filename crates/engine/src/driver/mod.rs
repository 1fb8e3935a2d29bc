//! `Engine`: a `Node` with a clock, a store and callers.
//!
//! A call locks the node for the microseconds of its steps and then awaits its answer; one thread writes commits, merging
//! all that wait; reads have threads of their own.

mod cluster_record;
mod writer;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use cluster::{Member, NodeId};
use model::{Limits, Reject, Time, TokenKey};
use store::{
    CommitError, Key, Store, StoreError, key,
    visibility::{Query, QueryPage, Value},
};
use tokio::sync::{Notify, oneshot};

use crate::{Action, Answer, CallId, Event, HistoryRange, NamespaceTable, Node, NodeConfig, ReadRequest, Request};
use writer::{Commit, Writer};

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many shards the data has. Fixed when the store is first used: the stored number wins later.
    pub shards: u32,
    pub limits: Arc<Limits>,
    /// Where this node serves, as `host:port`, for the other nodes.
    pub address: String,
    /// Runs that each shard keeps in memory when they are idle.
    pub cached_runs: usize,
}

/// A running engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    limits: Arc<Limits>,
    token_key: TokenKey,
    cluster_id: String,
    store: Arc<dyn Store>,
    core: Mutex<Core>,
    namespaces: RwLock<Arc<NamespaceTable>>,
    writer: Arc<Writer>,
    next_call: AtomicU64,
    /// Rung when the node's next alarm may have changed.
    alarm: Arc<Notify>,
    runtime: tokio::runtime::Handle,
}

/// What the lock guards.
struct Core {
    node: Node,
    waiting: BTreeMap<CallId, oneshot::Sender<Result<Answer, Reject>>>,
    /// When the clock task will tick of its own accord.
    armed: Option<Time>,
    /// What the writing thread takes next.
    commits: Vec<Commit>,
    /// What whoever holds the lock does when it has let go of it.
    after: After,
    /// The writing thread is at work, and will look again before it rests.
    is_writing: bool,
}

/// What is done without the lock: whoever is woken may want it at once.
#[derive(Default)]
struct After {
    answers: Vec<(oneshot::Sender<Result<Answer, Reject>>, Result<Answer, Reject>)>,
    reads: Vec<(u64, ReadRequest)>,
    /// The writing thread has something to write.
    calls_writer: bool,
    /// An earlier alarm was set.
    rings: bool,
}

impl Engine {
    /// Takes all shards of the store and is ready for calls when it returns. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the storage fails or is in a newer format.
    pub fn open(store: Arc<dyn Store>, config: Config) -> Result<Self, StoreError> {
        let cluster = cluster_record::load_or_create(&*store, config.shards)?;
        let id = NodeId(random_id().as_u128());
        // One node for now: it lives as long as its process, and the store's epochs fence off any other.
        let members = vec![Member { id, address: config.address.clone(), lease_until: Time::MAX }];
        let settings = NodeConfig {
            id,
            members,
            shards: cluster.shards,
            limits: config.limits.clone(),
            token_key: cluster.token_key.clone(),
            seed: random_id().as_u128(),
            cached_runs: config.cached_runs,
        };
        let node = Node::new(settings, now());
        let inner = Arc::new(Inner {
            limits: config.limits,
            token_key: cluster.token_key,
            cluster_id: cluster.id,
            store,
            core: Mutex::new(Core {
                node,
                waiting: BTreeMap::new(),
                armed: None,
                commits: Vec::new(),
                after: After::default(),
                is_writing: false,
            }),
            namespaces: RwLock::default(),
            writer: Arc::new(Writer::new()),
            next_call: AtomicU64::new(0),
            alarm: Arc::default(),
            runtime: tokio::runtime::Handle::current(),
        });
        inner.open_shards()?;
        if inner.store.waits() {
            writer::start(&inner);
        }
        inner.runtime.spawn(keep_time(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// Asks the engine; the answer comes when all it tells of is durable. Dropping the future takes a poll or a wait back.
    ///
    /// # Errors
    /// The refusal as the caller shall see it.
    pub async fn call(&self, request: Request) -> Result<Answer, Reject> {
        let id = self.inner.next_call.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.inner.feed(|core| {
            core.waiting.insert(id, sender);
            Event::Call { id, request }
        });
        let mut pending = Pending { inner: &self.inner, id, done: false };
        let answer = receiver.await;
        pending.done = true;
        answer.unwrap_or_else(|_| Err(Reject::unavailable("the server is stopping")))
    }

    /// The events of a range as encoded `History` messages: decoded one after the other they are its events in order.
    /// The first may begin before `range.from`, and the last may end after `range.before`: batches come whole.
    /// It stops at the end of the batch that holds the `max_events`th event of the range.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub async fn read_history(&self, range: &HistoryRange, max_events: usize) -> Result<Vec<Bytes>, Reject> {
        if range.from >= range.before {
            return Ok(Vec::new());
        }
        let recent_covers = range.recent.first().is_some_and(|(first, _)| *first <= range.from);
        if recent_covers {
            return Ok(from_recent(range, max_events));
        }
        let range = range.clone();
        self.blocking(move |store| read_batches(store, &range, max_events)).await
    }

    /// A page of a list.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub async fn list(&self, query: Query) -> Result<QueryPage, Reject> {
        self.blocking(move |store| store.query(&query)).await
    }

    /// Counts by group.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub async fn count(&self, query: Query) -> Result<Vec<(Vec<Option<Value>>, i64)>, Reject> {
        self.blocking(move |store| store.count(&query)).await
    }

    /// The namespaces as of the last durable change.
    pub fn namespaces(&self) -> Arc<NamespaceTable> {
        self.inner.namespaces.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn limits(&self) -> &Arc<Limits> {
        &self.inner.limits
    }

    /// The wall clock that the engine goes by.
    pub fn now(&self) -> Time {
        now()
    }

    /// What task tokens are sealed with; kept in the store.
    pub fn token_key(&self) -> &TokenKey {
        &self.inner.token_key
    }

    /// The id that this cluster got when its store was made.
    pub fn cluster_id(&self) -> &str {
        &self.inner.cluster_id
    }

    /// Lets waiting polls return empty and returns when everything accepted is durable.
    pub async fn shutdown(&self) {
        self.inner.feed(|_| Event::Drain);
        while !self.inner.lock().node.is_settled() {
            self.inner.writer.idle().await;
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Reject> {
        let store = self.inner.store.clone();
        let result = self.inner.runtime.spawn_blocking(move || read(&*store)).await;
        match result {
            Ok(found) => found.map_err(|error| Reject::unavailable(format!("storage failed: {error}"))),
            Err(_) => Err(Reject::unavailable("the server is stopping")),
        }
    }
}

/// Takes a call back whose caller has gone away.
struct Pending<'a> {
    inner: &'a Arc<Inner>,
    id: CallId,
    done: bool,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.done {
            let id = self.id;
            self.inner.feed(|core| {
                core.waiting.remove(&id);
                Event::Abandoned { id }
            });
        }
    }
}

impl Core {
    /// Tells the node what became of its commits.
    fn committed(&mut self, commits: &[Commit], results: Vec<Result<(), CommitError>>) {
        for ((shard, ..), result) in commits.iter().zip(results) {
            self.node.on(now(), Event::Committed { shard: *shard, result });
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic in a step has left the node between two states: stop rather than write them.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the node an event and does what follows. Short reads are done here, without the lock: a page that is in memory
    /// costs less than the way to another thread.
    fn feed(self: &Arc<Self>, event: impl FnOnce(&mut Core) -> Event) {
        let mut reads = self.step(|core| {
            let event = event(core);
            core.node.on(now(), event);
        });
        while let Some((ticket, request)) = reads.pop() {
            if request.is_short() || !self.store.waits() {
                let result = request.perform(&*self.store);
                reads.append(&mut self.step(|core| core.node.on(now(), Event::Read { ticket, result })));
            } else {
                self.read(ticket, request);
            }
        }
    }

    /// Tells the node something and does what follows, but for the reads, which are the caller's to do.
    fn step(self: &Arc<Self>, tell: impl FnOnce(&mut Core)) -> Vec<(u64, ReadRequest)> {
        let mut core = self.lock();
        tell(&mut core);
        self.act(&mut core);
        self.let_go(core)
    }

    /// Lets go of the lock, and then wakes everybody who has to hear of what was done under it.
    fn let_go(&self, mut core: MutexGuard<'_, Core>) -> Vec<(u64, ReadRequest)> {
        let after = std::mem::take(&mut core.after);
        drop(core);
        for (sender, result) in after.answers {
            // A receiver that is gone has taken its call back already.
            drop(sender.send(result));
        }
        if after.calls_writer {
            self.writer.call();
        }
        if after.rings {
            self.alarm.notify_one();
        }
        after.reads
    }

    /// Does the node's actions, and sees to it that what there is to write is written.
    fn act(self: &Arc<Self>, core: &mut Core) {
        self.do_actions(core);
        while !self.store.waits() && core.node.has_changes() {
            let commits = self.cut(core);
            let results = self.store.commit(&commits);
            core.committed(&commits, results);
            self.do_actions(core);
        }
        if !core.is_writing && core.node.has_changes() {
            core.is_writing = true;
            core.after.calls_writer = true;
        }
        let next = core.node.next_alarm();
        if next.is_some_and(|next| core.armed.is_none_or(|armed| next < armed)) {
            core.armed = next;
            core.after.rings = true;
        }
    }

    /// Takes what there is to write.
    fn cut(self: &Arc<Self>, core: &mut Core) -> Vec<Commit> {
        core.node.on(now(), Event::Cut);
        self.do_actions(core);
        std::mem::take(&mut core.commits)
    }

    fn do_actions(self: &Arc<Self>, core: &mut Core) {
        for action in core.node.take_actions() {
            match action {
                Action::Answer { id, result } => {
                    if let Some(sender) = core.waiting.remove(&id) {
                        core.after.answers.push((sender, result));
                    }
                }
                Action::Commit { shard, epoch, batch } => core.commits.push((shard, epoch, batch)),
                Action::Read { ticket, request } => core.after.reads.push((ticket, request)),
                Action::Acquire { shard } => {
                    let inner = self.clone();
                    self.runtime.spawn_blocking(move || {
                        let result = inner.store.acquire(shard);
                        inner.feed(|_| Event::Acquired { shard, result });
                    });
                }
                Action::Namespaces(table) => {
                    *self.namespaces.write().unwrap_or_else(PoisonError::into_inner) = table;
                }
            }
        }
    }

    /// Sets off what is ripe; when the next alarm is.
    fn tick(self: &Arc<Self>) -> Option<Time> {
        let mut core = self.lock();
        core.node.on(now(), Event::Tick);
        self.act(&mut core);
        core.armed = core.node.next_alarm();
        let next = core.armed;
        let reads = self.let_go(core);
        self.read_all(reads);
        next
    }

    fn read_all(self: &Arc<Self>, reads: Vec<(u64, ReadRequest)>) {
        for (ticket, request) in reads {
            self.read(ticket, request);
        }
    }

    /// Reads on a thread that may wait.
    fn read(self: &Arc<Self>, ticket: u64, request: ReadRequest) {
        let inner = self.clone();
        self.runtime.spawn_blocking(move || {
            let result = request.perform(&*inner.store);
            inner.feed(|_| Event::Read { ticket, result });
        });
    }

    /// The start: acquires every shard and reads it in, on the caller's thread.
    fn open_shards(self: &Arc<Self>) -> Result<(), StoreError> {
        loop {
            let mut core = self.lock();
            let actions = core.node.take_actions();
            if actions.is_empty() {
                return Ok(());
            }
            for action in actions {
                let event = match action {
                    Action::Acquire { shard } => Event::Acquired { shard, result: Ok(self.store.acquire(shard)?) },
                    Action::Read { ticket, request } => {
                        Event::Read { ticket, result: Ok(request.perform(&*self.store)?) }
                    }
                    Action::Commit { shard, epoch, batch } => {
                        core.commits.push((shard, epoch, batch));
                        continue;
                    }
                    Action::Namespaces(table) => {
                        *self.namespaces.write().unwrap_or_else(PoisonError::into_inner) = table;
                        continue;
                    }
                    Action::Answer { .. } => continue,
                };
                core.node.on(now(), event);
            }
        }
    }
}

impl Drop for Inner {
    /// Those who wait to work for it hear that there is no work any more.
    fn drop(&mut self) {
        self.writer.call();
        self.alarm.notify_one();
    }
}

/// Ticks the node whenever an alarm is ripe, for as long as the engine lives. Does not hold on to it meanwhile.
async fn keep_time(inner: std::sync::Weak<Inner>) {
    loop {
        let Some(strong) = inner.upgrade() else { return };
        let next = strong.tick();
        let alarm = strong.alarm.clone();
        drop(strong);
        let wait = next.map_or(Duration::from_secs(60), |next| next.since(now()).min(Duration::from_secs(60)));
        // Either the time has come, or an earlier one was set.
        drop(tokio::time::timeout(wait, alarm.notified()).await);
    }
}

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "the driver is where the clock comes in")]
fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// 122 random bits.
#[expect(clippy::disallowed_methods, reason = "the driver is where randomness comes in")]
fn random_id() -> uuid::Uuid {
    uuid::Uuid::new_v4()
}

/// The batches at hand that hold the range.
fn from_recent(range: &HistoryRange, max_events: usize) -> Vec<Bytes> {
    let ends = range.recent.iter().skip(1).map(|(first, _)| *first).chain([i64::MAX]);
    let wanted = range.recent.iter().zip(ends).filter(|((first, _), end)| *end > range.from && *first < range.before);
    let last = range.from.saturating_add(i64::try_from(max_events).unwrap_or(i64::MAX));
    wanted.take_while(|((first, _), _)| *first < last).map(|((_, batch), _)| batch.clone()).collect()
}

fn read_batches(store: &dyn Store, range: &HistoryRange, max_events: usize) -> Result<Vec<Bytes>, StoreError> {
    let last = range.from.saturating_add(i64::try_from(max_events).unwrap_or(i64::MAX)).min(range.before);
    // The batch that holds the first event may begin before it: a step writes one batch, whatever its length.
    let all = key::within(&Key::history_prefix(range.run_id));
    let end = Key::History(range.run_id, last).encode();
    let first = first_batch(store, range, &all.start)?;
    let page = store.scan(range.shard, &first, &end, usize::MAX)?;
    Ok(page.pairs.into_iter().map(|(_, value)| value).collect())
}

/// The key of the batch that holds the first event of the range.
fn first_batch(store: &dyn Store, range: &HistoryRange, start: &[u8]) -> Result<Vec<u8>, StoreError> {
    let exact = Key::History(range.run_id, range.from).encode();
    if range.from <= 1 || store.get(range.shard, &exact)?.is_some() {
        return Ok(exact);
    }
    // Look back in growing strides until a batch begins in the stride.
    let mut stride = 16;
    loop {
        let from = (range.from - stride).max(1);
        let low = if from == 1 { start.to_vec() } else { Key::History(range.run_id, from).encode() };
        let page = store.scan(range.shard, &low, &exact, usize::MAX)?;
        if let Some((key, _)) = page.pairs.into_iter().next_back() {
            return Ok(key);
        }
        if from == 1 {
            return Ok(exact);
        }
        stride *= 8;
    }
}
