//! What an update costs, and what its client hears.

mod given;
mod watched;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use engine::{
    Answer, Call, Config, Engine, Execution, Poll, Request, UpdateCall, UpdateOutcome, UpdateState, UpdateWait,
    WorkflowTask,
};
use model::{Kind, Limits, Namespace, QueueKey, QueueKind};
use prost::Name;
use proto::temporal::api::{
    command::v1::{Command, command::Attributes},
    common::v1::WorkflowType,
    enums::v1::{CommandType, UpdateWorkflowExecutionLifecycleStage as Stage},
    protocol::v1::Message,
    taskqueue::v1::TaskQueue,
    update::v1::{Acceptance, Input, Meta, Outcome, Rejection, Request as UpdateRequest, Response, outcome::Value},
    workflowservice::v1::{RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest},
};
use watched::Watched;

struct World {
    engine: Engine,
    store: Arc<Watched>,
    namespace: Arc<Namespace>,
}

impl World {
    /// A server with one idle workflow, `order`.
    async fn new() -> Self {
        let config = Config { shards: 1, limits: Arc::new(Limits::default()), address: String::new(), cached_runs: 9 };
        let store = Arc::new(Watched::new(None));
        let engine = Engine::open(store.clone(), config).expect("an empty store opens");
        let record = given::namespace(given::DAY);
        let world = Self { engine, store, namespace: Arc::new(record.snapshot()) };
        world.call(Call::PutNamespace { record: Box::new(record), expected_version: 0 }).await;
        world.call(Call::Start(Box::new(start()))).await;
        let task = world.task().await;
        world.complete(&task, Vec::new()).await;
        world
    }

    async fn call(&self, call: Call) -> Answer {
        self.engine.call(Request { namespace: self.namespace.clone(), call }).await.expect("the call is accepted")
    }

    /// The text with which a call is refused.
    async fn refused(&self, call: Call) -> String {
        let answer = self.engine.call(Request { namespace: self.namespace.clone(), call }).await;
        answer.expect_err("the call is refused").to_string()
    }

    fn written(&self) -> u64 {
        self.store.batches.load(Ordering::Relaxed)
    }

    async fn task(&self) -> WorkflowTask {
        let poll = Poll {
            queue: QueueKey { namespace: self.namespace.id, kind: QueueKind::Workflow, name: "queue".into() },
            normal_name: String::new(),
            identity: "worker".into(),
            worker_version: Arc::default(),
            worker_instance_key: String::new(),
            deadline: self.engine.now() + Duration::from_secs(60),
            max_tasks_per_second: None,
        };
        match self.call(Call::PollWorkflowTask(poll)).await {
            Answer::WorkflowTask(Some(task)) => *task,
            other => panic!("{other:?}"),
        }
    }

    async fn complete(&self, task: &WorkflowTask, messages: Vec<Message>) -> i64 {
        let token = self.engine.token_key().open(&task.response.task_token).expect("the engine opens its own token");
        let request = Box::new(RespondWorkflowTaskCompletedRequest { messages, ..Default::default() });
        match self.call(Call::CompleteWorkflowTask { token, request }).await {
            Answer::WorkflowTaskCompleted { reset_history_event_id, .. } => reset_history_event_id,
            other => panic!("{other:?}"),
        }
    }

    fn update(&self, patience: Duration) -> UpdateCall {
        UpdateCall {
            execution: order(),
            first_execution_run_id: String::new(),
            request: UpdateRequest {
                meta: Some(Meta { update_id: "u".into(), identity: "client".into() }),
                input: Some(Input { name: "set".into(), ..Input::default() }),
                ..UpdateRequest::default()
            },
            wait: UpdateWait::Completed,
            deadline: self.engine.now() + patience,
        }
    }

    async fn updated(&self, patience: Duration) -> UpdateState {
        match self.call(Call::Update(Box::new(self.update(patience)))).await {
            Answer::Update(state) => *state,
            other => panic!("{other:?}"),
        }
    }

    /// What a client hears whose update the worker answers with these messages.
    async fn answered(&self, messages: Vec<Message>) -> (UpdateState, i64) {
        let worker = async {
            let task = self.task().await;
            assert_eq!(task.response.messages.len(), 1, "the task brings the update");
            self.complete(&task, messages).await
        };
        tokio::join!(self.updated(Duration::from_secs(60)), worker)
    }
}

fn order() -> Execution {
    Execution { workflow_id: "order".into(), run_id: String::new() }
}

fn start() -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        workflow_id: "order".into(),
        workflow_type: Some(WorkflowType { name: "Pay".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..TaskQueue::default() }),
        request_id: "start".into(),
        ..StartWorkflowExecutionRequest::default()
    }
}

fn message<M: prost::Message + Name>(body: &M) -> Message {
    let type_url = format!("type.googleapis.com/{}", M::full_name());
    let body = Some(prost_types::Any { type_url, value: body.encode_to_vec() });
    Message { id: M::NAME.into(), protocol_instance_id: "u".into(), body, sequencing_id: None }
}

fn accepted_and_done() -> Vec<Message> {
    let acceptance = Acceptance {
        accepted_request_message_id: "u/request".into(),
        accepted_request_sequencing_event_id: 5,
        ..Acceptance::default()
    };
    let response = Response {
        meta: Some(Meta { update_id: "u".into(), ..Meta::default() }),
        outcome: Some(Outcome { value: Some(Value::Success(Default::default())) }),
    };
    vec![message(&acceptance), message(&response)]
}

#[tokio::test]
async fn an_update_to_an_idle_workflow_is_one_write() {
    let world = World::new().await;
    let before = world.written();
    let (state, reset) = world.answered(accepted_and_done()).await;
    assert_eq!((world.written() - before, reset), (1, 0));
    assert_eq!(state.stage, Stage::Completed);
    assert!(matches!(state.outcome, UpdateOutcome::Known(_)));
    let again = world.updated(Duration::from_secs(60)).await;
    assert!(matches!(again.outcome, UpdateOutcome::Stored(range) if range.from == 9));
    assert_eq!(world.written() - before, 1);
}

#[tokio::test]
async fn a_rejection_writes_nothing() {
    let world = World::new().await;
    let before = world.written();
    let (state, reset) = world.answered(vec![message(&Rejection::default())]).await;
    assert_eq!((world.written() - before, reset), (0, 3));
    let UpdateOutcome::Known(outcome) = state.outcome else { panic!("no outcome") };
    assert!(matches!(outcome.value, Some(Value::Failure(_))));
}

#[tokio::test]
async fn an_update_whose_worker_is_refused_goes_to_the_next_one_at_once() {
    let world = World::new().await;
    let worker = async {
        let task = world.task().await;
        let token = world.engine.token_key().open(&task.response.task_token).expect("the engine opens its own token");
        let done = Command {
            command_type: CommandType::CompleteWorkflowExecution.into(),
            attributes: Some(Attributes::CompleteWorkflowExecutionCommandAttributes(Default::default())),
            ..Command::default()
        };
        let request = RespondWorkflowTaskCompletedRequest { commands: vec![done.clone(), done], ..Default::default() };
        let call = Call::CompleteWorkflowTask { token, request: Box::new(request) };
        let answer = world.engine.call(Request { namespace: world.namespace.clone(), call }).await;
        let reject = answer.expect_err("a command follows on the last one");
        assert_eq!(reject.kind, Kind::InvalidArgument, "{reject}");
        let task = world.task().await;
        assert_eq!((task.response.attempt, task.response.messages.len()), (1, 1));
        world.complete(&task, accepted_and_done()).await
    };
    let (state, _) = tokio::join!(world.updated(Duration::from_secs(60)), worker);
    assert_eq!(state.stage, Stage::Completed);
}

#[tokio::test]
async fn a_wait_in_vain_tells_how_far_the_update_is() {
    let world = World::new().await;
    assert_eq!(world.updated(Duration::ZERO).await.stage, Stage::Admitted);
    let poll = |wait| Call::PollUpdate {
        execution: order(),
        update_id: "u".into(),
        wait,
        deadline: world.engine.now() + Duration::from_millis(20),
    };
    let Answer::Update(state) = world.call(poll(UpdateWait::Accepted)).await else { panic!("no update") };
    assert_eq!(state.stage, Stage::Admitted);
    let task = world.task().await;
    world.complete(&task, accepted_and_done()[..1].to_vec()).await;
    let Answer::Update(state) = world.call(poll(UpdateWait::Completed)).await else { panic!("no update") };
    assert_eq!(state.stage, Stage::Accepted);
}

#[tokio::test]
async fn an_update_with_start_goes_to_the_run_that_it_starts() {
    let world = World::new().await;
    let mut request = start();
    request.workflow_id = "another".into();
    let mut update = world.update(Duration::from_secs(60));
    update.execution.workflow_id = "another".into();
    let call = Call::UpdateWithStart { start: Box::new(request), update: Box::new(update), again: false };
    let worker = async {
        let task = world.task().await;
        assert_eq!(task.response.messages.len(), 1);
        world.complete(&task, accepted_and_done()).await
    };
    let (answer, _) = tokio::join!(world.call(call), worker);
    let Answer::UpdateWithStart { started, update } = answer else { panic!("{answer:?}") };
    assert!(started.started);
    assert_eq!((update.stage, update.run_id), (Stage::Completed, started.run_id));
}

#[tokio::test]
async fn who_asks_for_an_update_that_the_end_of_its_run_has_aborted_is_told_so() {
    let world = World::new().await;
    let poll = |update_id: &str| Call::PollUpdate {
        execution: order(),
        update_id: update_id.into(),
        wait: UpdateWait::Accepted,
        deadline: world.engine.now() + Duration::from_secs(60),
    };
    assert_eq!(world.updated(Duration::ZERO).await.stage, Stage::Admitted);
    world
        .call(Call::Terminate {
            execution: order(),
            first_execution_run_id: String::new(),
            reason: String::new(),
            details: None,
            identity: "client".into(),
            links: Vec::new(),
        })
        .await;
    let again = Call::Update(Box::new(world.update(Duration::from_secs(60))));
    for call in [poll("u"), again, poll("u")] {
        assert_eq!(world.refused(call).await, "workflow update was aborted by closing workflow");
    }
    assert_eq!(world.refused(poll("another")).await, "update \"another\" not found");
}
