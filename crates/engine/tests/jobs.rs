//! Jobs: durable work of the server itself. A restart in the middle goes on where the last process was, with its delays.

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

use engine::{Answer, Call, Clocks, Config, Engine, Job, JobInput, JobPart, JobStage, JobWork, Request};
use model::{JobId, Kind, Limits, Namespace, NamespaceId, Reject, Time};
use proto::temporal::api::enums::v1::NamespaceState;
use store::{Key, MemoryStore, Shards};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// A clock that the test sets.
struct Set(AtomicI64);

impl Clocks for Set {
    fn wall(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed).unsigned_abs())
    }
}

struct World {
    store: Arc<MemoryStore>,
    clock: Arc<Set>,
    engine: Engine,
    namespace: Arc<Namespace>,
}

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Answer, Reject>> + 'a>>;

fn open(store: &Arc<MemoryStore>, clock: &Arc<Set>) -> Engine {
    let limits = Arc::new(Limits { lanes: 2, ..Limits::default() });
    let config = Config { shards: 4, limits, address: String::new(), cached_runs: 100 };
    Engine::open_by(store.clone(), config, clock.clone()).expect("the store opens")
}

impl World {
    /// A namespace whose deletion has begun.
    async fn deleting(delay: Duration) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(Set(AtomicI64::new(1 << 60))));
        let engine = open(&store, &clock);
        let mut record = given::namespace(given::DAY);
        let world = Self { store, clock, engine, namespace: Arc::new(record.snapshot()) };
        world.call(Call::PutNamespace { record: Box::new(record.clone()), expected_version: 0 }).await;
        record.set_state(NamespaceState::Deleted);
        world.call(Call::DeleteNamespace { record: Box::new(record), expected_version: 1, delay }).await;
        world
    }

    fn ask(&self, call: Call) -> Answering<'_> {
        Box::pin(self.engine.call(Request { namespace: self.namespace.clone(), call }))
    }

    async fn call(&self, call: Call) -> Answer {
        self.ask(call).await.expect("the call is accepted")
    }

    async fn next(&self) -> JobPart {
        part(self.ask(Call::NextJob).await)
    }

    async fn report(&self, part: JobPart, report: JobInput) {
        self.call(Call::ReportJob { id: part.id, report }).await;
    }

    async fn jobs(&self) -> Vec<Job> {
        match self.call(Call::ListJobs).await {
            Answer::Jobs(jobs) => jobs,
            answer => panic!("{answer:?}"),
        }
    }

    fn pass(&self, span: Duration) {
        self.clock.0.fetch_add(i64::try_from(span.as_nanos()).expect("a short time"), Ordering::Relaxed);
    }

    /// Another process goes on.
    async fn restart(&mut self) {
        self.engine.shutdown().await;
        self.engine = open(&self.store, &self.clock);
    }

    fn id(&self) -> NamespaceId {
        self.namespace.id
    }
}

fn part(answer: Result<Answer, Reject>) -> JobPart {
    match answer {
        Ok(Answer::JobPart(Some(part))) => *part,
        answer => panic!("{answer:?}"),
    }
}

fn is_waiting(answering: &mut Answering<'_>) -> bool {
    answering.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

const SOME: JobInput = JobInput::Worked { items: 100, is_all: false };
const ALL: JobInput = JobInput::Worked { items: 1, is_all: true };

#[tokio::test]
async fn a_restart_goes_on_where_the_last_process_was() {
    let mut world = World::deleting(HOUR).await;
    let first = world.next().await;
    assert_eq!(first, JobPart { id: JobId(world.id().0), work: JobWork::DeleteRuns(world.id()) });
    world.report(first, SOME).await;
    // The part that was taken is not done: it is given out again, by the next process too.
    world.next().await;
    world.restart().await;
    let again = world.next().await;
    assert_eq!(again, first);
    world.report(again, ALL).await;
    world.pass(HOUR / 2);
    world.restart().await;
    let jobs = world.jobs().await;
    assert_eq!((jobs[0].record.stage(), jobs[0].record.items_done), (JobStage::Delay, 101), "its progress is shown");
    let mut waiting = world.ask(Call::NextJob);
    assert!(is_waiting(&mut waiting), "the delay is not over");
    world.pass(HOUR / 2);
    let last = part(waiting.await);
    assert_eq!(last.work, JobWork::RemoveNamespace(world.id()));
    world.call(Call::RemoveNamespace).await;
    world.report(last, ALL).await;
    assert!(world.jobs().await.is_empty());
    let key = Key::Job(last.id).encode();
    assert_eq!(world.store.get(model::ShardId(0), &key), Ok(None), "nothing of it is left");
    world.restart().await;
    assert!(world.jobs().await.is_empty());
}

#[tokio::test]
async fn a_part_that_failed_is_given_out_again_after_a_rest() {
    let mut world = World::deleting(Duration::ZERO).await;
    let failed = world.next().await;
    world.report(failed, JobInput::Failed { message: "the disk is slow".to_owned() }).await;
    world.restart().await;
    assert_eq!(world.jobs().await[0].record.last_failure, "the disk is slow");
    let mut waiting = world.ask(Call::NextJob);
    assert!(is_waiting(&mut waiting));
    world.pass(SECOND);
    assert_eq!(part(waiting.await), failed);
}

#[tokio::test]
async fn a_job_is_begun_once_and_one_that_is_unknown_is_not_there() {
    let world = World::deleting(HOUR).await;
    let mut record = given::namespace(given::DAY);
    record.set_state(NamespaceState::Deleted);
    let again = |version| Call::DeleteNamespace {
        record: Box::new(record.clone()),
        expected_version: version,
        delay: Duration::ZERO,
    };
    let refused = world.ask(again(1)).await.err().map(|reject| reject.kind);
    assert_eq!(refused, Some(Kind::Aborted), "it was written since");
    world.call(again(2)).await;
    let jobs = world.jobs().await;
    assert_eq!((jobs.len(), jobs[0].record.delay), (1, 3_600_000_000_000), "the first delay counts");
    let call = Call::ReportJob { id: JobId::default(), report: ALL };
    assert_eq!(world.ask(call).await.err().map(|reject| reject.kind), Some(Kind::NotFound));
}

#[tokio::test]
async fn a_worker_that_goes_takes_no_part_with_it_and_a_stop_sends_all_home() {
    let world = World::deleting(Duration::ZERO).await;
    let taken = world.next().await;
    let (mut gone, mut stays) = (world.ask(Call::NextJob), world.ask(Call::NextJob));
    assert!(is_waiting(&mut gone) && is_waiting(&mut stays));
    drop(gone);
    world.report(taken, SOME).await;
    assert_eq!(part(stays.await), taken);
    let mut waiting = world.ask(Call::NextJob);
    assert!(is_waiting(&mut waiting));
    world.engine.shutdown().await;
    assert!(matches!(waiting.await, Ok(Answer::JobPart(None))));
}
