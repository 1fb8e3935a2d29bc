//! The world: time, network, disk and crashes around the nodes, and the order in which everything happens.

mod faults;
mod network;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
    time::Duration,
};

use cluster::{Member, NodeId};
use engine::{Action, Answer, CallId, Event, NamespaceRecord, Node, NodeConfig, ReadRequest, ReadResult};
use model::{Budget, Epoch, Limits, Namespace, Reject, ShardId, Time, TokenKey};
use proto::temporal::api::enums::v1::NamespaceState;
use store::{Batch, Key, Store as _};

use crate::{bug::Bug, check::Promises, client::Client, disk::Disk, rng::Rng, worker::Worker};
use network::Callers;

/// Shards of the simulated cluster.
const SHARDS: u32 = 3;
/// When the world stops failing, in simulated time.
const FAULTS_END: Time = Time(20_000_000_000);
/// When everything must have come to rest.
const PATIENCE: Time = Time(400_000_000_000);
/// When the simulation begins.
pub(crate) const DAWN: Time = Time(1_000_000_000);

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    pub bug: Option<Bug>,
    /// Keep the log's text, not only its hash.
    pub keeps_log: bool,
}

/// What came of a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub violations: Vec<String>,
    /// FNV-1a over the log.
    pub log_hash: u64,
    pub log: String,
    /// Runs that came to their end.
    pub runs: usize,
    /// Things that happened.
    pub happenings: u64,
}

/// Somebody outside the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Actor {
    Client(usize),
    Worker(usize),
}

/// Something that happens at its time.
#[derive(Debug)]
enum Happening {
    Node { slot: usize, life: u64, event: Event },
    Write { slot: usize, life: u64, shard: ShardId, epoch: Epoch, batch: Arc<Batch> },
    Sync { slot: usize, life: u64, shard: ShardId, number: u64 },
    Read { slot: usize, life: u64, ticket: u64, request: ReadRequest },
    Acquire { slot: usize, life: u64, shard: ShardId },
    Reply { call: CallId, result: Result<Answer, Reject> },
    Timeout { call: CallId },
    Act(Actor),
    Crash,
    TakeOver,
    Kill { slot: usize, life: u64 },
}

/// A process that is, was or will be a node.
struct Slot {
    node: Option<Node>,
    /// Which process this is; events for an earlier one are void.
    life: u64,
    /// How far its clock is ahead of the world's.
    skew: Duration,
    /// Ticks that are on their way.
    ticks: BTreeSet<Time>,
    /// A cut is on its way.
    is_writing: bool,
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) now: Time,
    pub(crate) disk: Arc<Disk>,
    pub(crate) promises: Promises,
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) token_key: TokenKey,
    options: Options,
    queue: BTreeMap<(Time, u64), Happening>,
    sequence: u64,
    slots: Vec<Slot>,
    /// The slot that the network leads to.
    active: usize,
    lives: u64,
    /// Who waits for which call.
    callers: Callers,
    clients: Vec<Client>,
    workers: Vec<Worker>,
    log: String,
    log_hash: u64,
    happenings: u64,
}

/// Runs one simulation to its end.
pub fn run(options: &Options) -> Report {
    let mut world = World::new(options.clone());
    world.begin();
    while let Some(((time, _), happening)) = world.queue.pop_first() {
        world.now = time;
        world.happenings += 1;
        world.happen(happening);
        let rested = time > FAULTS_END && world.is_at_rest();
        if rested || time > PATIENCE || !world.promises.broken().is_empty() {
            break;
        }
    }
    world.finish()
}

impl World {
    fn new(options: Options) -> Self {
        let mut rng = Rng::new(options.seed);
        let clients = (0..2 + rng.below(2)).map(|n| Client::new(n as usize)).collect();
        let workers = (0..4).map(Worker::new).collect();
        let record = namespace_record();
        Self {
            disk: Arc::new(Disk::new(options.bug)),
            rng,
            now: DAWN,
            promises: Promises::default(),
            namespace: Arc::new(record.snapshot()),
            token_key: TokenKey::new([7; 32]),
            options,
            queue: BTreeMap::new(),
            sequence: 0,
            slots: Vec::new(),
            active: 0,
            lives: 0,
            callers: Callers::default(),
            clients,
            workers,
            log: String::new(),
            log_hash: 0xcbf2_9ce4_8422_2325,
            happenings: 0,
        }
    }

    fn begin(&mut self) {
        self.boot();
        let record = NamespaceRecord { version: 1, ..namespace_record() };
        self.disk.install(Key::Namespace(record.namespace_id()).encode(), store::record::encode(&record));
        for n in 0..self.clients.len() {
            let pause = Duration::from_millis(200) + self.rng.within(500);
            self.after(pause, Happening::Act(Actor::Client(n)));
        }
        for n in 0..self.workers.len() {
            let pause = Duration::from_millis(200) + self.rng.within(500);
            self.after(pause, Happening::Act(Actor::Worker(n)));
        }
        self.plan_faults();
    }

    /// Whether the world still fails on purpose.
    pub(crate) fn is_failing(&self) -> bool {
        self.now < FAULTS_END
    }

    /// The time by the clock of the node that the network leads to.
    pub(crate) fn clock(&self) -> Time {
        self.now + self.slots.get(self.active).map_or(Duration::ZERO, |slot| slot.skew)
    }

    fn after(&mut self, wait: Duration, happening: Happening) {
        self.sequence += 1;
        self.queue.insert((self.now + wait, self.sequence), happening);
    }

    pub(crate) fn act_after(&mut self, wait: Duration, actor: Actor) {
        self.after(wait, Happening::Act(actor));
    }

    fn happen(&mut self, happening: Happening) {
        self.note(&happening);
        match happening {
            Happening::Node { slot, life, event } => self.feed(slot, life, event),
            Happening::Write { slot, life, shard, epoch, batch } => self.write(slot, life, (shard, epoch, batch)),
            Happening::Sync { slot, life, shard, number } => self.sync((slot, life), shard, number),
            Happening::Read { slot, life, ticket, request } => self.read(slot, life, ticket, &request),
            Happening::Acquire { slot, life, shard } => {
                // Membership names one owner: a process that was superseded does not take its shards back.
                let is_owner = slot + 1 == self.slots.len();
                if is_owner && self.is_alive(slot, life) {
                    let result = self.disk.acquire(shard);
                    self.feed(slot, life, Event::Acquired { shard, result });
                }
            }
            Happening::Reply { call, result } => self.reply(call, Some(result)),
            Happening::Timeout { call } => {
                self.hang_up(call);
                self.reply(call, None);
            }
            Happening::Act(Actor::Client(n)) => self.with_client(n, Client::act),
            Happening::Act(Actor::Worker(n)) => self.with_worker(n, Worker::act),
            Happening::Crash => self.crash(),
            Happening::TakeOver => self.take_over(),
            Happening::Kill { slot, life } => {
                if self.is_alive(slot, life) {
                    self.slots[slot].node = None;
                    self.active = self.slots.len() - 1;
                }
            }
        }
    }

    fn with_client(&mut self, n: usize, act: impl FnOnce(&mut Client, &mut World)) {
        let Some(place) = self.clients.get_mut(n) else { return };
        let mut client = std::mem::take(place);
        act(&mut client, self);
        self.clients[n] = client;
    }

    fn with_worker(&mut self, n: usize, act: impl FnOnce(&mut Worker, &mut World)) {
        let Some(place) = self.workers.get_mut(n) else { return };
        let mut worker = std::mem::take(place);
        act(&mut worker, self);
        self.workers[n] = worker;
    }

    fn is_alive(&self, slot: usize, life: u64) -> bool {
        self.slots.get(slot).is_some_and(|slot| slot.life == life && slot.node.is_some())
    }

    fn feed(&mut self, slot: usize, life: u64, event: Event) {
        if !self.is_alive(slot, life) || !self.reaches_node(slot, &event) {
            return;
        }
        let asked = if let Event::Call { id, .. } = &event { Some(*id) } else { None };
        if asked.is_some() {
            // What is due is done first, so that what follows is the call's.
            self.feed(slot, life, Event::Tick);
        }
        let state = &mut self.slots[slot];
        let local = self.now + state.skew;
        if matches!(event, Event::Tick) {
            state.ticks.remove(&self.now);
        }
        if matches!(event, Event::Cut) {
            state.is_writing = false;
        }
        let Some(node) = &mut state.node else { return };
        node.on(local, event);
        let actions = node.take_actions();
        let next = node.next_alarm();
        // Whoever writes is free at any time: sooner or later more steps share a commit.
        let is_called = node.has_changes() && !std::mem::replace(&mut state.is_writing, true);
        if let Some(id) = asked {
            self.callers.note_wait(id, slot, &actions);
        }
        for action in actions {
            self.act(slot, life, action);
        }
        if is_called {
            let wait = self.rng.within(2);
            self.after(wait, Happening::Node { slot, life, event: Event::Cut });
        }
        if let Some(next) = next {
            self.arm(slot, life, next);
        }
    }

    /// Lets the node's next timer fire when its own clock says so.
    fn arm(&mut self, slot: usize, life: u64, next: Time) {
        let state = &mut self.slots[slot];
        let at = (next - state.skew).max(self.now + Duration::from_micros(1));
        if state.ticks.range(..=at).next().is_none() {
            state.ticks.insert(at);
            let wait = at.since(self.now);
            self.after(wait, Happening::Node { slot, life, event: Event::Tick });
        }
    }

    fn act(&mut self, slot: usize, life: u64, action: Action) {
        match action {
            Action::Answer { id, result } => self.answer(slot, life, id, result),
            Action::Acquire { shard } => {
                let wait = self.rng.within(20);
                self.after(wait, Happening::Acquire { slot, life, shard });
            }
            Action::Commit { shard, epoch, batch } => {
                let wait = self.rng.within(3);
                self.after(wait, Happening::Write { slot, life, shard, epoch, batch });
                if self.options.bug == Some(Bug::EarlyRelease) {
                    self.after(
                        Duration::ZERO,
                        Happening::Node { slot, life, event: Event::Committed { shard, result: Ok(()) } },
                    );
                }
            }
            Action::Read { ticket, request } => {
                let wait = self.rng.within(3);
                self.after(wait, Happening::Read { slot, life, ticket, request });
            }
            Action::Namespaces(_) => {}
        }
    }

    fn write(&mut self, slot: usize, life: u64, record: (ShardId, Epoch, Arc<Batch>)) {
        if !self.is_alive(slot, life) {
            return;
        }
        let shard = record.0;
        match self.disk.write(record, &mut self.rng) {
            Ok(number) => {
                let longest = if self.rng.one_in(30) { 400 } else { 4 };
                let wait = self.rng.within(longest);
                self.after(wait, Happening::Sync { slot, life, shard, number });
            }
            Err(error) => self.committed(slot, life, shard, Err(error)),
        }
    }

    fn sync(&mut self, (slot, life): (usize, u64), shard: ShardId, number: u64) {
        if !self.is_alive(slot, life) {
            return;
        }
        let fails = self.is_failing() && self.rng.one_in(250);
        let result = self.disk.sync(number, fails, &mut self.rng).map_err(store::CommitError::Store);
        self.committed(slot, life, shard, result);
    }

    fn committed(&mut self, slot: usize, life: u64, shard: ShardId, result: Result<(), store::CommitError>) {
        if self.options.bug != Some(Bug::EarlyRelease) {
            self.feed(slot, life, Event::Committed { shard, result });
        }
    }

    fn read(&mut self, slot: usize, life: u64, ticket: u64, request: &ReadRequest) {
        if !self.is_alive(slot, life) {
            return;
        }
        let mut result = request.perform(&*self.disk);
        if let (Some(bug), Ok(ReadResult::Run { rows, .. })) = (self.options.bug, &mut result) {
            bug.mangle_rows(rows);
        }
        self.feed(slot, life, Event::Read { ticket, result });
    }

    /// A new process takes the next slot, and the network leads to it.
    fn boot(&mut self) {
        self.lives += 1;
        let id = NodeId(u128::from(self.lives));
        let member = Member { id, address: format!("node-{}", self.lives), lease_until: Time::MAX };
        let skew = if self.rng.one_in(3) { self.rng.within(30_000) } else { Duration::ZERO };
        let config = NodeConfig {
            id,
            members: vec![member],
            shards: SHARDS,
            limits: Arc::new(Limits::default()),
            token_key: self.token_key.clone(),
            seed: u128::from(self.rng.next()),
            cached_runs: if self.rng.one_in(2) { 1 } else { 100 },
            // Every other process keeps no idle run.
            memory: Budget::new(if self.lives.is_multiple_of(2) { 1 } else { usize::MAX }),
        };
        let node = Node::new(config, self.now + skew);
        self.slots.push(Slot { node: Some(node), life: self.lives, skew, ticks: BTreeSet::new(), is_writing: false });
        self.active = self.slots.len() - 1;
        let (slot, life) = (self.active, self.lives);
        self.after(Duration::ZERO, Happening::Node { slot, life, event: Event::Tick });
    }

    fn is_at_rest(&self) -> bool {
        self.clients.iter().all(Client::is_done)
    }

    fn note(&mut self, happening: &Happening) {
        let mut line = String::new();
        let _ = write!(line, "{:?} {happening:?}", self.now);
        for byte in line.bytes() {
            self.log_hash = (self.log_hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.options.keeps_log {
            self.log.push_str(&line);
            self.log.push('\n');
        }
    }

    fn finish(mut self) -> Report {
        let rested = self.is_at_rest();
        let runs = self.promises.settle(&self.disk.durable(), SHARDS, rested);
        Report {
            violations: self.promises.into_broken(),
            log_hash: self.log_hash,
            log: self.log,
            runs,
            happenings: self.happenings,
        }
    }
}

/// The one namespace of the simulation.
fn namespace_record() -> NamespaceRecord {
    NamespaceRecord {
        id: uuid::Uuid::from_u128(1).as_bytes().to_vec(),
        name: "default".into(),
        state: NamespaceState::Registered.into(),
        retention_ns: 86_400_000_000_000,
        ..NamespaceRecord::default()
    }
}
