//! Tasks in replies: they are the worker's when the reply is on the wire, and go back where it never is.

use engine::{Answer, Call as Asking, Request, WorkflowTask};
use proto::temporal::api::{
    common::v1::WorkflowType, taskqueue::v1::TaskQueue, workflowservice::v1::StartWorkflowExecutionRequest,
};

use super::{
    Versions, patient,
    world::{LARGE_TASK, TASK, World, namespace, poll, until},
};

/// A server with a workflow that waits for a worker.
async fn world() -> World {
    let world = World::new(patient(), Versions::Two).await;
    ask(&world, Asking::PutNamespace { record: Box::new(namespace()), expected_version: 0 }).await;
    let start = StartWorkflowExecutionRequest {
        workflow_id: "order".into(),
        request_id: "start".into(),
        workflow_type: Some(WorkflowType { name: "Pay".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..TaskQueue::default() }),
        ..StartWorkflowExecutionRequest::default()
    };
    ask(&world, Asking::Start(Box::new(start))).await;
    world
}

async fn ask(world: &World, call: Asking) -> Answer {
    world.engine.call(Request { namespace: namespace().snapshot().into(), call }).await.unwrap()
}

async fn task(world: &World) -> WorkflowTask {
    match world.engine.call(poll(&world.engine)).await {
        Ok(Answer::WorkflowTask(Some(task))) => *task,
        other => panic!("{other:?}"),
    }
}

/// The worker takes the head of its reply, and as much as its window lets in.
#[tokio::test]
async fn a_reply_that_is_taken_back_leaves_its_task() {
    let world = world().await;
    let mut client = world.client().await;
    let (status, body) = client.call(LARGE_TASK).await.answer().await;
    assert_eq!(status, 0);
    drop(body);
    assert_eq!(task(&world).await.response.attempt, 1);
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_task_of_the_reply_that_is_not_on_it() {
    let world = world().await;
    let mut client = world.client().await;
    let (status, _body) = client.call(LARGE_TASK).await.answer().await;
    assert_eq!(status, 0);
    client.wire.abort_all();
    assert_eq!(task(&world).await.response.attempt, 1);
}

#[tokio::test]
async fn a_reply_that_was_written_is_the_workers() {
    let world = world().await;
    let mut client = world.client().await;
    let (status, mut body) = client.call(TASK).await.answer().await;
    assert_eq!(status, 0);
    while let Some(piece) = body.data().await {
        piece.unwrap();
    }
    drop((client, body));
    until(|| world.registry.count() == 0).await;
    let description =
        Asking::Describe { execution: engine::Execution { workflow_id: "order".into(), run_id: "".into() } };
    let Answer::Description(description) = ask(&world, description).await else { panic!("it is described") };
    let pending = description.pending_workflow_task.unwrap();
    assert!(pending.started_time.is_some(), "{pending:?}");
}
