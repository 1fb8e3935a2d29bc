//! The deletion of a namespace: it gets out of the way at once, its runs go, and it tells how far that is, also after a restart.

use proto::temporal::api::{
    operatorservice::v1::DeleteNamespaceRequest,
    workflowservice::v1::{DescribeNamespaceRequest, StartWorkflowExecutionRequest},
};
use tonic::Code;

use crate::world::{World, namespace, start};

impl World {
    async fn delete(&mut self, delay_seconds: i64) -> String {
        let delay = prost_types::Duration { seconds: delay_seconds, nanos: 0 };
        let request = DeleteNamespaceRequest {
            namespace: namespace(),
            namespace_delete_delay: Some(delay),
            ..Default::default()
        };
        self.operator.delete_namespace(request).await.unwrap().into_inner().deleted_namespace
    }

    /// What the namespace tells of its deletion; none when it is gone.
    async fn deletion(&mut self, name: &str) -> Option<String> {
        let describe = DescribeNamespaceRequest { namespace: name.to_owned(), ..Default::default() };
        match self.client.describe_namespace(describe).await {
            Ok(described) => Some(described.into_inner().namespace_info.unwrap().data["deletion"].clone()),
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => panic!("{status}"),
        }
    }
}

#[tokio::test]
async fn a_restart_in_the_middle_changes_nothing_of_its_delay() {
    let mut world = World::new().await;
    for id in ["a", "b", "c"] {
        world.start(id).await;
    }
    let name = world.delete(3_600).await;
    assert!(name.starts_with("default-deleted-"), "{name}");
    let told = loop {
        let told = world.deletion(&name).await.expect("it stays for an hour");
        if told.starts_with("the runs are deleted") {
            break told;
        }
        assert!(told.starts_with("deletes runs"), "{told}");
    };
    assert!(told.starts_with("the runs are deleted, 3 of them; the namespace goes at 20"), "{told}");
    let mut world = world.restarted().await;
    assert_eq!(world.deletion(&name).await, Some(told));
}

#[tokio::test]
async fn without_a_delay_it_is_gone_with_its_runs() {
    let mut world = World::new().await;
    world.start("a").await;
    let name = world.delete(0).await;
    while world.deletion(&name).await.is_some() {}
    let started = StartWorkflowExecutionRequest { namespace: name, ..start("b") };
    let refused = world.client.start_workflow_execution(started).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}
