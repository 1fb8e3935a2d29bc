//! The whole engine without IO: events go in, actions come out.
//!
//! A lane owns shards, and the task queues whose pollers wait at it. There are several in a process; a lane touches nothing of
//! another one, but sends it parcels. Each event is carried out completely before the next: what a
//! piece of work lacks is fetched while others go on (prefetch), then the machine decides in memory (step), what it
//! changed joins the shard's open batch (commit), and its effects wait until that batch is durable (release).
//! There is no clock, thread, channel or store here.

mod answer;
mod apply;
mod assert;
mod backlog;
mod calls;
mod deletion;
mod describe;
mod jobs;
mod members;
mod messages;
mod pace;
mod parcel;
mod polls;
mod quarantine;
mod queries;
mod queue;
mod read;
mod shard;
mod start;
mod undelivered;
mod update_with_start;
mod updates;
mod wake;
mod workers;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use cluster::{Member, NodeId};
use machine::{MessageKey, StepContext};
use model::{
    Budget, EntityId, Entropy, Epoch, Limits, Namespace, NamespaceId, QueueKey, Reject, RunId, ShardId, Time, TokenKey,
};
use proto::temporal::api::enums::v1::NamespaceState;
use store::{Batch, CommitResult, StoreError};

use crate::{Answer, Call, LaneId, NamespaceTable, Placement, Request};

pub use parcel::Parcel;
#[cfg(any(test, feature = "planted-panics"))]
pub use quarantine::PlantedPanic;
pub use quarantine::QuarantinedRun;
pub use read::{ReadRequest, ReadResult};

use apply::Apply;
use jobs::Jobs;
use messages::Unacknowledged;
use polls::Polls;
use queries::Queries;
use queue::TaskQueue;
use read::PendingRead;
use shard::{Effect, Shard};
use updates::Updates;

/// Names a call between the lanes of a process and their driver.
pub type CallId = u64;

/// What a lane is set up with.
#[derive(Clone, Debug)]
pub struct LaneConfig {
    /// This node's name among the members.
    pub id: NodeId,
    /// All nodes of the cluster, this one included.
    pub members: Vec<Member>,
    /// How the shards are dealt out to the lanes of this node, and which of them this is.
    pub placement: Placement,
    pub lane: LaneId,
    /// In force for all namespaces.
    pub limits: Arc<Limits>,
    /// What task tokens are sealed with; the same on all nodes.
    pub token_key: TokenKey,
    /// Everything random comes from here.
    pub seed: u128,
    /// Runs that the lane keeps in memory when they are idle: each shard its part, and at least one.
    pub cached_runs: usize,
    /// What the runs in memory are counted against; when half of it is used up, fewer of them are kept.
    pub memory: Arc<Budget>,
}

/// What happens to a lane.
#[derive(Debug)]
pub enum Event {
    /// A caller asks; `id` names the call until it is answered. It is not carried out any more from `until` on.
    Call { id: CallId, request: Request, until: Time },
    /// The caller is gone: take its poll or wait back.
    Abandoned { id: CallId },
    /// An answer with these tasks, named by their tokens, was not written to its caller's connection: no worker has them.
    Undelivered { tokens: Vec<Bytes> },
    /// The answer to `Action::Acquire`.
    Acquired { shard: ShardId, result: Result<Epoch, StoreError> },
    /// The answer to `Action::Commit`.
    Committed { shard: ShardId, result: CommitResult },
    /// The answer to `Action::Read`.
    Read { read_id: u64, result: Result<ReadResult, StoreError> },
    /// The members of the cluster have changed, or their leases were renewed.
    Members(Vec<Member>),
    /// Time has passed.
    Tick,
    /// Another lane of this node has sent something.
    Delivered { from: LaneId, parcel: Parcel },
    /// The writer is free: seal the open batches and hand them over.
    Seal,
    /// The process is about to stop: waiting polls return empty, new ones at once.
    Drain,
}

/// What a lane wants done.
#[derive(Debug)]
pub enum Action {
    /// The one answer to a call.
    Answer { id: CallId, result: Result<Answer, Reject> },
    /// Take the shard from its owner, if it has one, under a new epoch.
    Acquire { shard: ShardId },
    /// Write a batch, all of it or nothing, unless the shard has a later epoch by now.
    Commit { shard: ShardId, epoch: Epoch, batch: Arc<Batch> },
    /// Read from the store; it may take as long as it takes, others go on.
    Read { read_id: u64, request: ReadRequest },
    /// Bring this to another lane of this node, behind all that was sent there before.
    Deliver { to: LaneId, parcel: Parcel },
    /// The table of namespaces has changed, durably.
    Namespaces(Arc<NamespaceTable>),
}

/// Where the outcome of a piece of work goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ReplyTo {
    /// A call.
    Client(CallId),
    /// A run that sent a message.
    Message(Sender),
    /// The engine itself began it: the outcome is in the state.
    None,
}

/// A run that has a message to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sender {
    pub(crate) shard: ShardId,
    pub(crate) run_id: RunId,
    pub(crate) key: MessageKey,
}

/// A piece of work, which may have to wait for data before it can be done.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// A call that has not been understood as work yet.
    Call { reply_to: ReplyTo, namespace: Arc<Namespace>, call: Call, until: Time },
    /// An input for a run.
    Apply(Box<Apply>),
    /// Send a message of a run.
    Send(Sender),
    /// A message has come to the shard of its target.
    Deliver(Box<messages::Delivery>),
    /// A message's target wants a child started.
    StartChild(Box<start::ChildStart>),
    /// Match pollers and tasks of a queue.
    Match(QueueKey),
    /// Start a task for the poller that was matched with it.
    Dispatch(Box<polls::Match>),
    /// Hand a query to a worker without a workflow task.
    DispatchQuery(String),
    /// The batch before an after-commit effect is durable.
    Release(ShardId, Box<Effect>),
}

/// Something that is to happen at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A deadline of an entity.
    Entity(ShardId, EntityId),
    /// The wake-ups of a shard from this time on are still in the store only.
    ScanBoundary(ShardId),
    /// A poll's or a wait's time is up.
    Call(CallId),
    /// The worker with the cache has not come for a query.
    Query(String),
    /// The caller of a query is about to give up.
    QueryLate(String),
    /// A queue's limit lets the next task go.
    Queue(QueueKey),
    /// A queue may have stood unused for long.
    QueueIdle(QueueKey),
    /// A message was not acknowledged.
    Resend(Sender),
    /// A shard was lost; try to have it again.
    Reacquire(ShardId),
}

/// One lane of a node.
pub struct Lane {
    config: LaneConfig,
    now: Time,
    entropy: Entropy,
    shards: BTreeMap<ShardId, Shard>,
    /// Those with changes that are not being written yet.
    dirty: BTreeSet<ShardId>,
    queues: BTreeMap<QueueKey, TaskQueue>,
    polls: Polls,
    queries: Queries,
    updates: Updates,
    jobs: Jobs,
    namespaces: NamespaceTable,
    /// Work that came before the namespaces were read; `None` once they are.
    waiting_for_namespaces: Option<Vec<Work>>,
    unacknowledged: Unacknowledged,
    /// Made since the event began, for the lanes of their queues.
    offers: Vec<parcel::Offer>,
    /// Calls that wait for history, by the run they wait for.
    waits: BTreeMap<CallId, (ShardId, RunId)>,
    /// Calls that wait for data, and whether their callers still wait.
    waiting_callers: BTreeMap<CallId, bool>,
    timers: BTreeSet<(Time, Timer)>,
    /// How many timers there may be before the far ones are looked for.
    most_timers: usize,
    /// When memory was short last, and idle runs were looked for.
    was_short: Time,
    run_queue: VecDeque<Work>,
    /// What reads are for, and the epoch of their shard when they were asked for.
    pending_reads: BTreeMap<u64, (PendingRead, Epoch)>,
    next_read_id: u64,
    draining: bool,
    actions: Vec<Action>,
    #[cfg(any(test, feature = "planted-panics"))]
    planted: Vec<PlantedPanic>,
}

impl Lane {
    /// A lane that owns its part of the node's shards at `now`; its first actions acquire them.
    pub fn new(config: LaneConfig, now: Time) -> Self {
        let owned = members::owned(&config, now);
        let shards = owned.iter().map(|id| (*id, Shard::acquired_soon())).collect();
        let acquire = owned.into_iter().map(|shard| Action::Acquire { shard }).collect();
        Self {
            entropy: Entropy::new(config.seed),
            config,
            now,
            shards,
            dirty: BTreeSet::new(),
            queues: BTreeMap::new(),
            polls: Polls::default(),
            queries: Queries::default(),
            updates: Updates::default(),
            jobs: Jobs::default(),
            namespaces: NamespaceTable::default(),
            waiting_for_namespaces: Some(Vec::new()),
            unacknowledged: Unacknowledged::default(),
            offers: Vec::new(),
            waits: BTreeMap::new(),
            waiting_callers: BTreeMap::new(),
            timers: BTreeSet::new(),
            most_timers: 0,
            was_short: Time::ZERO,
            run_queue: VecDeque::new(),
            pending_reads: BTreeMap::new(),
            next_read_id: 0,
            draining: false,
            actions: acquire,
            #[cfg(any(test, feature = "planted-panics"))]
            planted: Vec::new(),
        }
    }

    /// Carries out one event at `now`, which never goes back.
    pub fn on(&mut self, now: Time, event: Event) {
        self.now = self.now.max(now);
        match event {
            Event::Call { id, request, until } => self.admit(id, request, until),
            Event::Abandoned { id } => self.abandon(id),
            Event::Undelivered { tokens } => self.undelivered(&tokens),
            Event::Acquired { shard, result } => self.acquired(shard, result),
            Event::Committed { shard, result } => self.committed(shard, result),
            Event::Read { read_id, result } => self.read_done(read_id, result),
            Event::Delivered { from: _, parcel } => self.delivered(parcel),
            Event::Members(members) => self.members(members),
            Event::Tick => {}
            Event::Seal => return self.seal(),
            Event::Drain => self.drain(),
        }
        self.fire_timers();
        while let Some(work) = self.run_queue.pop_front() {
            self.work(work);
        }
        if !self.offers.is_empty() {
            self.send_offers();
        }
        assert::done(self);
    }

    /// What has to be done since this was last asked, in order.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// When `Tick` is due next.
    pub fn next_timer(&self) -> Option<Time> {
        self.timers.first().map(|(time, _)| *time)
    }

    /// Whether there is something to write: the driver answers with `Event::Seal` when it can.
    pub fn has_changes(&self) -> bool {
        self.dirty_shards().any(Shard::has_changes)
    }

    /// How many callers wait until the changes that can be written are durable.
    pub fn callers(&self) -> usize {
        self.dirty_shards().filter(|shard| shard.has_changes()).map(Shard::callers).sum()
    }

    /// Whether every shard is open and nothing waits to become durable.
    pub fn is_settled(&self) -> bool {
        self.shards.values().all(Shard::is_settled)
    }

    /// Whether every shard has been acquired and read in.
    pub fn is_open(&self) -> bool {
        self.waiting_for_namespaces.is_none()
            && self.shards.values().all(|shard| shard.epoch.is_some())
            && self.pending_reads.is_empty()
    }

    fn dirty_shards(&self) -> impl Iterator<Item = &Shard> {
        self.dirty.iter().filter_map(|shard| self.shards.get(shard))
    }

    fn work(&mut self, work: Work) {
        // Without the namespaces a run's retention is unknown, and a message's target looks as if it were gone.
        if self.waiting_for_namespaces.is_some() {
            self.mark_waiting(&work);
            self.waiting_for_namespaces.get_or_insert_default().push(work);
            return;
        }
        match work {
            Work::Call { reply_to, namespace, call, until } => self.call(reply_to, namespace, call, until),
            Work::Apply(apply) => self.apply(*apply),
            Work::Send(sender) => self.send(sender),
            Work::Deliver(delivery) => self.deliver(*delivery),
            Work::StartChild(start) => self.start_child(*start),
            Work::Match(queue) => self.match_queue(&queue),
            Work::Dispatch(matched) => self.dispatch(*matched),
            Work::DispatchQuery(id) => self.dispatch_query(&id),
            Work::Release(shard, effect) => self.release(shard, *effect),
        }
    }

    /// Takes a client's call in, or refuses it while stopping.
    fn admit(&mut self, id: CallId, request: Request, until: Time) {
        let Request { namespace, call } = request;
        self.run_queue.push_back(Work::Call { reply_to: ReplyTo::Client(id), namespace, call, until });
    }

    /// The context of a step in a namespace.
    fn step_context(&mut self, namespace: NamespaceId) -> StepContext {
        let namespace = self.namespace(namespace);
        StepContext {
            now: self.now,
            entropy: Entropy::new(self.entropy.uuid().as_u128()),
            limits: self.config.limits.clone(),
            namespace,
            other_namespaces: self.namespaces.pairs(),
        }
    }

    /// The namespace of a run. One whose record is gone keeps nothing, so that its last runs can still end.
    fn namespace(&self, id: NamespaceId) -> Arc<Namespace> {
        self.namespaces.by_id(id).map_or_else(
            || {
                Arc::new(Namespace {
                    id,
                    name: Arc::from(""),
                    state: NamespaceState::Deleted,
                    retention: std::time::Duration::ZERO,
                    search_attributes: Arc::default(),
                })
            },
            |(_, namespace)| namespace.clone(),
        )
    }

    fn set_timer(&mut self, time: Time, timer: Timer) {
        self.timers.insert((time, timer));
    }
}
