//! A memo is written once, and shown wherever its run is: in lists and descriptions, before and after a change, a close and
//! a restart.

mod given;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine::{Answer, Call, Config, Engine, Execution, Poll, Request};
use model::{Limits, Namespace, NamespaceId, QueueKey, QueueKind, ShardId};
use proto::temporal::api::{
    command::v1::{
        Command, CompleteWorkflowExecutionCommandAttributes, ContinueAsNewWorkflowExecutionCommandAttributes,
        ModifyWorkflowPropertiesCommandAttributes, command::Attributes,
    },
    common::v1::{Memo, Payload, Payloads, WorkflowType},
    enums::v1::CommandType,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest},
};
use store::{MemoryStore, scan_all, visibility::Query};

const SHARDS: u32 = 4;

struct World {
    store: Arc<MemoryStore>,
    engine: Engine,
    namespace: Arc<Namespace>,
}

fn open(store: Arc<MemoryStore>) -> Engine {
    let config =
        Config { shards: SHARDS, limits: Arc::new(Limits::default()), address: String::new(), cached_runs: 100 };
    Engine::open(store, config).expect("the store opens")
}

impl World {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::default());
        let engine = open(store.clone());
        let record = given::namespace(given::DAY);
        let namespace = Arc::new(record.snapshot());
        let put = Call::PutNamespace { record: Box::new(record), expected_version: 0 };
        engine.call(Request { namespace: namespace.clone(), call: put }).await.expect("a new namespace can be put");
        Self { store, engine, namespace }
    }

    async fn call(&self, call: Call) -> Answer {
        self.engine.call(Request { namespace: self.namespace.clone(), call }).await.expect("the call is accepted")
    }

    async fn start(&self, id: &str, memo: Memo, input: Option<Payloads>) {
        let request = StartWorkflowExecutionRequest {
            workflow_id: id.into(),
            workflow_type: Some(WorkflowType { name: "Pay".into() }),
            task_queue: Some(TaskQueue { name: "queue".into(), ..TaskQueue::default() }),
            request_id: format!("start-{id}"),
            memo: Some(memo),
            input,
            ..StartWorkflowExecutionRequest::default()
        };
        let answer = self.call(Call::Start(Box::new(request))).await;
        assert!(matches!(answer, Answer::Started(started) if started.started));
    }

    /// Completes the next workflow task.
    async fn complete(&self, kind: CommandType, attributes: Attributes) {
        let poll = Poll {
            queue: QueueKey { namespace: self.namespace.id, kind: QueueKind::Workflow, name: "queue".into() },
            normal_name: String::new(),
            identity: "worker".into(),
            worker_version: Arc::default(),
            worker_instance_key: String::new(),
            deadline: self.engine.now() + Duration::from_secs(10),
            max_tasks_per_second: None,
        };
        let Answer::WorkflowTask(Some(task)) = self.call(Call::PollWorkflowTask(poll)).await else { panic!("no task") };
        let token = self.engine.token_key().open(&task.response.task_token).expect("the engine opens its own token");
        let command = Command { command_type: kind.into(), attributes: Some(attributes), ..Command::default() };
        let request = RespondWorkflowTaskCompletedRequest {
            commands: vec![command],
            force_create_new_workflow_task: true,
            ..Default::default()
        };
        self.call(Call::CompleteWorkflowTask { token, request: Box::new(request) }).await;
    }

    /// The memos of the list, newest first, and of the newest run as it is described.
    async fn shown(&self, id: &str) -> Vec<Memo> {
        let query = Query { namespace: self.namespace.id, filter: None, group_by: Vec::new(), limit: 100, after: None };
        let page = self.engine.list_with_memos(query).await.expect("the list is read");
        let memos: Vec<Memo> = page.runs.into_iter().map(|run| run.memo.expect("each run has a memo")).collect();
        let execution = Execution { workflow_id: id.into(), run_id: String::new() };
        let Answer::Description(described) = self.call(Call::Describe { execution }).await else { panic!("none") };
        let info = described.workflow_execution_info.expect("a description has it");
        assert_eq!(info.memo.as_ref(), memos.first());
        memos
    }

    /// Bytes of all that is stored.
    fn stored(&self) -> usize {
        let pairs = |shard| scan_all(&*self.store, ShardId(shard), Vec::new()..vec![0xff]).expect("memory is read");
        (0..SHARDS).flat_map(pairs).map(|(key, value)| key.len() + value.len()).sum()
    }
}

fn memo(fields: &[(&str, usize)]) -> Memo {
    let payload = |bytes| Payload { data: vec![b'1'; bytes].into(), ..Payload::default() };
    Memo { fields: fields.iter().map(|(name, bytes)| ((*name).to_owned(), payload(*bytes))).collect() }
}

#[tokio::test]
async fn a_large_memo_is_written_once() {
    let world = World::new().await;
    let before = world.stored();
    world.start("order", memo(&[("note", 10_000)]), None).await;
    let grown = world.stored() - before;
    assert!(grown < 11_500, "{grown} bytes");
    assert_eq!(world.shown("order").await, [memo(&[("note", 10_000)])]);
}

#[tokio::test]
async fn a_small_memo_beside_a_large_input_is_read_without_it() {
    let world = World::new().await;
    let input = Payloads { payloads: vec![Payload { data: vec![b'1'; 100_000].into(), ..Payload::default() }] };
    let before = world.stored();
    world.start("order", memo(&[("note", 1_000)]), Some(input)).await;
    let grown = world.stored() - before;
    assert!((102_000..103_500).contains(&grown), "{grown} bytes: the memo stands apart from the input, too");
    assert_eq!(world.shown("order").await, [memo(&[("note", 1_000)])]);
}

#[tokio::test]
async fn a_memo_is_shown_as_it_is_now() {
    let mut world = World::new().await;
    world.start("order", memo(&[("note", 5_000)]), None).await;
    let upsert = ModifyWorkflowPropertiesCommandAttributes { upserted_memo: Some(memo(&[("more", 3)])) };
    let modify = Attributes::ModifyWorkflowPropertiesCommandAttributes(upsert);
    world.complete(CommandType::ModifyWorkflowProperties, modify).await;
    let both = memo(&[("note", 5_000), ("more", 3)]);
    assert_eq!(world.shown("order").await, std::slice::from_ref(&both));

    let next = ContinueAsNewWorkflowExecutionCommandAttributes {
        workflow_type: Some(WorkflowType { name: "Pay".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..TaskQueue::default() }),
        memo: Some(memo(&[("next", 7_000)])),
        ..Default::default()
    };
    let next = Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(next);
    world.complete(CommandType::ContinueAsNewWorkflowExecution, next).await;
    let memos = [memo(&[("next", 7_000)]), both];
    assert_eq!(world.shown("order").await, memos);

    world.engine.shutdown().await;
    let World { store, namespace, engine } = world;
    drop(engine);
    world = World { engine: open(store.clone()), store, namespace };
    assert_eq!(world.shown("order").await, memos);
    let done = CompleteWorkflowExecutionCommandAttributes::default();
    let done = Attributes::CompleteWorkflowExecutionCommandAttributes(done);
    world.complete(CommandType::CompleteWorkflowExecution, done).await;
    assert_eq!(world.shown("order").await, memos);
}

#[tokio::test]
async fn a_page_ends_where_its_memos_are_too_many_bytes() {
    let world = World::new().await;
    for number in 0..10 {
        world.start(&format!("order-{number}"), memo(&[("note", 500_000)]), None).await;
    }
    let namespace = NamespaceId(uuid::Uuid::from_u128(1));
    let mut query = Query { namespace, filter: None, group_by: Vec::new(), limit: 100, after: None };
    let mut seen = BTreeMap::new();
    loop {
        let page = world.engine.list_with_memos(query.clone()).await.expect("the list is read");
        assert!((1..=5).contains(&page.runs.len()), "{} runs", page.runs.len());
        for run in page.runs {
            assert_eq!(run.memo, Some(memo(&[("note", 500_000)])));
            assert_eq!(seen.insert(run.row.workflow_id, ()), None, "no run comes twice");
        }
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 10);
}
