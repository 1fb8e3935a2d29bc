//! `temporal-system`, as the reference's development server answers about it and in it.

use std::collections::BTreeMap;

use proto::temporal::api::{
    enums::v1::NamespaceState,
    namespace::v1::UpdateNamespaceInfo,
    operatorservice::v1::DeleteNamespaceRequest,
    workflowservice::v1::{
        DescribeNamespaceRequest, DescribeNamespaceResponse, ListArchivedWorkflowExecutionsRequest,
        ListNamespacesRequest, ListWorkflowExecutionsRequest, PollWorkflowTaskQueueRequest, RegisterNamespaceRequest,
        StartWorkflowExecutionRequest, UpdateNamespaceRequest,
    },
};
use tonic::{Code, Status};

use crate::world::{World, patient, poll, start};

const NAME: &str = "temporal-system";
const ID: &str = "32049b68-7872-4094-8e63-d0dd59896a83";

impl World {
    async fn describe_namespace(&mut self, name: &str, id: &str) -> DescribeNamespaceResponse {
        let describe = DescribeNamespaceRequest { namespace: name.to_owned(), id: id.to_owned(), ..Default::default() };
        self.client.describe_namespace(describe).await.unwrap().into_inner()
    }

    async fn listed(&mut self) -> BTreeMap<String, DescribeNamespaceResponse> {
        let found = self.client.list_namespaces(ListNamespacesRequest::default()).await.unwrap().into_inner();
        let named = found.namespaces.into_iter();
        named.map(|namespace| (namespace.namespace_info.clone().unwrap().name, namespace)).collect()
    }
}

#[tokio::test]
async fn it_is_listed_and_described_by_name_and_id() {
    let mut world = World::new().await;
    let listed = world.listed().await;
    assert_eq!(listed.keys().collect::<Vec<_>>(), ["default", NAME]);
    let described = world.describe_namespace(NAME, "").await;
    assert_eq!((&listed[NAME], &world.describe_namespace("", ID).await), (&described, &described));
    let info = described.namespace_info.unwrap();
    let told = (&*info.id, &*info.description, &*info.owner_email, info.state());
    let expected = (ID, "Temporal internal system namespace", "temporal-core@temporal.io", NamespaceState::Registered);
    assert_eq!(told, expected);
    let retention = described.config.unwrap().workflow_execution_retention_ttl.unwrap();
    assert_eq!(retention, prost_types::Duration { seconds: 604_800, nanos: 0 });
}

#[tokio::test]
async fn workflows_run_in_it_and_stay_in_it() {
    let mut world = World::new().await;
    let started = StartWorkflowExecutionRequest { namespace: NAME.to_owned(), ..start("inside") };
    world.client.start_workflow_execution(started).await.unwrap();
    let polled = PollWorkflowTaskQueueRequest { namespace: NAME.to_owned(), ..poll("inside") };
    let task = world.client.poll_workflow_task_queue(patient(polled)).await.unwrap().into_inner();
    assert_eq!(task.workflow_execution.unwrap().workflow_id, "inside");
    for (namespace, count) in [(NAME, 1), ("default", 0)] {
        let list = ListWorkflowExecutionsRequest { namespace: namespace.to_owned(), ..Default::default() };
        let found = world.client.list_workflow_executions(list).await.unwrap().into_inner().executions;
        assert_eq!(found.len(), count, "{namespace}");
    }
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn it_can_be_neither_registered_nor_deleted() {
    let mut world = World::new().await;
    let register = RegisterNamespaceRequest {
        namespace: NAME.to_owned(),
        workflow_execution_retention_period: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
        ..Default::default()
    };
    let taken = refusal(world.client.register_namespace(register).await);
    assert_eq!(taken, (Code::AlreadyExists, "Namespace \"temporal-system\" already exists".to_owned()));
    let by_name = DeleteNamespaceRequest { namespace: NAME.to_owned(), ..Default::default() };
    let by_id = DeleteNamespaceRequest { namespace_id: ID.to_owned(), ..Default::default() };
    for delete in [by_name, by_id] {
        let refused = refusal(world.operator.delete_namespace(delete).await);
        assert_eq!(refused, (Code::FailedPrecondition, "unable to delete system namespace".to_owned()));
    }
}

/// A restart makes it where it is missing, and leaves it as it is where it is not.
#[tokio::test]
async fn what_was_changed_of_it_stays() {
    let mut world = World::new().await;
    let update = UpdateNamespaceRequest {
        namespace: NAME.to_owned(),
        update_info: Some(UpdateNamespaceInfo { description: "ours".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    world.client.update_namespace(update).await.unwrap();
    let before = world.listed().await;
    let mut world = world.restarted().await;
    assert_eq!(before[NAME].namespace_info.as_ref().unwrap().description, "ours");
    assert_eq!(world.listed().await, before);
}

/// Asked of the reference, which archives nothing unless it is told where to.
#[tokio::test]
async fn archived_lists_are_refused_as_where_nothing_is_archived() {
    let mut world = World::new().await;
    let unconfigured = (Code::InvalidArgument, "Cluster is not configured for visibility archival.");
    for (namespace, page_size, expected) in [
        ("default", 0, unconfigured),
        (NAME, 10, unconfigured),
        ("default", -1, unconfigured),
        ("default", 10_000, unconfigured),
        ("default", 10_001, (Code::InvalidArgument, "PageSize is larger than allowed 10000.")),
        ("nowhere", 10, (Code::NotFound, "Namespace nowhere is not found.")),
        ("", 10, (Code::InvalidArgument, "Namespace is empty.")),
    ] {
        let list =
            ListArchivedWorkflowExecutionsRequest { namespace: namespace.to_owned(), page_size, ..Default::default() };
        let (code, text) = refusal(world.client.list_archived_workflow_executions(list).await);
        assert_eq!((code, &*text), expected, "{namespace:?} {page_size}");
    }
}
