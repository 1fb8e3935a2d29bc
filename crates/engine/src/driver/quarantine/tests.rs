//! A run whose code panics is one run's fault: through the engine, its driver and a store.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use machine::Signal;
use model::{Epoch, Kind, Limits, Namespace, QueueKey, QueueKind, Reject, ShardId};
use proto::temporal::api::{
    command::v1::{
        Command, ScheduleActivityTaskCommandAttributes, SignalExternalWorkflowExecutionCommandAttributes,
        StartTimerCommandAttributes, command::Attributes,
    },
    common::v1::{ActivityType, WorkflowExecution, WorkflowType},
    enums::v1::{CommandType, NamespaceState},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest},
};
use store::{
    Committed, Key, Lists, Medium, MemoryStore, OwnedKey, Page, Shards, Store, StoreError, Submission,
    visibility::{GroupCount, Query, QueryPage},
};

use crate::{Answer, Call, Config, Engine, Execution, NamespaceRecord, PlantedPanic, Poll, Request, WorkflowTask};

struct World {
    engine: Engine,
    namespace: Arc<Namespace>,
}

impl World {
    /// One shard, so that all runs are neighbours.
    async fn new(store: &Arc<dyn Store>) -> Self {
        let limits = Arc::new(Limits { lanes: 1, ..Limits::default() });
        let config = Config { shards: 1, limits, address: String::new(), cached_runs: 9 };
        let engine = Engine::open(store.clone(), config).expect("the store opens");
        let record = NamespaceRecord {
            id: uuid::Uuid::from_u128(1).as_bytes().to_vec(),
            name: "default".into(),
            state: NamespaceState::Registered.into(),
            retention_ns: 86_400_000_000_000,
            ..NamespaceRecord::default()
        };
        let world = Self { engine, namespace: Arc::new(record.snapshot()) };
        // A second process finds it there.
        drop(world.call(Call::PutNamespace { record: Box::new(record), expected_version: 0 }).await);
        world
    }

    async fn call(&self, call: Call) -> Result<Answer, Reject> {
        self.engine.call(Request { namespace: self.namespace.clone(), call }).await
    }

    async fn start(&self, workflow_id: &str) -> Result<Answer, Reject> {
        self.call(Call::Start(Box::new(StartWorkflowExecutionRequest {
            request_id: format!("start-{workflow_id}"),
            workflow_id: workflow_id.into(),
            workflow_type: Some(WorkflowType { name: "Pay".into() }),
            task_queue: Some(queue(workflow_id)),
            ..StartWorkflowExecutionRequest::default()
        })))
        .await
    }

    async fn signal(&self, workflow_id: &str, name: &str) -> Result<Answer, Reject> {
        let signal = Box::new(Signal { name: name.into(), request_id: name.into(), ..Signal::default() });
        self.call(Call::Signal { execution: execution(workflow_id), signal }).await
    }

    /// The events that are stored of a run.
    async fn events(&self, workflow_id: &str) -> Result<i64, Reject> {
        let call = Call::HistoryState {
            execution: execution(workflow_id),
            wait_from: None,
            deadline: self.engine.now() + Duration::from_secs(5),
        };
        let answer = self.call(call).await?;
        let Answer::HistoryState(state) = answer else { panic!("{answer:?}") };
        Ok(state.range.before - 1)
    }

    async fn poll(&self, kind: QueueKind, name: &str, wait: Duration) -> Answer {
        let poll = Poll {
            queue: QueueKey { namespace: self.namespace.id, kind, name: name.into() },
            normal_name: String::new(),
            identity: "worker".into(),
            worker_version: Arc::default(),
            worker_instance_key: String::new(),
            deadline: self.engine.now() + wait,
            max_tasks_per_second: None,
        };
        let call = match kind {
            QueueKind::Workflow => Call::PollWorkflowTask(poll),
            QueueKind::Activity => Call::PollActivityTask(poll),
        };
        self.call(call).await.expect("a poll is answered")
    }

    async fn task(&self, workflow_id: &str) -> WorkflowTask {
        let answer = self.poll(QueueKind::Workflow, workflow_id, Duration::from_secs(30)).await;
        let Answer::WorkflowTask(Some(task)) = answer else { panic!("{answer:?}") };
        *task
    }

    async fn complete(&self, task: &WorkflowTask, commands: Vec<Command>) -> Result<Answer, Reject> {
        let token = self.engine.token_key().open(&task.response.task_token).expect("the engine opens its own token");
        let request = RespondWorkflowTaskCompletedRequest { commands, ..Default::default() };
        self.call(Call::CompleteWorkflowTask { token, request: Box::new(request) }).await
    }

    fn plant(&self, what: &'static str, behind: bool) {
        let workflow_id = "bad".to_owned();
        self.engine.plant_panic(&PlantedPanic { workflow_id, from_event: 0, behind, what: Some(what) });
    }

    /// That the run is named, alone, and why.
    fn is_quarantined(&self, run_id: &str, what: &str) {
        let found = self.engine.quarantined();
        let [run] = &found[..] else { panic!("{found:?}") };
        assert_eq!((run.namespace.as_str(), run.workflow_id.as_str()), ("default", "bad"));
        assert_eq!(
            (run.run_id.to_string().as_str(), run.panicked.as_str()),
            (run_id, &*format!("{what}: a planted panic"))
        );
    }

    /// That all that callers do with the run is refused at once, and names it.
    async fn is_refused(&self, run_id: &str) {
        let refusals = [
            self.signal("bad", "later").await,
            self.start("bad").await,
            self.call(Call::Describe { execution: execution("bad") }).await,
            self.call(Call::Delete { execution: execution("bad") }).await,
            self.events("bad").await.map(|_| Answer::Done),
        ];
        for refusal in refusals {
            let reject = refusal.expect_err("the run is quarantined");
            assert_eq!(reject.kind, Kind::Quarantined, "{reject}");
            assert!(reject.message.contains(run_id) && reject.message.contains("\"bad\""), "{reject}");
        }
    }

    /// That another run of the shard is worked on as ever.
    async fn others_go_on(&self) {
        self.start("good").await.expect("a start");
        self.signal("good", "hello").await.expect("a signal");
        let task = self.task("good").await;
        self.complete(&task, Vec::new()).await.expect("a completion");
        assert_eq!(self.events("good").await.expect("a history"), 5);
    }
}

fn execution(workflow_id: &str) -> Execution {
    Execution { workflow_id: workflow_id.to_owned(), run_id: String::new() }
}

fn queue(name: &str) -> TaskQueue {
    TaskQueue { name: name.into(), ..TaskQueue::default() }
}

fn command(command_type: CommandType, attributes: Attributes) -> Command {
    Command { command_type: command_type.into(), attributes: Some(attributes), ..Command::default() }
}

fn activity() -> Command {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: "charge".into(),
        activity_type: Some(ActivityType { name: "Charge".into() }),
        task_queue: Some(queue("bad")),
        start_to_close_timeout: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        ..ScheduleActivityTaskCommandAttributes::default()
    };
    command(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(attributes))
}

fn run_id(answer: Result<Answer, Reject>) -> String {
    match answer {
        Ok(Answer::Started(started)) => started.run_id,
        other => panic!("{other:?}"),
    }
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::default())
}

#[tokio::test]
async fn a_step_that_panics_costs_its_run_alone_until_a_mended_build_has_it() {
    for (what, behind) in [("Signal", false), ("Signal", true), ("deriving rows", false), ("deriving rows", true)] {
        let store = memory();
        let bad = {
            let world = World::new(&store).await;
            let bad = run_id(world.start("bad").await);
            world.signal("bad", "first").await.expect("a signal");
            world.plant(what, behind);
            let reject = world.signal("bad", "second").await.expect_err("a step that panics");
            assert_eq!(reject.kind, Kind::Quarantined, "{reject}");
            world.is_quarantined(&bad, what);
            world.is_refused(&bad).await;
            world.others_go_on().await;
            let none = world.poll(QueueKind::Workflow, "bad", Duration::from_millis(20)).await;
            assert!(matches!(none, Answer::WorkflowTask(None)), "{none:?}");
            world.engine.shutdown().await;
            bad
        };
        let world = World::new(&store).await;
        assert!(world.engine.quarantined().is_empty());
        // The start, its task and the first signal: nothing of the step that panicked.
        assert_eq!(world.events("bad").await.expect("a history"), 3, "{what}");
        let Ok(Answer::Signaled { run_id }) = world.signal("bad", "second").await else { panic!("the run is back") };
        assert_eq!(run_id, bad);
        let task = world.task("bad").await;
        world.complete(&task, Vec::new()).await.expect("a completion");
    }
}

#[tokio::test]
async fn a_run_that_is_read_with_a_panic_is_quarantined() {
    let store = memory();
    let bad = {
        let world = World::new(&store).await;
        let bad = run_id(world.start("bad").await);
        world.engine.shutdown().await;
        bad
    };
    let world = World::new(&store).await;
    world.plant("reading the run", false);
    assert_eq!(world.signal("bad", "first").await.expect_err("a panic").kind, Kind::Quarantined);
    world.is_quarantined(&bad, "reading the run");
    world.is_refused(&bad).await;
    world.others_go_on().await;
}

/// A store whose reads of a run panic.
struct Torn(Arc<MemoryStore>);

impl Shards for Torn {
    fn acquire_all(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        self.0.acquire_all(shards)
    }

    fn submit(&self, submission: Submission) -> Option<Committed> {
        self.0.submit(submission)
    }

    fn medium(&self) -> Medium {
        Medium::Disk
    }

    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        assert!(!matches!(Key::decode(key), Ok(OwnedKey::History(..))), "a torn page");
        self.0.get(shard, key)
    }

    fn scan(&self, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Result<Page, StoreError> {
        self.0.scan(shard, start, end, limit)
    }
}

impl Lists for Torn {
    fn query(&self, query: &Query) -> Result<QueryPage, StoreError> {
        self.0.query(query)
    }

    fn count(&self, query: &Query) -> Result<Vec<GroupCount>, StoreError> {
        self.0.count(query)
    }
}

#[tokio::test]
async fn a_prefetch_that_panics_costs_its_run_alone() {
    let whole = Arc::new(MemoryStore::default());
    let bad = {
        let store: Arc<dyn Store> = whole.clone();
        let world = World::new(&store).await;
        let bad = run_id(world.start("bad").await);
        world.engine.shutdown().await;
        bad
    };
    let store: Arc<dyn Store> = Arc::new(Torn(whole));
    let world = World::new(&store).await;
    assert_eq!(world.signal("bad", "first").await.expect_err("a panic").kind, Kind::Quarantined);
    let found = world.engine.quarantined();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].workflow_id.as_str(), found[0].run_id.to_string()), ("bad", bad.clone()));
    assert_eq!(found[0].panicked, "reading the run: a torn page");
    world.is_refused(&bad).await;
    world.others_go_on().await;
}

#[tokio::test]
async fn a_poller_that_was_matched_within_a_step_that_panics_takes_the_next_task() {
    let store = memory();
    let world = World::new(&store).await;
    run_id(world.start("bad").await);
    let task = world.task("bad").await;
    world.plant("StartActivity", true);
    let polling = world.poll(QueueKind::Activity, "bad", Duration::from_secs(30));
    let working = async {
        let reject = world.complete(&task, vec![activity()]).await.expect_err("a step that panics");
        assert_eq!(reject.kind, Kind::Quarantined, "{reject}");
        world.start("good").await.expect("a start");
        let task = world.task("good").await;
        world.complete(&task, vec![activity()]).await.expect("a completion");
    };
    let (polled, ()) = tokio::join!(polling, working);
    let Answer::ActivityTask(Some(task)) = polled else { panic!("{polled:?}") };
    assert_eq!(task.workflow_execution.expect("an activity has a run").workflow_id, "good");
}

#[tokio::test]
async fn who_waits_for_the_run_hears_of_it_and_its_timers_do_not_fire() {
    let store = memory();
    let world = World::new(&store).await;
    run_id(world.start("bad").await);
    let task = world.task("bad").await;
    let timer = StartTimerCommandAttributes {
        timer_id: "soon".into(),
        start_to_fire_timeout: Some(prost_types::Duration { seconds: 0, nanos: 5_000_000 }),
    };
    world.plant("Wake", false);
    let timer = command(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(timer));
    world.complete(&task, vec![timer]).await.expect("a completion");
    // It ends with the panic of the timer's step, and not at its deadline.
    let waiting = Call::HistoryState {
        execution: execution("bad"),
        wait_from: Some(6),
        deadline: world.engine.now() + Duration::from_secs(600),
    };
    let reject = world.call(waiting).await.expect_err("the run is quarantined");
    assert_eq!(reject.kind, Kind::Quarantined, "{reject}");
    let none = world.poll(QueueKind::Workflow, "bad", Duration::from_millis(20)).await;
    assert!(matches!(none, Answer::WorkflowTask(None)), "{none:?}");
}

#[tokio::test]
async fn a_message_to_the_run_stays_with_its_sender() {
    let store = memory();
    {
        let world = World::new(&store).await;
        run_id(world.start("bad").await);
        world.plant("Signal", false);
        world.signal("bad", "first").await.expect_err("a step that panics");
        run_id(world.start("good").await);
        let task = world.task("good").await;
        let signal = SignalExternalWorkflowExecutionCommandAttributes {
            execution: Some(WorkflowExecution { workflow_id: "bad".into(), run_id: String::new() }),
            signal_name: "from good".into(),
            ..SignalExternalWorkflowExecutionCommandAttributes::default()
        };
        let signal = command(
            CommandType::SignalExternalWorkflowExecution,
            Attributes::SignalExternalWorkflowExecutionCommandAttributes(signal),
        );
        world.complete(&task, vec![signal]).await.expect("a completion");
        // It was refused by now, and is neither delivered nor failed.
        assert_eq!(world.events("good").await.expect("a history"), 5);
        world.engine.shutdown().await;
    }
    let world = World::new(&store).await;
    let task = world.task("good").await;
    assert_eq!(task.response.previous_started_event_id, 3, "the sender hears that its signal was delivered");
    assert_eq!(world.events("bad").await.expect("a history"), 3, "start, task and the signal");
}

#[tokio::test]
async fn a_start_that_panics_leaves_nothing() {
    for what in ["starting the run", "deriving rows"] {
        let store = memory();
        let world = World::new(&store).await;
        world.plant(what, true);
        let reject = world.start("bad").await.expect_err("a step that panics");
        assert_eq!(reject.kind, Kind::Quarantined, "{reject}");
        assert!(world.engine.quarantined().is_empty());
        let reject = world.signal("bad", "first").await.expect_err("there is no such run");
        assert_eq!(reject.kind, Kind::NotFound, "{reject}");
        world.others_go_on().await;
    }
}

#[tokio::test]
async fn a_description_that_panics_is_refused_and_the_run_goes_on() {
    let store = memory();
    let world = World::new(&store).await;
    run_id(world.start("bad").await);
    world.plant("telling of the run", false);
    let reject = world.call(Call::Describe { execution: execution("bad") }).await.expect_err("a panic");
    assert_eq!(reject.kind, Kind::Internal, "{reject}");
    world.signal("bad", "first").await.expect("a signal");
    world.task("bad").await;
    assert!(world.engine.quarantined().is_empty());
}
