//! The control plane as gRPC.

use control::RequestContext;
use prost::Message;
use proto::temporal::api::{
    cloud::{
        cloudservice::v1::{
            DeleteNamespaceRequest, GetApiKeyRequest, GetNamespaceRequest, GetNamespacesRequest, GetUsageRequest,
            UpdateApiKeyRequest, UpdateNamespaceRequest,
        },
        namespace::v1::namespace_spec::SearchAttributeType,
        resource::v1::ResourceState,
    },
    workflowservice::v1::{
        DescribeNamespaceRequest, GetSystemInfoRequest, StartWorkflowExecutionRequest,
        workflow_service_client::WorkflowServiceClient,
    },
};
use tonic::{Code, Status, codec::CompressionEncoding};

use crate::world::{Account, World, create_namespace, with};

fn code_and_text(status: &Status) -> (Code, &str) {
    (status.code(), status.message())
}

#[tokio::test]
async fn a_namespace_is_made_changed_and_deleted_in_the_engine() {
    let world = Account::new().serve().await;
    let id = world.namespace("bank", None).await;
    assert_eq!(id, "bank.a2dd6");
    let (mut cloud, key) = (world.cloud(), world.owner_key.as_str());
    let request = GetNamespaceRequest { namespace: id.clone() };
    let found = cloud.get_namespace(with(request.clone(), key, "")).await.unwrap().into_inner().namespace.unwrap();
    assert_eq!(found.state(), ResourceState::Active);

    let mut workflows = world.workflows(None);
    let describe = DescribeNamespaceRequest { namespace: id.clone(), ..Default::default() };
    let shown = workflows.describe_namespace(with(describe.clone(), key, &id)).await.unwrap().into_inner();
    let retention = |config: Option<proto::temporal::api::namespace::v1::NamespaceConfig>| {
        config.unwrap().workflow_execution_retention_ttl.unwrap().seconds / 86_400
    };
    assert_eq!(retention(shown.config), 7);

    let mut spec = found.spec.unwrap();
    spec.retention_days = 30;
    spec.search_attributes.insert("Branch".to_owned(), SearchAttributeType::Keyword.into());
    let update = UpdateNamespaceRequest {
        namespace: id.clone(),
        spec: Some(spec),
        resource_version: found.resource_version,
        ..Default::default()
    };
    let changed = cloud.update_namespace(with(update, key, "")).await.unwrap().into_inner();
    world.done(changed.async_operation.unwrap()).await;
    let shown = workflows.describe_namespace(with(describe.clone(), key, &id)).await.unwrap().into_inner();
    let names = shown.config.as_ref().map(|config| config.custom_search_attribute_aliases.values().cloned().collect());
    assert_eq!(names, Some(vec!["Branch".to_owned()]));
    assert_eq!(retention(shown.config), 30);
    let found = cloud.get_namespace(with(request.clone(), key, "")).await.unwrap().into_inner().namespace.unwrap();
    let delete = DeleteNamespaceRequest {
        namespace: id.clone(),
        resource_version: found.resource_version,
        ..Default::default()
    };
    let deleted = cloud.delete_namespace(with(delete, key, "")).await.unwrap().into_inner();
    world.done(deleted.async_operation.unwrap()).await;
    let gone = workflows.describe_namespace(with(describe, key, &id)).await.unwrap_err();
    assert_eq!(code_and_text(&gone), (Code::NotFound, "Namespace bank.a2dd6 is not found."));
    // The name is free again.
    world.namespace("bank", None).await;
}

#[tokio::test]
async fn a_job_that_the_last_process_left_is_done_at_the_start() {
    let account = Account::new();
    let key = account.owner_key.clone();
    let credentials = auth::Credentials { authorization: Some(&format!("Bearer {key}")), ..Default::default() };
    let policy = auth::Policy::secured(std::sync::Arc::new(account.control.clone()));
    let at = account.now_and_seed();
    let owner = policy.identify(&auth::Credentials { plane: model::Plane::Control, ..credentials }, at.now).unwrap();
    let request_context = RequestContext { at, address: String::new() };
    let request = create_namespace("bank", None).encode_to_vec();
    account.control.call(&owner, &request_context, "CreateNamespace", &request).unwrap();
    // Somebody has the job and goes away with it.
    let job = account.control.next_job().unwrap();
    account.control.release(&job.operation_id);
    let world = account.serve().await;
    let made = world.cloud().create_namespace(with(create_namespace("bank", None), &key, "")).await.unwrap_err();
    assert_eq!(made.code(), Code::AlreadyExists);
    wait_for(&world, "bank.a2dd6").await;
}

/// Until the engine has the namespace.
async fn wait_for(world: &World, id: &str) {
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(50));
    loop {
        ticks.tick().await;
        let request = DescribeNamespaceRequest { namespace: id.to_owned(), ..Default::default() };
        match world.workflows(None).describe_namespace(with(request, &world.owner_key, id)).await {
            Ok(_) => return,
            Err(status) => assert_eq!(status.code(), Code::NotFound, "{status}"),
        }
    }
}

#[tokio::test]
async fn the_port_says_what_the_server_is_and_knows_its_own_service_only() {
    let world = Account::new().serve().await;
    let mut workflows = WorkflowServiceClient::new(world.channel(world.cloud, None));
    let info = workflows.get_system_info(GetSystemInfoRequest {}).await.unwrap().into_inner();
    assert_eq!(info.server_version, "1.32.0");
    workflows.get_system_info(with(GetSystemInfoRequest {}, &world.owner_key, "")).await.unwrap();
    // What is for anyone is for whoever shows something bad, too: the next call tells what is wrong with it.
    workflows.get_system_info(with(GetSystemInfoRequest {}, "sesame", "")).await.unwrap();
    let start = StartWorkflowExecutionRequest::default();
    let unknown = workflows.start_workflow_execution(with(start, &world.owner_key, "")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
    let usage = world.cloud().get_usage(with(GetUsageRequest::default(), &world.owner_key, "")).await.unwrap_err();
    assert_eq!(code_and_text(&usage), (Code::Unimplemented, "GetUsage is not implemented yet"));
}

#[tokio::test]
async fn a_call_needs_a_key_and_a_version_that_there_can_be() {
    let world = Account::new().serve().await;
    let mut cloud = world.cloud();
    let refused = cloud.get_namespaces(GetNamespacesRequest::default()).await.unwrap_err();
    assert_eq!(code_and_text(&refused), (Code::Unauthenticated, "request not authenticated"));
    let refused = cloud.get_namespaces(with(GetNamespacesRequest::default(), "sesame", "")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(refused.message().starts_with("request not authenticated"), "{refused}");
    for (version, is_taken) in [("v0.17.1", true), ("2024-05-13-00", true), ("v7.0.0", false)] {
        let mut request = with(GetNamespacesRequest::default(), &world.owner_key, "");
        request.metadata_mut().insert("temporal-cloud-api-version", version.parse().unwrap());
        match cloud.get_namespaces(request).await {
            Ok(_) => assert!(is_taken, "{version}"),
            Err(status) => {
                assert_eq!(code_and_text(&status), (Code::InvalidArgument, "API version specified is invalid"));
                assert!(!is_taken, "{version}");
            }
        }
    }
    // Compressed, as the usual clients send it.
    let mut cloud =
        world.cloud().send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Gzip);
    cloud.get_namespaces(with(GetNamespacesRequest::default(), &world.owner_key, "")).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_disabled_opens_nothing_from_then_on() {
    use proto::temporal::api::cloud::identity::v1::namespace_access::Permission;
    let world = Account::new().serve().await;
    let id = world.namespace("bank", None).await;
    let (key, key_id) = world.robot("worker", &[(&id, Permission::Write)]).await;
    let mut workflows = world.workflows(None);
    let describe = DescribeNamespaceRequest { namespace: id.clone(), ..Default::default() };
    workflows.describe_namespace(with(describe.clone(), &key, &id)).await.unwrap();
    let mut cloud = world.cloud();
    let get = GetApiKeyRequest { key_id: key_id.clone() };
    let found = cloud.get_api_key(with(get, &world.owner_key, "")).await.unwrap().into_inner().api_key.unwrap();
    let mut spec = found.spec.unwrap();
    spec.disabled = true;
    let update = UpdateApiKeyRequest {
        key_id,
        spec: Some(spec),
        resource_version: found.resource_version,
        ..Default::default()
    };
    cloud.update_api_key(with(update, &world.owner_key, "")).await.unwrap();
    let refused = workflows.describe_namespace(with(describe, &key, &id)).await.unwrap_err();
    assert_eq!(code_and_text(&refused), (Code::Unauthenticated, "request not authenticated: the API key is disabled"));
}
