//! Two tenants of one account: what one shows opens nothing of the other's.

use std::time::Duration;

use proto::temporal::api::{
    cloud::identity::v1::namespace_access::Permission,
    command::v1::{Command, StartChildWorkflowExecutionCommandAttributes, command::Attributes},
    common::v1::WorkflowType,
    enums::v1::CommandType,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        DescribeNamespaceRequest, ListNamespacesRequest, PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse,
        RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest,
    },
};
use tonic::{Code, Status};

use crate::{
    pki::{Authority, GOOD},
    world::{Account, World, with},
};

const UNAUTHORIZED: &str = "Request unauthorized.";

fn code_and_text(status: &Status) -> (Code, &str) {
    (status.code(), status.message())
}

fn queue() -> Option<TaskQueue> {
    Some(TaskQueue { name: "queue".to_owned(), ..Default::default() })
}

fn start(namespace: &str) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: namespace.to_owned(),
        workflow_id: "pay".to_owned(),
        workflow_type: Some(WorkflowType { name: "Pay".to_owned() }),
        task_queue: queue(),
        request_id: "1".to_owned(),
        ..Default::default()
    }
}

/// Starts a workflow in a namespace and takes its first task.
async fn task(world: &World, key: &str, namespace: &str) -> PollWorkflowTaskQueueResponse {
    let mut workflows = world.workflows(None);
    workflows.start_workflow_execution(with(start(namespace), key, namespace)).await.unwrap();
    let poll =
        PollWorkflowTaskQueueRequest { namespace: namespace.to_owned(), task_queue: queue(), ..Default::default() };
    let mut poll = with(poll, key, namespace);
    poll.set_timeout(Duration::from_secs(60));
    workflows.poll_workflow_task_queue(poll).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_reader_may_not_start() {
    let world = Account::new().serve().await;
    let bank = world.namespace("bank", None).await;
    let (reader, _) = world.robot("reader", &[(&bank, Permission::Read)]).await;
    let mut workflows = world.workflows(None);
    let describe = DescribeNamespaceRequest { namespace: bank.clone(), ..Default::default() };
    workflows.describe_namespace(with(describe, &reader, &bank)).await.unwrap();
    let refused = workflows.start_workflow_execution(with(start(&bank), &reader, &bank)).await.unwrap_err();
    assert_eq!(code_and_text(&refused), (Code::PermissionDenied, UNAUTHORIZED));
}

#[tokio::test]
async fn header_and_request_must_both_name_what_the_key_is_good_for() {
    let world = Account::new().serve().await;
    let (bank, shop) = (world.namespace("bank", None).await, world.namespace("shop", None).await);
    let (key, _) = world.robot("worker", &[(&bank, Permission::Write)]).await;
    let mut workflows = world.workflows(None);
    let nobody = "nobody.a2dd6".to_owned();
    for (request, header) in [(&shop, &shop), (&shop, &bank), (&bank, &shop), (&nobody, &nobody), (&bank, &nobody)] {
        let refused = workflows.start_workflow_execution(with(start(request), &key, header)).await.unwrap_err();
        assert_eq!(code_and_text(&refused), (Code::PermissionDenied, UNAUTHORIZED), "{request} under {header}");
    }
    let refused = workflows.list_namespaces(with(ListNamespacesRequest::default(), &key, "")).await;
    assert!(refused.is_err(), "a list of all tenants");
}

#[tokio::test]
async fn a_task_token_of_another_namespace_is_refused() {
    let world = Account::new().serve().await;
    let authority = Authority::new("clients of the shop");
    let bank = world.namespace("bank", None).await;
    let shop = world.namespace("shop", Some(&authority)).await;
    let (of_bank, _) = world.robot("bank", &[(&bank, Permission::Write)]).await;
    let (of_shop, _) = world.robot("shop", &[(&shop, Permission::Write)]).await;
    let (of_both, _) = world.robot("both", &[(&bank, Permission::Write), (&shop, Permission::Write)]).await;
    let task = task(&world, &of_bank, &bank).await;
    let respond = |namespace: &str| RespondWorkflowTaskCompletedRequest {
        namespace: namespace.to_owned(),
        task_token: task.task_token.clone(),
        ..Default::default()
    };
    let mut workflows = world.workflows(None);
    for namespace in [&shop, &bank, &String::new()] {
        let request = with(respond(namespace), &of_shop, &shop);
        let refused = workflows.respond_workflow_task_completed(request).await.unwrap_err();
        assert_eq!(code_and_text(&refused), (Code::PermissionDenied, UNAUTHORIZED), "{namespace}");
    }
    let leaf = authority.client("worker", GOOD);
    let mut shown = world.workflows(Some(&leaf));
    for namespace in [&shop, &bank, &String::new()] {
        let refused = shown.respond_workflow_task_completed(with(respond(namespace), "", &shop)).await.unwrap_err();
        assert_eq!(code_and_text(&refused), (Code::PermissionDenied, UNAUTHORIZED), "{namespace}");
    }
    let refused = workflows.respond_workflow_task_completed(with(respond(&shop), &of_both, &shop)).await.unwrap_err();
    let text = "Operation requested with a token from a different namespace.";
    assert_eq!(code_and_text(&refused), (Code::InvalidArgument, text));
    workflows.respond_workflow_task_completed(with(respond(&bank), &of_bank, &bank)).await.unwrap();
}

#[tokio::test]
async fn a_worker_starts_no_child_where_it_has_no_rights() {
    let world = Account::new().serve().await;
    let (bank, shop) = (world.namespace("bank", None).await, world.namespace("shop", None).await);
    let (key, _) = world.robot("bank", &[(&bank, Permission::Write)]).await;
    let task = task(&world, &key, &bank).await;
    let mut workflows = world.workflows(None);
    for namespace in [shop.as_str(), "nobody.a2dd6"] {
        let child = StartChildWorkflowExecutionCommandAttributes {
            namespace: namespace.to_owned(),
            workflow_id: "child".to_owned(),
            workflow_type: Some(WorkflowType { name: "Pay".to_owned() }),
            task_queue: queue(),
            ..Default::default()
        };
        let command = Command {
            command_type: CommandType::StartChildWorkflowExecution.into(),
            attributes: Some(Attributes::StartChildWorkflowExecutionCommandAttributes(child)),
            ..Default::default()
        };
        let request = RespondWorkflowTaskCompletedRequest {
            namespace: bank.clone(),
            task_token: task.task_token.clone(),
            commands: vec![command],
            ..Default::default()
        };
        let refused = workflows.respond_workflow_task_completed(with(request, &key, &bank)).await.unwrap_err();
        assert_eq!(code_and_text(&refused), (Code::PermissionDenied, UNAUTHORIZED), "{namespace}");
    }
}
