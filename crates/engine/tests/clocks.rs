//! An engine while its machine's wall clock is set: deadlines are neither early nor late, and time never goes back.

mod given;

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};

use engine::{Answer, Call, Clocks, Config, Engine, Poll, Request};
use model::{Limits, Namespace, QueueKey, QueueKind, Reject, Time};
use store::MemoryStore;

const MINUTE: i64 = 60 * 1_000_000_000;
const HOUR: i64 = 60 * MINUTE;

/// Clocks that the test sets.
struct Set {
    wall: AtomicI64,
    elapsed: AtomicI64,
}

impl Clocks for Set {
    fn wall(&self) -> Time {
        Time(self.wall.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.elapsed.load(Ordering::Relaxed).try_into().expect("it goes forward"))
    }
}

impl Set {
    fn pass(&self, nanos: i64) {
        self.elapsed.fetch_add(nanos, Ordering::Relaxed);
        self.step(nanos);
    }

    fn step(&self, nanos: i64) {
        self.wall.fetch_add(nanos, Ordering::Relaxed);
    }
}

struct World {
    store: Arc<MemoryStore>,
    clocks: Arc<Set>,
    engine: Engine,
    namespace: Arc<Namespace>,
}

impl World {
    async fn new() -> Self {
        let wall = AtomicI64::new(500_000 * HOUR);
        let (store, clocks) = (Arc::new(MemoryStore::default()), Arc::new(Set { wall, elapsed: AtomicI64::new(0) }));
        let engine = open(&store, &clocks);
        let record = given::namespace(given::DAY);
        let namespace = Arc::new(record.snapshot());
        let put = Call::PutNamespace { record: Box::new(record), expected_version: 0 };
        engine.call(Request { namespace: namespace.clone(), call: put }).await.expect("a new namespace can be put");
        Self { store, clocks, engine, namespace }
    }

    /// A poll that gives up in so long.
    fn poll(&self, nanos: i64) -> Answering<'_> {
        let poll = Poll {
            queue: QueueKey { namespace: self.namespace.id, kind: QueueKind::Activity, name: "queue".into() },
            normal_name: String::new(),
            identity: String::new(),
            worker_version: Arc::default(),
            worker_instance_key: String::new(),
            deadline: Time(self.engine.now().0 + nanos),
            max_tasks_per_second: None,
        };
        let request = Request { namespace: self.namespace.clone(), call: Call::PollActivityTask(poll) };
        Box::pin(self.engine.call(request))
    }
}

fn open(store: &Arc<MemoryStore>, clocks: &Arc<Set>) -> Engine {
    let config = Config { shards: 2, limits: Arc::new(Limits::default()), address: String::new(), cached_runs: 100 };
    Engine::open_by(store.clone(), config, clocks.clone()).expect("the store opens")
}

/// An answer that will come.
type Answering<'a> = Pin<Box<dyn Future<Output = Result<Answer, Reject>> + 'a>>;

fn is_waiting(answering: &mut Answering<'_>) -> bool {
    answering.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

fn is_empty(answer: &Result<Answer, Reject>) -> bool {
    matches!(answer, Ok(Answer::ActivityTask(None)))
}

#[tokio::test]
async fn a_wall_clock_that_is_set_forward_makes_nothing_early() {
    let world = World::new().await;
    let (mut soon, mut later) = (world.poll(MINUTE), world.poll(30 * MINUTE));
    world.clocks.step(HOUR);
    assert!(is_waiting(&mut soon) && is_waiting(&mut later));
    world.clocks.pass(2 * MINUTE);
    assert!(is_empty(&soon.await));
    // It was looked at in the same moment.
    assert!(is_waiting(&mut later));
    world.clocks.pass(30 * MINUTE);
    assert!(is_empty(&later.await));
}

#[tokio::test]
async fn a_wall_clock_that_is_set_back_makes_nothing_late() {
    let world = World::new().await;
    let polling = world.poll(MINUTE);
    world.clocks.step(-24 * HOUR);
    world.clocks.pass(2 * MINUTE);
    assert!(is_empty(&polling.await));
}

#[tokio::test]
async fn an_engine_begins_not_before_what_was_committed() {
    let world = World::new().await;
    let began = world.engine.now();
    world.clocks.step(-HOUR);
    let World { store, clocks, engine, .. } = world;
    engine.shutdown().await;
    drop(engine);
    let engine = open(&store, &clocks);
    assert!(engine.now() >= began, "{:?} {began:?}", engine.now());
    assert_eq!(engine.wall().0, began.0 - HOUR);
    drop(engine);
    clocks.step(2 * HOUR);
    assert_eq!(open(&store, &clocks).now().0, began.0 + HOUR, "where the wall clock is right, it counts");
}
