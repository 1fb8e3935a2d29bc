//! A workflow's life through the engine, on the store in memory: start, task, activity, timer, signal, close.

mod given;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine::{Answer, Call, Config, Engine, Execution, PageLimit, Poll, Request, WorkflowTask};
use machine::{ActivityAnswer, ActivityRef, Signal};
use model::{Limits, Namespace, NamespaceId, QueueKey, QueueKind, RunId, Time};
use prost::Message;
use proto::temporal::api::{
    command::v1::{
        Command, CompleteWorkflowExecutionCommandAttributes, ScheduleActivityTaskCommandAttributes,
        StartTimerCommandAttributes, command::Attributes,
    },
    common::v1::{ActivityType, WorkflowType},
    enums::v1::{CommandType, EventType},
    history::v1::{History, HistoryEvent},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        PollActivityTaskQueueResponse, RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest,
    },
};
use store::MemoryStore;

struct World {
    engine: Engine,
    namespace: Arc<Namespace>,
}

impl World {
    async fn new() -> Self {
        let config =
            Config { shards: 4, limits: Arc::new(Limits::default()), address: String::new(), cached_runs: 100 };
        let engine = Engine::open(Arc::new(MemoryStore::default()), config).expect("an empty store opens");
        let record = given::namespace(given::DAY);
        let namespace = Arc::new(record.snapshot());
        let put = Call::PutNamespace { record: Box::new(record), expected_version: 0 };
        engine.call(Request { namespace: namespace.clone(), call: put }).await.expect("a new namespace can be put");
        assert!(engine.namespaces().by_name("default").is_some());
        Self { engine, namespace }
    }

    async fn call(&self, call: Call) -> Answer {
        self.engine.call(Request { namespace: self.namespace.clone(), call }).await.expect("the call is accepted")
    }

    async fn start(&self, id: &str) -> String {
        let request = StartWorkflowExecutionRequest {
            workflow_id: id.into(),
            workflow_type: Some(WorkflowType { name: "Pay".into() }),
            task_queue: Some(TaskQueue { name: "queue".into(), ..TaskQueue::default() }),
            request_id: format!("start-{id}"),
            ..StartWorkflowExecutionRequest::default()
        };
        let Answer::Started(started) = self.call(Call::Start(Box::new(request))).await else { panic!("not started") };
        assert!(started.started);
        started.run_id
    }

    fn poll(&self, kind: QueueKind) -> Poll {
        Poll {
            queue: QueueKey { namespace: self.namespace.id, kind, name: "queue".into() },
            normal_name: String::new(),
            identity: "worker".into(),
            worker_version: Arc::default(),
            worker_instance_key: String::new(),
            deadline: self.engine.now() + Duration::from_secs(10),
            max_tasks_per_second: None,
        }
    }

    async fn workflow_task(&self) -> WorkflowTask {
        match self.call(Call::PollWorkflowTask(self.poll(QueueKind::Workflow))).await {
            Answer::WorkflowTask(Some(task)) => *task,
            other => panic!("{other:?}"),
        }
    }

    async fn activity_task(&self) -> PollActivityTaskQueueResponse {
        match self.call(Call::PollActivityTask(self.poll(QueueKind::Activity))).await {
            Answer::ActivityTask(Some(task)) => *task,
            other => panic!("{other:?}"),
        }
    }

    async fn complete(&self, task: &WorkflowTask, commands: Vec<Command>) {
        let token = self.engine.token_key().open(&task.response.task_token).expect("the engine opens its own token");
        let request = Box::new(RespondWorkflowTaskCompletedRequest { commands, ..Default::default() });
        self.call(Call::CompleteWorkflowTask { token, request }).await;
    }

    async fn history(&self, id: &str) -> Vec<HistoryEvent> {
        let execution = Execution { workflow_id: id.into(), run_id: String::new() };
        let call = Call::HistoryState { execution, wait_from: None, deadline: Time::MAX };
        let Answer::HistoryState(state) = self.call(call).await else { panic!("no history") };
        let batches = self
            .engine
            .read_history(&state.range, PageLimit::NONE)
            .await
            .expect("a history that was told of can be read");
        batches.into_iter().flat_map(|batch| History::decode(batch).expect("a stored batch is whole").events).collect()
    }
}

fn command(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind.into(), attributes: Some(attributes), ..Command::default() }
}

fn complete() -> Command {
    command(
        CommandType::CompleteWorkflowExecution,
        Attributes::CompleteWorkflowExecutionCommandAttributes(CompleteWorkflowExecutionCommandAttributes::default()),
    )
}

fn activity() -> Command {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: "1".into(),
        activity_type: Some(ActivityType { name: "Charge".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..TaskQueue::default() }),
        start_to_close_timeout: Some(prost_types::Duration { seconds: 10, nanos: 0 }),
        ..ScheduleActivityTaskCommandAttributes::default()
    };
    command(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(attributes))
}

fn timer(millis: i32) -> Command {
    let attributes = StartTimerCommandAttributes {
        timer_id: "t".into(),
        start_to_fire_timeout: Some(prost_types::Duration { seconds: 0, nanos: millis * 1_000_000 }),
    };
    command(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(attributes))
}

fn names(events: &[HistoryEvent]) -> Vec<&'static str> {
    events.iter().map(|event| event.event_type().as_str_name().trim_start_matches("EVENT_TYPE_")).collect()
}

#[tokio::test]
async fn a_workflow_runs_to_its_end() {
    let world = World::new().await;
    world.start("order").await;
    let task = world.workflow_task().await;
    assert_eq!(task.tail.len(), 1);
    world.complete(&task, vec![activity()]).await;
    let charge = world.activity_task().await;
    assert_eq!(charge.activity_id, "1");
    let token = world.engine.token_key().open(&charge.task_token).unwrap();
    let answer = Call::AnswerActivity {
        execution: Execution {
            workflow_id: token.workflow_id.clone(),
            run_id: RunId::from_slice(&token.run_id).unwrap().to_string(),
        },
        activity: ActivityRef::of(&token),
        epoch: Some(token.epoch),
        identity: "worker".into(),
        worker_version: None,
        answer: ActivityAnswer::Completed { result: None },
    };
    world.call(answer).await;
    let task = world.workflow_task().await;
    world.complete(&task, vec![timer(5)]).await;
    let task = world.workflow_task().await;
    world.complete(&task, vec![complete()]).await;
    let events = world.history("order").await;
    assert_eq!(
        names(&events),
        [
            "WORKFLOW_EXECUTION_STARTED",
            "WORKFLOW_TASK_SCHEDULED",
            "WORKFLOW_TASK_STARTED",
            "WORKFLOW_TASK_COMPLETED",
            "ACTIVITY_TASK_SCHEDULED",
            "ACTIVITY_TASK_STARTED",
            "ACTIVITY_TASK_COMPLETED",
            "WORKFLOW_TASK_SCHEDULED",
            "WORKFLOW_TASK_STARTED",
            "WORKFLOW_TASK_COMPLETED",
            "TIMER_STARTED",
            "TIMER_FIRED",
            "WORKFLOW_TASK_SCHEDULED",
            "WORKFLOW_TASK_STARTED",
            "WORKFLOW_TASK_COMPLETED",
            "WORKFLOW_EXECUTION_COMPLETED",
        ]
    );
    let ids: Vec<i64> = events.iter().map(|event| event.event_id).collect();
    assert_eq!(ids, (1..=16).collect::<Vec<_>>());
    assert_eq!(events[15].event_type(), EventType::WorkflowExecutionCompleted);
}

#[tokio::test]
async fn a_signal_during_a_task_waits_in_the_buffer() {
    let world = World::new().await;
    world.start("order").await;
    let task = world.workflow_task().await;
    let execution = Execution { workflow_id: "order".into(), run_id: String::new() };
    let signal = Box::new(Signal { name: "go".into(), ..Signal::default() });
    world.call(Call::Signal { execution, signal }).await;
    assert_eq!(names(&world.history("order").await).len(), 2);
    world.complete(&task, vec![]).await;
    let events = world.history("order").await;
    let tail = &names(&events)[3..];
    assert_eq!(tail, ["WORKFLOW_TASK_COMPLETED", "WORKFLOW_EXECUTION_SIGNALED", "WORKFLOW_TASK_SCHEDULED"]);
}

#[tokio::test]
async fn every_acknowledged_start_is_listed() {
    let world = World::new().await;
    let mut runs = BTreeMap::new();
    for n in 0..20 {
        let id = format!("order-{n}");
        runs.insert(world.start(&id).await, id);
    }
    let query = store::visibility::Query {
        namespace: NamespaceId(uuid::Uuid::from_u128(1)),
        filter: None,
        group_by: Vec::new(),
        limit: 100,
        after: None,
    };
    let page = world.engine.list(query).await.unwrap();
    let listed: BTreeMap<_, _> = page.rows.into_iter().map(|row| (row.run_id.to_string(), row.workflow_id)).collect();
    assert_eq!(listed, runs);
}
