//! Tasks that are on their way to a worker which has gone: they go to the next poll, as if they had not been started.

mod asked;
mod given;

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use engine::{Answer, Call, Class, Execution, Poll, QueryOutcome, Request, Stands, WorkflowTask};
use model::{QueueKey, QueueKind};
use proto::temporal::api::{
    command::v1::{Command, ScheduleActivityTaskCommandAttributes, command::Attributes},
    common::v1::{ActivityType, WorkflowType},
    enums::v1::{CommandType, QueryRejectCondition, QueryResultType},
    query::v1::WorkflowQuery,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        PollActivityTaskQueueResponse, RespondQueryTaskCompletedRequest, RespondWorkflowTaskCompletedRequest,
        StartWorkflowExecutionRequest,
    },
};

use asked::World;

const QUEUE: &str = "queue";

/// When the caller is lost to the engine.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gone {
    /// After its task was started, before it is told.
    Untold,
    /// After it was told, before it has looked.
    Unheard,
    /// After it has looked, before its reply is written.
    Unwritten,
}

const ALL: [Gone; 3] = [Gone::Untold, Gone::Unheard, Gone::Unwritten];
/// Of a call that answers itself.
const TOLD: [Gone; 2] = [Gone::Unheard, Gone::Unwritten];

impl World {
    /// Asks with `lost` and does with `make` what answers it, unless it is answered by itself. The caller of `lost` is gone
    /// then.
    async fn lose(&self, lost: Call, make: Option<Call>, gone: Gone) {
        let pass = Arc::new(self.engine.admit(Class::Poll, Stands::UntilTaken, None).expect("there is room"));
        let request = Request { namespace: self.namespace.clone(), call: lost };
        let mut lost = Box::pin(self.engine.call_with(request, &pass));
        let context = &mut Context::from_waker(Waker::noop());
        self.engine.batch_scope(|| assert!(lost.as_mut().poll(context).is_pending()));
        if gone == Gone::Untold {
            let mut make = self.ask(make.expect("nothing is told before it is made"));
            self.engine.batch_scope(|| {
                assert!(make.as_mut().poll(context).is_pending());
                drop(lost);
            });
            make.await.expect("the call is accepted");
            return;
        }
        if let Some(make) = make {
            self.call(make).await;
        }
        if gone == Gone::Unwritten {
            let answer = lost.await.expect("the call is accepted");
            assert!(!answer.task_tokens().is_empty(), "{answer:?}");
        }
    }

    fn poll(&self, kind: QueueKind) -> Call {
        let poll = Poll {
            queue: QueueKey { namespace: self.namespace.id, kind, name: QUEUE.into() },
            normal_name: String::new(),
            identity: "worker".into(),
            worker_version: Arc::default(),
            worker_instance_key: String::new(),
            deadline: self.engine.now() + Duration::from_secs(5),
            max_tasks_per_second: None,
        };
        match kind {
            QueueKind::Workflow => Call::PollWorkflowTask(poll),
            QueueKind::Activity => Call::PollActivityTask(poll),
        }
    }

    async fn task(&self) -> WorkflowTask {
        match self.call(self.poll(QueueKind::Workflow)).await {
            Answer::WorkflowTask(Some(task)) => *task,
            other => panic!("{other:?}"),
        }
    }

    async fn activity(&self) -> PollActivityTaskQueueResponse {
        match self.call(self.poll(QueueKind::Activity)).await {
            Answer::ActivityTask(Some(task)) => *task,
            other => panic!("{other:?}"),
        }
    }

    fn complete(&self, task: &WorkflowTask, commands: Vec<Command>, returns_next: bool) -> Call {
        let token = self.engine.token_key().open(&task.response.task_token).expect("the engine opens its own token");
        let request = RespondWorkflowTaskCompletedRequest {
            commands,
            return_new_workflow_task: returns_next,
            force_create_new_workflow_task: returns_next,
            ..RespondWorkflowTaskCompletedRequest::default()
        };
        Call::CompleteWorkflowTask { token, request: Box::new(request) }
    }
}

fn execution() -> Execution {
    Execution { workflow_id: "order".to_owned(), run_id: String::new() }
}

fn start(eager: bool) -> Call {
    Call::Start(Box::new(StartWorkflowExecutionRequest {
        request_id: "start".to_owned(),
        workflow_id: execution().workflow_id,
        workflow_type: Some(WorkflowType { name: "Pay".into() }),
        task_queue: Some(queue()),
        request_eager_execution: eager,
        ..StartWorkflowExecutionRequest::default()
    }))
}

fn queue() -> TaskQueue {
    TaskQueue { name: QUEUE.into(), ..TaskQueue::default() }
}

fn schedule(eager: bool) -> Command {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: "charge".into(),
        activity_type: Some(ActivityType { name: "Charge".into() }),
        task_queue: Some(queue()),
        start_to_close_timeout: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        request_eager_execution: eager,
        ..ScheduleActivityTaskCommandAttributes::default()
    };
    Command {
        command_type: CommandType::ScheduleActivityTask.into(),
        attributes: Some(Attributes::ScheduleActivityTaskCommandAttributes(attributes)),
        ..Command::default()
    }
}

#[tokio::test]
async fn a_workflow_task_goes_to_the_next_poll() {
    for gone in ALL {
        let world = World::new().await;
        world.lose(world.poll(QueueKind::Workflow), Some(start(false)), gone).await;
        let task = world.task().await;
        assert_eq!((task.response.attempt, task.response.started_event_id), (1, 3), "{gone:?}");
        world.call(world.complete(&task, Vec::new(), false)).await;
    }
}

#[tokio::test]
async fn an_activity_goes_to_the_next_poll_in_the_same_attempt() {
    for gone in ALL {
        let world = World::new().await;
        world.call(start(false)).await;
        let made = world.complete(&world.task().await, vec![schedule(false)], false);
        world.lose(world.poll(QueueKind::Activity), Some(made), gone).await;
        assert_eq!(world.activity().await.attempt, 1, "{gone:?}");
    }
}

#[tokio::test]
async fn a_poll_that_waits_takes_what_another_one_has_lost() {
    let world = World::new().await;
    world.call(start(false)).await;
    let made = world.complete(&world.task().await, vec![schedule(false)], false);
    let pass = Arc::new(world.engine.admit(Class::Poll, Stands::UntilTaken, None).expect("there is room"));
    let request = Request { namespace: world.namespace.clone(), call: world.poll(QueueKind::Activity) };
    let lost = world.engine.call_with(request, &pass);
    let mut waits = pin!(world.activity());
    let (lost, _) = tokio::join!(lost, world.call(made));
    assert!(waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop((lost, pass));
    assert_eq!(waits.await.attempt, 1);
}

#[tokio::test]
async fn what_comes_with_another_answer_goes_to_the_next_poll() {
    for gone in TOLD {
        let world = World::new().await;
        world.lose(start(true), None, gone).await;
        let task = world.task().await;
        assert_eq!(task.response.attempt, 1, "{gone:?}");
        world.lose(world.complete(&task, vec![schedule(true)], true), None, gone).await;
        assert_eq!(world.activity().await.attempt, 1, "{gone:?}");
        assert_eq!(world.task().await.response.previous_started_event_id, 3, "{gone:?}");
    }
}

#[tokio::test]
async fn a_task_that_was_written_is_the_workers() {
    let world = World::new().await;
    world.call(start(false)).await;
    let pass = Arc::new(world.engine.admit(Class::Poll, Stands::UntilTaken, None).expect("there is room"));
    let request = Request { namespace: world.namespace.clone(), call: world.poll(QueueKind::Workflow) };
    let Ok(Answer::WorkflowTask(Some(task))) = world.engine.call_with(request, &pass).await else {
        panic!("there is a task")
    };
    pass.take_delivery().expect("a task is delivered").done();
    assert!(pass.take_delivery().is_none());
    drop(pass);
    world.call(world.complete(&task, Vec::new(), false)).await;
}

#[tokio::test]
async fn a_query_goes_to_the_next_poll() {
    let answer_query = |world: &World, task: &WorkflowTask| {
        let token = world.engine.token_key().open(&task.response.task_token).expect("the engine opens its own token");
        let request = RespondQueryTaskCompletedRequest {
            completed_type: QueryResultType::Answered.into(),
            ..RespondQueryTaskCompletedRequest::default()
        };
        Call::AnswerQuery { token, request: Box::new(request) }
    };
    for gone in TOLD {
        let world = World::new().await;
        world.call(start(false)).await;
        world.call(world.complete(&world.task().await, Vec::new(), false)).await;
        let query = WorkflowQuery { query_type: "state".into(), ..WorkflowQuery::default() };
        let (reject_condition, deadline) = (QueryRejectCondition::None, world.engine.now() + Duration::from_secs(10));
        let query = Call::Query { execution: execution(), query: Box::new(query), reject_condition, deadline };
        let mut asked = world.ask(query);
        assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        world.lose(world.poll(QueueKind::Workflow), None, gone).await;
        let task = world.task().await;
        assert!(task.response.query.is_some(), "{gone:?}");
        world.call(answer_query(&world, &task)).await;
        let answered = asked.await;
        assert!(matches!(answered, Ok(Answer::QueryAnswer { outcome: QueryOutcome::Answered(_), .. })), "{answered:?}");
    }
}

#[tokio::test]
async fn a_worker_that_goes_away_ends_its_own_polls_alone() {
    let world = World::new().await;
    let deadline = world.engine.now() + Duration::from_secs(60);
    let poll = |name: &str, normal_name: &str, key: &str| {
        Call::PollWorkflowTask(Poll {
            queue: QueueKey { namespace: world.namespace.id, kind: QueueKind::Workflow, name: name.into() },
            normal_name: normal_name.into(),
            identity: "1@host".into(),
            worker_version: Arc::default(),
            worker_instance_key: key.into(),
            deadline,
            max_tasks_per_second: None,
        })
    };
    let context = &mut Context::from_waker(Waker::noop());
    for key in ["", "one"] {
        let mut going = vec![world.ask(poll("sticky", QUEUE, key))];
        if !key.is_empty() {
            going.push(world.ask(poll(QUEUE, "", key)));
        }
        let mut staying = [world.ask(poll(QUEUE, "", "")), world.ask(poll("another", QUEUE, "two"))];
        for poll in going.iter_mut().chain(&mut staying) {
            assert!(poll.as_mut().poll(context).is_pending());
        }
        world
            .call(Call::ShutdownWorker { sticky_task_queue: "sticky".into(), worker_instance_key: key.to_owned() })
            .await;
        for poll in going {
            assert!(matches!(poll.await, Ok(Answer::WorkflowTask(None))), "{key:?}");
        }
        for poll in &mut staying {
            assert!(poll.as_mut().poll(context).is_pending(), "{key:?}");
        }
    }
}
