//! Whose a workflow id is: after a restart, when nothing is in memory, and when runs of it are deleted.

mod given;

use std::{sync::Arc, time::Duration};

use engine::{Answer, Call, Config, Engine, Execution, Request, Started};
use model::{Kind, Limits, Namespace, Reject};
use proto::temporal::api::{
    common::v1::WorkflowType,
    enums::v1::WorkflowIdReusePolicy,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{SignalWithStartWorkflowExecutionRequest, StartWorkflowExecutionRequest},
};
use store::MemoryStore;

struct World {
    engine: Engine,
    namespace: Arc<Namespace>,
}

impl World {
    /// A server over a store that may hold something already.
    async fn over(store: &Arc<MemoryStore>, retention: Duration) -> Self {
        let config = Config { shards: 1, limits: Arc::new(Limits::default()), address: String::new(), cached_runs: 9 };
        let engine = Engine::open(store.clone(), config).expect("the store opens");
        let record = given::namespace(retention);
        let namespace = Arc::new(record.snapshot());
        let is_known = engine.namespaces().by_name("default").is_some();
        if !is_known {
            let put = Call::PutNamespace { record: Box::new(record), expected_version: 0 };
            engine.call(Request { namespace: namespace.clone(), call: put }).await.expect("a new namespace can be put");
        }
        Self { engine, namespace }
    }

    async fn call(&self, call: Call) -> Result<Answer, Reject> {
        self.engine.call(Request { namespace: self.namespace.clone(), call }).await
    }

    async fn start(&self) -> Execution {
        match self.try_start(WorkflowIdReusePolicy::AllowDuplicate).await {
            Ok(Answer::Started(started)) => Execution { workflow_id: "order".into(), run_id: started.run_id },
            other => panic!("{other:?}"),
        }
    }

    async fn try_start(&self, reuse: WorkflowIdReusePolicy) -> Result<Answer, Reject> {
        let request = StartWorkflowExecutionRequest {
            workflow_id: "order".into(),
            workflow_type: Some(WorkflowType { name: "Pay".into() }),
            task_queue: Some(TaskQueue { name: "queue".into(), ..TaskQueue::default() }),
            request_id: self.engine.now().0.to_string(),
            workflow_id_reuse_policy: reuse.into(),
            ..StartWorkflowExecutionRequest::default()
        };
        self.call(Call::Start(Box::new(request))).await
    }

    async fn signal_with_start(&self, request_id: &str) -> Box<Started> {
        let request = SignalWithStartWorkflowExecutionRequest {
            workflow_id: "order".into(),
            workflow_type: Some(WorkflowType { name: "Pay".into() }),
            task_queue: Some(TaskQueue { name: "queue".into(), ..TaskQueue::default() }),
            request_id: request_id.into(),
            signal_name: "go".into(),
            ..SignalWithStartWorkflowExecutionRequest::default()
        };
        match self.call(Call::SignalWithStart(Box::new(request))).await {
            Ok(Answer::Started(started)) => started,
            other => panic!("{other:?}"),
        }
    }

    async fn terminate(&self, execution: &Execution) {
        let call = Call::Terminate {
            execution: execution.clone(),
            first_execution_run_id: String::new(),
            reason: String::new(),
            details: None,
            identity: String::new(),
            links: Vec::new(),
        };
        self.call(call).await.expect("an open run can be terminated");
    }

    /// The run that is found under a name; without a run id the newest of the workflow id.
    async fn found(&self, execution: &Execution) -> Option<String> {
        match self.call(Call::Describe { execution: execution.clone() }).await {
            Ok(Answer::Description(found)) => Some(found.workflow_execution_info?.execution?.run_id),
            Err(reject) if reject.kind == Kind::NotFound => None,
            other => panic!("{other:?}"),
        }
    }
}

fn newest() -> Execution {
    Execution { workflow_id: "order".into(), run_id: String::new() }
}

/// An order that ended and one after it, and then the server came up again and has nothing in memory.
async fn two_runs(retention: Duration) -> (World, Execution, Execution) {
    let store = Arc::new(MemoryStore::default());
    let before = World::over(&store, retention).await;
    let old = before.start().await;
    before.terminate(&old).await;
    let new = before.start().await;
    before.engine.shutdown().await;
    (World::over(&store, retention).await, old, new)
}

#[tokio::test]
async fn a_deleted_run_leaves_its_workflow_id_to_a_newer_one() {
    let (world, old, new) = two_runs(given::DAY).await;
    world.call(Call::Delete { execution: old.clone() }).await.expect("a closed run can be deleted");
    assert_eq!(world.found(&old).await, None);
    assert_eq!(world.found(&newest()).await, Some(new.run_id));
}

#[tokio::test]
async fn a_run_whose_retention_ends_leaves_its_workflow_id_to_a_newer_one() {
    let (world, old, new) = two_runs(Duration::from_millis(50)).await;
    while world.found(&old).await.is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.found(&newest()).await, Some(new.run_id));
}

#[tokio::test]
async fn the_workflow_id_goes_with_its_newest_run() {
    let (world, _, new) = two_runs(given::DAY).await;
    world.terminate(&new).await;
    world.call(Call::Delete { execution: new.clone() }).await.expect("a closed run can be deleted");
    assert_eq!(world.found(&newest()).await, None);
}

#[tokio::test]
async fn a_start_is_decided_on_how_the_newest_run_ended() {
    let (world, _, new) = two_runs(given::DAY).await;
    let refusal = |answer: Result<Answer, Reject>| answer.expect_err("the workflow id is taken").to_string();
    let running = refusal(world.try_start(WorkflowIdReusePolicy::AllowDuplicate).await);
    assert!(running.contains("already running") && running.contains(&new.run_id), "{running}");
    world.terminate(&new).await;
    let finished = refusal(world.try_start(WorkflowIdReusePolicy::RejectDuplicate).await);
    assert!(finished.contains("already finished") && finished.contains(&new.run_id), "{finished}");
    assert_ne!(world.start().await, new);
}

#[tokio::test]
async fn a_signal_with_start_that_is_sent_again_starts_nothing() {
    let store = Arc::new(MemoryStore::default());
    let before = World::over(&store, given::DAY).await;
    let first = before.signal_with_start("one").await;
    let second = before.signal_with_start("two").await;
    assert_eq!((first.started, second.started, &second.run_id), (true, false, &first.run_id));
    before.terminate(&Execution { workflow_id: "order".into(), run_id: first.run_id.clone() }).await;
    before.engine.shutdown().await;
    let after = World::over(&store, given::DAY).await;
    for (request_id, started) in [("one", true), ("two", false)] {
        let again = after.signal_with_start(request_id).await;
        assert_eq!((again.run_id, again.started), (first.run_id.clone(), started), "{request_id}");
    }
    assert_ne!(after.signal_with_start("three").await.run_id, first.run_id);
}

#[tokio::test]
async fn a_start_after_a_restart_is_decided_on_how_the_newest_run_ended() {
    let store = Arc::new(MemoryStore::default());
    let before = World::over(&store, given::DAY).await;
    let ended = before.start().await;
    before.terminate(&ended).await;
    before.engine.shutdown().await;
    let world = World::over(&store, given::DAY).await;
    let refusal = world.try_start(WorkflowIdReusePolicy::RejectDuplicate).await.expect_err("the workflow id is taken");
    assert!(refusal.to_string().contains("already finished"), "{refusal}");
    assert_ne!(world.start().await, ended);
}
