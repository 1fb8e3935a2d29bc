//! `Engine`: the lanes of a process with a clock, a store and callers.
//!
//! A call is told to its lane, which takes microseconds, and then awaits its answer; on a disk each lane has a thread that writes
//! commits, merging all that wait, unless there is one caller only; long reads have threads of their own, and lists a few others.

mod admission;
mod batch_scope;
mod clock;
mod cluster_record;
mod delivery;
mod everywhere;
mod history;
mod inbox;
mod inner;
mod lane_handle;
mod lanes;
mod lists;
mod memos;
mod open;
mod quarantine;
mod timekeeper;
mod turns;
mod writer;

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use cluster::{Member, NodeId};
use model::{Budget, Limits, NamespaceId, Reject, ShardId, Time, TokenKey};
use store::{
    Medium, Store, StoreError,
    visibility::{Query, QueryPage, Value},
};

use crate::{
    Answer, CallId, Event, HistoryRange, Lane, LaneConfig, LaneId, NamespaceTable, Placement, Request, persist,
};
pub use admission::{Class, Pass, Stands};
pub use clock::Clocks;
use clock::{Clock, SystemClocks};
pub use delivery::Delivery;
use delivery::Response;
pub use history::PageLimit;
use inner::{Inner, Parts};
pub use memos::{ListPage, Listed};

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many shards the data has. Fixed when the store is first used: the stored number wins later.
    pub shards: u32,
    pub limits: Arc<Limits>,
    /// Where this node serves, as `host:port`, for the other nodes.
    pub address: String,
    /// Runs that are kept in memory when they are idle, over all shards.
    pub cached_runs: usize,
}

/// A running engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl Engine {
    /// Takes all shards of the store and is ready for calls when it returns. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the storage fails or is in a newer format.
    pub fn open(store: Arc<dyn Store>, config: Config) -> Result<Self, StoreError> {
        Self::open_by(store, config, Arc::new(SystemClocks))
    }

    /// The same by other clocks than those of the machine.
    ///
    /// # Errors
    /// When the storage fails or is in a newer format.
    pub fn open_by(store: Arc<dyn Store>, config: Config, clocks: Arc<dyn Clocks>) -> Result<Self, StoreError> {
        let cluster = cluster_record::load_or_create(&*store, config.shards)?;
        let id = NodeId(random_id().as_u128());
        // One node for now: it lives as long as its process, and the store's epochs fence off any other.
        let members = vec![Member { id, address: config.address.clone(), lease_until: Time::MAX }];
        let memory = Budget::new(config.limits.memory);
        let placement = Placement::new(cluster.shards, config.limits.lanes.min(lanes::MOST_LANES));
        let clock = Clock::new(clocks, last_committed(&*store, cluster.shards)?);
        let now = clock.now();
        let lane = |lane: LaneId| {
            let settings = LaneConfig {
                id,
                members: members.clone(),
                placement,
                lane,
                limits: config.limits.clone(),
                token_key: cluster.token_key.clone(),
                seed: random_id().as_u128(),
                cached_runs: (config.cached_runs / placement.count()).max(1),
                memory: memory.clone(),
            };
            Lane::new(settings, now)
        };
        let lanes = placement.lanes().map(lane).collect();
        let limits = config.limits.clone();
        let inner = Arc::new(Inner::new(Parts { store, limits, memory, cluster, clock, placement }, lanes));
        open::open_shards(&inner)?;
        for lane in placement.lanes() {
            if inner.store.medium() == Medium::Disk {
                writer::start(&inner, lane);
            }
            inner.runtime.spawn(timekeeper::keep_time(Arc::downgrade(&inner), lane));
        }
        Ok(Self { inner })
    }

    /// Asks the engine; the answer comes when all it tells of is durable. Dropping the future takes a poll or a wait back,
    /// and with it a task that is on its way; the tasks of an answer that was returned are the caller's.
    ///
    /// # Errors
    /// The refusal as the caller shall see it.
    pub async fn call(&self, request: Request) -> Result<Answer, Reject> {
        let Response { answer, delivery } = self.ask(request, None).await?;
        if let Some(delivery) = delivery {
            delivery.done();
        }
        Ok(answer)
    }

    /// As `call`, for a caller from outside: it is not carried out when its turn comes too late, or when the caller waits no
    /// more. The tasks of the answer go back unless the delivery that the pass then holds is done.
    ///
    /// # Errors
    /// The refusal as the caller shall see it.
    pub async fn call_with(&self, request: Request, pass: &Arc<Pass>) -> Result<Answer, Reject> {
        let Response { answer, delivery } = self.ask(request, Some(pass.clone())).await?;
        if let Some(delivery) = delivery {
            pass.carry(delivery);
        }
        Ok(answer)
    }

    /// Lets a call in, at the moment when its head has come and before anything else is done with it. `timeout` is how long
    /// its caller waits, if it says so.
    ///
    /// # Errors
    /// The server is overloaded.
    pub fn admit(&self, class: Class, leaves: Stands, timeout: Option<Duration>) -> Result<Pass, Reject> {
        let came = self.now();
        self.inner.admission.admit(class, leaves, came, timeout.map_or(Time::MAX, |timeout| came + timeout))
    }

    async fn ask(&self, request: Request, pass: Option<Arc<Pass>>) -> Result<Response, Reject> {
        match self.inner.placement.of_request(&request) {
            Some(lane) => {
                let asked = self.inner.ask(lane, request, pass);
                self.answered(asked).await
            }
            None => self.ask_everywhere(request, pass).await,
        }
    }

    /// Asks each lane; the call was let in once.
    async fn ask_everywhere(&self, request: Request, mut pass: Option<Arc<Pass>>) -> Result<Response, Reject> {
        let lanes = self.inner.placement.lanes();
        let asked: Vec<_> = lanes.map(|lane| self.inner.ask(lane, request.clone(), pass.take())).collect();
        let mut answers = Vec::with_capacity(asked.len());
        for asked in asked {
            answers.push(self.answered(asked).await.map(|response| response.answer));
        }
        Ok(Response { answer: everywhere::join(&request.call, answers)?, delivery: None })
    }

    async fn answered(&self, asked: (CallId, inner::Answered)) -> Result<Response, Reject> {
        let (id, answered) = asked;
        let mut pending = Pending { inner: &self.inner, id, done: false };
        let answer = answered.await;
        pending.done = true;
        answer.unwrap_or_else(|_| Err(Reject::unavailable("the server is stopping")))
    }

    /// A batch scope: calls that `ask` makes on this thread reach their lanes together, when it returns; unless another thread,
    /// which is at the lane just then, takes them in before.
    pub fn batch_scope<T>(&self, ask: impl FnOnce() -> T) -> T {
        self.inner.batch_scope(ask)
    }

    /// The events of a range as encoded `History` messages: decoded one after the other they are its events in order.
    /// The first may begin before `range.from`, and the last may end after `range.before`: batches come whole.
    /// It stops at the end of the batch that reaches `limit`.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub async fn read_history(&self, range: &HistoryRange, limit: PageLimit) -> Result<Vec<Bytes>, Reject> {
        if range.from >= range.before {
            return Ok(Vec::new());
        }
        let recent_covers = range.recent.first().is_some_and(|(first, _)| *first <= range.from);
        if recent_covers {
            return Ok(history::from_recent(range, limit));
        }
        let range = range.clone();
        self.blocking(move |store| history::read_batches(store, &range, limit)).await
    }

    /// A page of a list, without memos. It may be short, or even empty, where `next` says that there is more.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails, `ResourceExhausted` when too many lists and counts wait.
    pub async fn list(&self, query: Query) -> Result<QueryPage, Reject> {
        self.read_lists(query.namespace, move |store| store.query(&query)).await
    }

    /// A page of a list, with the memo of each run.
    ///
    /// # Errors
    /// As `list`.
    pub async fn list_with_memos(&self, query: Query) -> Result<ListPage, Reject> {
        let shards = self.inner.placement.shards();
        self.read_lists(query.namespace, move |store| memos::page(store, &query, shards)).await
    }

    /// Counts by group.
    ///
    /// # Errors
    /// As `list`.
    pub async fn count(&self, query: Query) -> Result<Vec<(Vec<Option<Value>>, i64)>, Reject> {
        self.read_lists(query.namespace, move |store| store.count(&query)).await
    }

    /// The namespaces as of the last durable change.
    pub fn namespaces(&self) -> Arc<NamespaceTable> {
        self.inner.namespaces.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What may be held for callers, in bytes, over all connections, calls and caches.
    pub fn memory(&self) -> &Arc<Budget> {
        &self.inner.memory
    }

    pub fn limits(&self) -> &Arc<Limits> {
        &self.inner.limits
    }

    /// The time that the engine goes by: near the wall clock, but never set.
    pub fn now(&self) -> Time {
        self.inner.clock.now()
    }

    /// The machine's wall clock, which may be set at any time: by it people and other machines say until when something is
    /// good.
    pub fn wall(&self) -> Time {
        self.inner.clock.wall()
    }

    /// What task tokens are sealed with; kept in the store.
    pub fn token_key(&self) -> &TokenKey {
        &self.inner.token_key
    }

    /// How many shards the data has.
    pub fn shards(&self) -> u32 {
        self.inner.placement.shards()
    }

    /// The id that this cluster got when its store was made.
    pub fn cluster_id(&self) -> &str {
        &self.inner.cluster_id
    }

    /// Lets waiting polls return empty and returns when everything accepted is durable.
    pub async fn shutdown(&self) {
        for handle in self.inner.handles() {
            self.inner.step(handle, |core| core.tell(Event::Drain));
        }
        for handle in self.inner.handles() {
            while !self.inner.step(handle, |core| core.lane.is_settled()) {
                handle.writer.idle().await;
            }
        }
    }

    async fn read_lists<T: Send + 'static>(
        &self,
        namespace: NamespaceId,
        read: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Reject> {
        let Inner { lists, runtime, store, .. } = &*self.inner;
        lists.read(runtime, namespace, store.clone(), read).await
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
            self.inner.abandon(self.id);
        }
    }
}

/// The greatest time that anything was committed at.
fn last_committed(store: &dyn Store, shards: u32) -> Result<Time, StoreError> {
    let mut last = Time::ZERO;
    for shard in 0..shards {
        last = last.max(persist::committed_time(store, ShardId(shard))?);
    }
    Ok(last)
}

/// 122 random bits.
#[expect(clippy::disallowed_methods, reason = "the driver is where randomness comes in")]
fn random_id() -> uuid::Uuid {
    uuid::Uuid::new_v4()
}
