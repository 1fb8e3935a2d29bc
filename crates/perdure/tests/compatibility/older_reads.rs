//! Reads that today's SDKs no longer call, but scripts and older clients still do.

use proto::temporal::api::filter::v1::{StatusFilter, WorkflowExecutionFilter};
use proto::temporal::api::{
    common::v1::{WorkflowExecution, WorkflowType},
    enums::v1::WorkflowExecutionStatus,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        GetSearchAttributesRequest, ListClosedWorkflowExecutionsRequest, ListOpenWorkflowExecutionsRequest,
        ListTaskQueuePartitionsRequest, StartWorkflowExecutionRequest, TerminateWorkflowExecutionRequest,
        list_closed_workflow_executions_request, list_open_workflow_executions_request,
        workflow_service_client::WorkflowServiceClient,
    },
};

use crate::server::Server;

const NAMESPACE: &str = "default";

/// An execution is in the list of open ones as soon as its start is acknowledged, and in that of closed ones, and not in
/// the other any more, as soon as its end is.
#[tokio::test(flavor = "multi_thread")]
async fn open_and_closed_executions_are_listed_apart() {
    let server = Server::start().await;
    let mut client = WorkflowServiceClient::new(server.channel());
    let start = StartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_id: "order-1".to_owned(),
        workflow_type: Some(WorkflowType { name: "Order".to_owned() }),
        task_queue: Some(TaskQueue { name: "orders".to_owned(), ..TaskQueue::default() }),
        ..StartWorkflowExecutionRequest::default()
    };
    client.start_workflow_execution(start).await.expect("a start with all that it needs");
    assert_eq!((open(&server).await, closed(&server).await), (1, 0));
    let terminate = TerminateWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: Some(WorkflowExecution { workflow_id: "order-1".to_owned(), run_id: String::new() }),
        ..TerminateWorkflowExecutionRequest::default()
    };
    client.terminate_workflow_execution(terminate).await.expect("the execution is open");
    assert_eq!((open(&server).await, closed(&server).await), (0, 1));
}

async fn open(server: &Server) -> usize {
    let filter = WorkflowExecutionFilter { workflow_id: "order-1".to_owned(), run_id: String::new() };
    let request = ListOpenWorkflowExecutionsRequest {
        namespace: NAMESPACE.to_owned(),
        maximum_page_size: 10,
        filters: Some(list_open_workflow_executions_request::Filters::ExecutionFilter(filter)),
        ..ListOpenWorkflowExecutionsRequest::default()
    };
    let answer = WorkflowServiceClient::new(server.channel()).list_open_workflow_executions(request).await;
    answer.expect("a well-formed list").into_inner().executions.len()
}

async fn closed(server: &Server) -> usize {
    let filter = StatusFilter { status: WorkflowExecutionStatus::Terminated.into() };
    let request = ListClosedWorkflowExecutionsRequest {
        namespace: NAMESPACE.to_owned(),
        maximum_page_size: 10,
        filters: Some(list_closed_workflow_executions_request::Filters::StatusFilter(filter)),
        ..ListClosedWorkflowExecutionsRequest::default()
    };
    let answer = WorkflowServiceClient::new(server.channel()).list_closed_workflow_executions(request).await;
    answer.expect("a well-formed list").into_inner().executions.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn search_attributes_and_partitions_are_told() {
    let server = Server::start().await;
    let mut client = WorkflowServiceClient::new(server.channel());
    let attributes = client.get_search_attributes(GetSearchAttributesRequest {}).await.expect("it needs nothing");
    assert!(attributes.into_inner().keys.contains_key("WorkflowId"));
    let request = ListTaskQueuePartitionsRequest {
        namespace: NAMESPACE.to_owned(),
        task_queue: Some(TaskQueue { name: "orders".to_owned(), ..TaskQueue::default() }),
    };
    let partitions = client.list_task_queue_partitions(request).await.expect("any queue has partitions").into_inner();
    assert!(!partitions.workflow_task_queue_partitions.is_empty());
    assert!(!partitions.activity_task_queue_partitions.is_empty());
}
