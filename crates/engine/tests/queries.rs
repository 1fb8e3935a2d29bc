//! What a worker gets with a query: the history with all that was acknowledged before the query was asked.

mod asked;
mod given;

use std::{
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use engine::{Answer, Call, Execution, HistoryRange, PageLimit, Poll, WorkflowTask};
use machine::Signal;
use model::{QueueKey, QueueKind};
use prost::Message;
use proto::temporal::api::{
    common::v1::WorkflowType,
    enums::v1::{QueryRejectCondition, TaskQueueKind},
    history::v1::History,
    query::v1::WorkflowQuery,
    taskqueue::v1::{StickyExecutionAttributes, TaskQueue},
    workflowservice::v1::{
        RespondQueryTaskCompletedRequest, RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest,
    },
};

use asked::{Asked, World};

const QUEUE: &str = "queue";
const OWN: &str = "own";

impl World {
    /// A server with a workflow whose first task waits.
    async fn started() -> Self {
        let world = Self::new().await;
        let start = StartWorkflowExecutionRequest {
            request_id: "start".to_owned(),
            workflow_id: execution().workflow_id,
            workflow_type: Some(WorkflowType { name: "Pay".into() }),
            task_queue: Some(TaskQueue { name: QUEUE.into(), ..TaskQueue::default() }),
            ..StartWorkflowExecutionRequest::default()
        };
        world.call(Call::Start(Box::new(start))).await;
        world
    }

    /// A call that the node has and that waits.
    fn waiting(&self, call: Call) -> Asked<'_> {
        let mut asked = self.ask(call);
        assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        asked
    }

    fn poll(&self, queue: &str) -> Call {
        Call::PollWorkflowTask(Poll {
            queue: QueueKey { namespace: self.namespace.id, kind: QueueKind::Workflow, name: queue.into() },
            normal_name: if queue == OWN { QUEUE.to_owned() } else { String::new() },
            identity: "worker".into(),
            worker_version: Arc::default(),
            worker_instance_key: String::new(),
            deadline: self.engine.now() + Duration::from_secs(5),
            max_tasks_per_second: None,
        })
    }

    async fn task(&self, queue: &str) -> WorkflowTask {
        task(self.call(self.poll(queue)).await)
    }

    fn query(&self) -> Call {
        let query = Box::new(WorkflowQuery { query_type: "state".into(), ..WorkflowQuery::default() });
        let deadline = self.engine.now() + Duration::from_secs(10);
        Call::Query { execution: execution(), query, reject_condition: QueryRejectCondition::None, deadline }
    }

    fn complete(&self, task: &WorkflowTask, sticky: bool) -> Call {
        let token = self.engine.token_key().open(&task.response.task_token).expect("the engine opens its own token");
        let own = TaskQueue { name: OWN.into(), kind: TaskQueueKind::Sticky.into(), normal_name: QUEUE.into() };
        let sticky_attributes = sticky.then_some(StickyExecutionAttributes {
            worker_task_queue: Some(own),
            schedule_to_start_timeout: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
        });
        let request = RespondWorkflowTaskCompletedRequest { sticky_attributes, ..Default::default() };
        Call::CompleteWorkflowTask { token, request: Box::new(request) }
    }

    /// The ids of the events that the worker gets.
    async fn events(&self, task: &WorkflowTask) -> Vec<i64> {
        let range: &HistoryRange = &task.history;
        let limit = PageLimit { events: usize::MAX, bytes: usize::MAX };
        let batches = self.engine.read_history(range, limit).await.expect("memory can be read");
        let stored = batches.into_iter().flat_map(|batch| History::decode(batch).expect("a batch is a history").events);
        let stored = stored.map(|event| event.event_id).filter(|id| (range.from..range.before).contains(id));
        stored.chain(task.tail.iter().map(|event| event.event_id)).collect()
    }

    async fn answer(&self, task: &WorkflowTask) {
        let token = self.engine.token_key().open(&task.response.task_token).expect("the engine opens its own token");
        let request = Box::new(RespondQueryTaskCompletedRequest { completed_type: 1, ..Default::default() });
        self.call(Call::AnswerQuery { token, request }).await;
    }
}

fn execution() -> Execution {
    Execution { workflow_id: "order".to_owned(), run_id: String::new() }
}

fn task(answer: Answer) -> WorkflowTask {
    match answer {
        Answer::WorkflowTask(Some(task)) => *task,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_query_that_a_completion_releases_to_a_poll_that_waits_carries_what_was_completed() {
    let world = World::started().await;
    let first = world.task(QUEUE).await;
    assert_eq!(world.events(&first).await, [1, 2, 3]);
    let polling = world.waiting(world.poll(QUEUE));
    let asking = world.waiting(world.query());
    world.call(world.complete(&first, false)).await;
    let query = task(polling.await.expect("the poll is answered"));
    assert!(query.response.query.is_some());
    assert_eq!((world.events(&query).await, query.response.previous_started_event_id), (vec![1, 2, 3, 4], 3));
    world.answer(&query).await;
    asking.await.expect("the query is answered");
}

#[tokio::test]
async fn on_a_later_task_it_is_the_same() {
    let world = World::started().await;
    world.call(world.complete(&world.task(QUEUE).await, false)).await;
    let signal = Box::new(Signal { name: "go".into(), ..Signal::default() });
    world.call(Call::Signal { execution: execution(), signal }).await;
    let second = world.task(QUEUE).await;
    assert_eq!(world.events(&second).await, [1, 2, 3, 4, 5, 6, 7]);
    let polling = world.waiting(world.poll(QUEUE));
    let _asking = world.waiting(world.query());
    world.call(world.complete(&second, false)).await;
    let query = task(polling.await.expect("the poll is answered"));
    assert_eq!((world.events(&query).await.len(), query.response.previous_started_event_id), (8, 7));
}

#[tokio::test]
async fn a_worker_that_has_the_run_in_its_cache_gets_no_events() {
    let world = World::started().await;
    world.call(world.complete(&world.task(QUEUE).await, true)).await;
    let polling = world.waiting(world.poll(OWN));
    let _asking = world.waiting(world.query());
    let query = task(polling.await.expect("the poll is answered"));
    assert_eq!((world.events(&query).await, query.response.previous_started_event_id), (vec![], 3));
    // Another worker has to begin at the beginning, and so has one whose cache was forgotten.
    world.call(Call::ResetSticky { execution: execution() }).await;
    let polling = world.waiting(world.poll(QUEUE));
    let _asking = world.waiting(world.query());
    let query = task(polling.await.expect("the poll is answered"));
    assert_eq!(world.events(&query).await, [1, 2, 3, 4]);
}
