//! Calls that wait while their caller's rights end: they end, too.

use std::time::Duration;

use proto::temporal::api::{
    cloud::{
        cloudservice::v1::{
            GetApiKeyRequest, GetNamespaceRequest, GetServiceAccountsRequest, SetServiceAccountNamespaceAccessRequest,
            UpdateApiKeyRequest, UpdateNamespaceRequest,
        },
        identity::v1::namespace_access::Permission,
    },
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{ListWorkflowExecutionsRequest, PollWorkflowTaskQueueRequest},
};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    pki::{Authority, GOOD, Leaf},
    world::{Account, World, with},
};

/// A poll that waits; what it is told in the end, if it is not told of an empty queue.
async fn poll(world: &World, key: &str, leaf: Option<&Leaf>, namespace: &str) -> JoinSet<Status> {
    let mut workflows = world.workflows(leaf);
    let request = PollWorkflowTaskQueueRequest {
        namespace: namespace.to_owned(),
        task_queue: Some(TaskQueue { name: "queue".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let mut request = with(request, key, namespace);
    request.set_timeout(Duration::from_secs(60));
    let mut polling = JoinSet::new();
    polling.spawn(async move { workflows.poll_workflow_task_queue(request).await.unwrap_err() });
    polling
}

fn code_and_text(status: &Status) -> (Code, &str) {
    (status.code(), status.message())
}

#[tokio::test]
async fn a_poll_ends_with_its_key() {
    let world = Account::new().serve().await;
    let bank = world.namespace("bank", None).await;
    let (key, key_id) = world.robot("worker", &[(&bank, Permission::Write)]).await;
    let mut polling = poll(&world, &key, None, &bank).await;
    let mut cloud = world.cloud();
    let request = GetApiKeyRequest { key_id: key_id.clone() };
    let found = cloud.get_api_key(with(request, &world.owner_key, "")).await.unwrap().into_inner().api_key.unwrap();
    let mut spec = found.spec.unwrap();
    spec.disabled = true;
    let resource_version = found.resource_version;
    let request = UpdateApiKeyRequest { key_id, spec: Some(spec), resource_version, ..Default::default() };
    cloud.update_api_key(with(request, &world.owner_key, "")).await.unwrap();
    let ended = polling.join_next().await.unwrap().unwrap();
    assert_eq!(code_and_text(&ended), (Code::Unauthenticated, "request not authenticated: the API key is disabled"));
}

#[tokio::test]
async fn a_poll_ends_with_its_permission() {
    let world = Account::new().serve().await;
    let bank = world.namespace("bank", None).await;
    let (key, _) = world.robot("worker", &[(&bank, Permission::Write)]).await;
    let mut polling = poll(&world, &key, None, &bank).await;
    let mut cloud = world.cloud();
    let request = with(GetServiceAccountsRequest::default(), &world.owner_key, "");
    let found = cloud.get_service_accounts(request).await.unwrap().into_inner().service_account.remove(0);
    let request = SetServiceAccountNamespaceAccessRequest {
        service_account_id: found.id,
        namespace: bank,
        resource_version: found.resource_version,
        ..Default::default()
    };
    cloud.set_service_account_namespace_access(with(request, &world.owner_key, "")).await.unwrap();
    assert_eq!(
        code_and_text(&polling.join_next().await.unwrap().unwrap()),
        (Code::PermissionDenied, "Request unauthorized.")
    );
}

#[tokio::test]
async fn a_poll_ends_with_the_authority_of_its_certificate() {
    let world = Account::new().serve().await;
    let (old, new) = (Authority::new("old clients"), Authority::new("new clients"));
    let bank = world.namespace("bank", Some(&old)).await;
    let mut polling = poll(&world, "", Some(&old.client("worker", GOOD)), &bank).await;
    let mut cloud = world.cloud();
    let request = GetNamespaceRequest { namespace: bank.clone() };
    let found = cloud.get_namespace(with(request, &world.owner_key, "")).await.unwrap().into_inner().namespace.unwrap();
    let mut spec = found.spec.unwrap();
    spec.mtls_auth.as_mut().unwrap().accepted_client_ca = new.pem().into_bytes().into();
    let resource_version = found.resource_version;
    let request = UpdateNamespaceRequest { namespace: bank, spec: Some(spec), resource_version, ..Default::default() };
    cloud.update_namespace(with(request, &world.owner_key, "")).await.unwrap();
    let ended = polling.join_next().await.unwrap().unwrap();
    assert_eq!(ended.code(), Code::Unauthenticated, "{ended}");
    assert!(ended.message().contains("the client certificate"), "{ended}");
}

/// Where one caller guesses, callers that are known go on, and new ones are let in soon.
#[tokio::test]
async fn wrong_keys_are_slowed_and_good_ones_are_not() {
    let world = Account::new().serve().await;
    let bank = world.namespace("bank", None).await;
    let (known, _) = world.robot("known", &[(&bank, Permission::Read)]).await;
    let (new, _) = world.robot("new", &[(&bank, Permission::Read)]).await;
    let mut workflows = world.workflows(None);
    let mut list = async |key: &str| {
        let request = ListWorkflowExecutionsRequest { namespace: bank.clone(), ..Default::default() };
        workflows.list_workflow_executions(with(request, key, &bank)).await.map(drop)
    };
    list(&known).await.unwrap();
    let mut told = Vec::new();
    for number in 0..60 {
        told.push(list(&format!("a{number}.b.c")).await.unwrap_err());
        list(&known).await.unwrap();
    }
    assert!(told.iter().take(20).all(|status| status.code() == Code::Unauthenticated));
    let slowed = told.iter().find(|status| status.code() == Code::ResourceExhausted).unwrap();
    assert_eq!(slowed.message(), "too many wrong credentials from this address: try again later");
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    while let Err(refused) = list(&new).await {
        assert_eq!(refused.code(), Code::ResourceExhausted);
        ticks.tick().await;
    }
}
