//! The world: time, network, disk and crashes around the nodes, and the order in which everything happens.

mod faults;
mod network;
mod panics;
mod process;

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use engine::{Action, Answer, CallId, Event, LaneId, NamespaceRecord, ReadRequest, ReadResult};
use model::{Epoch, Namespace, Reject, ShardId, Time, TokenKey};
use proto::temporal::api::enums::v1::NamespaceState;
use store::{Batch, CommitError, CommitResult, Key, StoreError};

use crate::{
    bug::Bug,
    check::Promises,
    client::Client,
    disk::{Disk, Trouble},
    rng::Rng,
    worker::Worker,
};
use network::Callers;
pub(crate) use process::At;
use process::Slot;

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
    Lane {
        at: At,
        event: Event,
    },
    /// Parcels from one lane to another are taken in, in their order.
    Parcel {
        at: At,
        from: LaneId,
    },
    Write {
        at: At,
        shard: ShardId,
        epoch: Epoch,
        batch: Arc<Batch>,
    },
    Sync {
        at: At,
        shard: ShardId,
        epoch: Epoch,
        number: u64,
    },
    /// Writes whose answers were lost happen after all.
    Land,
    Read {
        at: At,
        read_id: u64,
        request: ReadRequest,
    },
    Acquire {
        at: At,
        shard: ShardId,
    },
    Reply {
        call: CallId,
        result: Result<Answer, Reject>,
    },
    Timeout {
        call: CallId,
    },
    Act(Actor),
    Crash,
    TakeOver,
    /// A process renews its lease.
    Beat {
        slot: usize,
        life: u64,
    },
    Kill {
        slot: usize,
        life: u64,
    },
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
    /// Epochs that lanes go on under without an acquire: only a planted bug does so.
    kept_epochs: BTreeMap<(At, ShardId), Epoch>,
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
            kept_epochs: BTreeMap::new(),
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
            Happening::Lane { at, event } => self.feed(at, event),
            Happening::Parcel { at, from } => {
                let parcel = self.seat(at).and_then(|seat| seat.parcels.get_mut(&from)?.pop_front());
                if let Some(event) = parcel {
                    self.feed(at, event);
                }
            }
            Happening::Write { at, shard, epoch, batch } => self.write(at, (shard, epoch, batch)),
            Happening::Sync { at, shard, epoch, number } => self.sync(at, (shard, epoch), number),
            Happening::Land => self.disk.land(),
            Happening::Read { at, read_id, request } => self.read(at, read_id, &request),
            Happening::Acquire { at, shard } => self.acquire(at, shard),
            Happening::Beat { slot, life } => self.beat(slot, life),
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
                if self.slots.get(slot).is_some_and(|slot| slot.life == life && !slot.seats.is_empty()) {
                    self.slots[slot].seats.clear();
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

    fn feed(&mut self, at: At, event: Event) {
        if !self.is_alive(at) || !self.reaches_lane(at, &event) {
            return;
        }
        let asked = if let Event::Call { id, .. } = &event { Some(*id) } else { None };
        if asked.is_some() {
            // What is due is done first, so that what follows is the call's.
            self.feed(at, Event::Tick);
        }
        let local = self.now + self.slots[at.slot].skew;
        let now = self.now;
        let Some(state) = self.seat(at) else { return };
        if matches!(event, Event::Tick) {
            state.ticks.remove(&now);
        }
        if matches!(event, Event::Seal) {
            state.is_writing = false;
        }
        let lane = &mut state.lane;
        lane.on(local, event);
        let actions = lane.take_actions();
        let next = lane.next_timer();
        // The writer is free at any time: sooner or later more steps share a commit.
        let is_called = lane.has_changes() && !std::mem::replace(&mut state.is_writing, true);
        if let Some(id) = asked {
            self.callers.note_wait(id, at, &actions);
        }
        for action in actions {
            self.act(at, action);
        }
        if is_called {
            let wait = self.rng.within(2);
            self.after(wait, Happening::Lane { at, event: Event::Seal });
        }
        if let Some(next) = next {
            self.arm(at, next);
        }
    }

    /// Lets the lane's next timer fire when its own clock says so.
    fn arm(&mut self, at: At, next: Time) {
        let skew = self.slots[at.slot].skew;
        let time = (next - skew).max(self.now + Duration::from_micros(1));
        let Some(seat) = self.seat(at) else { return };
        if seat.ticks.range(..=time).next().is_none() {
            seat.ticks.insert(time);
            let wait = time.since(self.now);
            self.after(wait, Happening::Lane { at, event: Event::Tick });
        }
    }

    fn act(&mut self, at: At, action: Action) {
        match action {
            Action::Answer { id, result } => self.answer(at, id, result),
            Action::Acquire { shard } => {
                let wait = self.rng.within(20);
                self.after(wait, Happening::Acquire { at, shard });
            }
            Action::Commit { shard, epoch, batch } => {
                let wait = self.rng.within(3);
                self.after(wait, Happening::Write { at, shard, epoch, batch });
                if self.options.bug == Some(Bug::EarlyRelease) {
                    self.after(
                        Duration::ZERO,
                        Happening::Lane { at, event: Event::Committed { shard, result: Ok(()) } },
                    );
                }
            }
            Action::Read { read_id, request } => {
                let wait = self.rng.within(3);
                self.after(wait, Happening::Read { at, read_id, request });
            }
            Action::Deliver { to, parcel } => {
                let event = Event::Delivered { from: at.lane, parcel };
                let (from, to) = (at.lane, At { lane: to, ..at });
                let Some(seat) = self.seat(to) else { return };
                seat.parcels.entry(from).or_default().push_back(event);
                // In its order from lane to lane; between lanes in any.
                let wait = self.rng.within(2);
                self.after(wait, Happening::Parcel { at: to, from });
            }
            Action::Namespaces(_) => {}
        }
    }

    fn write(&mut self, at: At, record: (ShardId, Epoch, Arc<Batch>)) {
        if !self.is_alive(at) {
            return;
        }
        let (shard, epoch) = (record.0, record.1);
        if self.is_failing() && self.rng.one_in(400) {
            let error = StoreError::Io("the write failed".into());
            return self.committed(at, shard, Err(CommitError::Store(error)));
        }
        let quarantined = self.quarantined(at);
        match self.disk.write(record, &quarantined, &mut self.rng) {
            Ok(number) => {
                let longest = if self.rng.one_in(30) { 400 } else { 4 };
                let wait = self.rng.within(longest);
                self.after(wait, Happening::Sync { at, shard, epoch, number });
            }
            Err(error) => self.committed(at, shard, Err(error)),
        }
    }

    fn sync(&mut self, at: At, (shard, epoch): (ShardId, Epoch), number: u64) {
        if !self.is_alive(at) {
            return;
        }
        let trouble = match self.rng.below(300) {
            0 | 1 if self.is_failing() => Trouble::Answer,
            2 if self.is_failing() => Trouble::Sync,
            _ => Trouble::Nothing,
        };
        let mut result = self.disk.sync(number, trouble, &mut self.rng);
        if trouble == Trouble::Answer {
            let wait = self.rng.within(1_500);
            self.after(wait, Happening::Land);
        }
        if let (Some(bug), Err(CommitError::Unknown(_))) = (self.options.bug, &result) {
            if bug == Bug::UnknownTakenForFailed {
                self.kept_epochs.insert((at, shard), epoch);
            }
            result = bug.mangle_unknown(result);
        }
        self.committed(at, shard, result);
    }

    fn committed(&mut self, at: At, shard: ShardId, result: CommitResult) {
        if self.options.bug != Some(Bug::EarlyRelease) {
            self.feed(at, Event::Committed { shard, result });
        }
    }

    fn read(&mut self, at: At, read_id: u64, request: &ReadRequest) {
        if !self.is_alive(at) {
            return;
        }
        let mut result = request.perform(&*self.disk);
        if let (Some(bug), Ok(ReadResult::Run { rows, .. })) = (self.options.bug, &mut result) {
            bug.mangle_rows(rows);
        }
        self.feed(at, Event::Read { read_id, result });
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
