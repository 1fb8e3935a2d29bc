//! `taskId`: on every event that is or will be stored, the same whichever way a history is read, and after a restart.

use model::Limits;
use prost::Message;
use proto::temporal::api::{
    enums::v1::HistoryEventFilterType,
    history::v1::{History, HistoryEvent},
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryReverseRequest,
        RespondWorkflowTaskFailedRequest, StartWorkflowExecutionRequest, TerminateWorkflowExecutionRequest,
    },
};

use crate::world::{World, completion, execution, namespace, start};

/// Event ids, each with its event's task id.
fn ids(history: Option<History>) -> Vec<(i64, i64)> {
    numbers(&history.unwrap_or_default().events)
}

fn numbers(events: &[HistoryEvent]) -> Vec<(i64, i64)> {
    events.iter().map(|event| (event.event_id, event.task_id)).collect()
}

const FIRST: i64 = 1_048_577;

fn numbered(last: i64) -> Vec<(i64, i64)> {
    (1..=last).map(|event_id| (event_id, FIRST + event_id - 1)).collect()
}

fn get() -> GetWorkflowExecutionHistoryRequest {
    GetWorkflowExecutionHistoryRequest { namespace: namespace(), execution: execution("run"), ..Default::default() }
}

async fn reversed(world: &mut World) -> Vec<(i64, i64)> {
    let get = GetWorkflowExecutionHistoryReverseRequest {
        namespace: namespace(),
        execution: execution("run"),
        ..Default::default()
    };
    let answer = world.client.get_workflow_execution_history_reverse(get).await.unwrap().into_inner();
    ids(answer.history)
}

async fn fail_task(world: &mut World, task_token: bytes::Bytes) {
    let failed = RespondWorkflowTaskFailedRequest { namespace: namespace(), task_token, ..Default::default() };
    world.client.respond_workflow_task_failed(failed).await.unwrap();
}

#[tokio::test]
async fn each_way_to_read_a_history_gives_the_same() {
    let mut world = World::new().await;
    let eager = StartWorkflowExecutionRequest { request_eager_execution: true, ..start("run") };
    let task = world.client.start_workflow_execution(eager).await.unwrap().into_inner().eager_workflow_task.unwrap();
    assert_eq!(ids(task.history), numbered(3), "a task that comes with the start");
    assert_eq!(numbers(&world.history("run").await), numbered(3), "the start of a task is not stored yet");
    fail_task(&mut world, task.task_token).await;
    let task = world.poll("run").await;
    let transient = [numbered(4), vec![(5, 0), (6, 0)]].concat();
    assert_eq!(ids(task.history), transient, "another attempt, of which nothing may be stored");
    assert_eq!(numbers(&world.history("run").await), transient);
    world.client.respond_workflow_task_completed(completion(task.task_token)).await.unwrap();
    assert_eq!(numbers(&world.history("run").await), numbered(7));
    let terminate = TerminateWorkflowExecutionRequest {
        namespace: namespace(),
        workflow_execution: execution("run"),
        ..Default::default()
    };
    world.client.terminate_workflow_execution(terminate).await.unwrap();

    let mut world = world.restarted().await;
    assert_eq!(numbers(&world.history("run").await), numbered(8));
    let backwards: Vec<_> = numbered(8).into_iter().rev().collect();
    assert_eq!(reversed(&mut world).await, backwards);
    let filter = HistoryEventFilterType::CloseEvent.into();
    let close = GetWorkflowExecutionHistoryRequest { history_event_filter_type: filter, ..get() };
    let close = world.client.get_workflow_execution_history(close).await.unwrap().into_inner();
    assert_eq!(ids(close.history), numbered(8).split_off(7));
}

#[tokio::test]
async fn raw_histories_have_them_too() {
    let mut world = World::with(Limits { raw_history: true, ..Limits::default() }).await;
    world.start("run").await;
    let answer = world.client.get_workflow_execution_history(get()).await.unwrap().into_inner();
    let events = answer.raw_history.iter().flat_map(|blob| History::decode(&*blob.data).unwrap().events);
    assert_eq!(numbers(&events.collect::<Vec<_>>()), numbered(2));
}
