//! Many callers at once, on several threads: each of them is answered, whoever worked its call off.

mod watched;

use std::sync::{Arc, atomic::Ordering, mpsc};

use engine::{Answer, Call, Config, Engine, NamespaceRecord, Request};
use model::{Limits, Namespace};
use proto::temporal::api::{
    common::v1::WorkflowType, enums::v1::NamespaceState, taskqueue::v1::TaskQueue,
    workflowservice::v1::StartWorkflowExecutionRequest,
};
use tokio::task::JoinSet;
use watched::Watched;

const CALLERS: usize = 16;
const CALLS: usize = 100;

fn start(workflow_id: String) -> Call {
    Call::Start(Box::new(StartWorkflowExecutionRequest {
        request_id: workflow_id.clone(),
        workflow_id,
        workflow_type: Some(WorkflowType { name: "Pay".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..TaskQueue::default() }),
        ..StartWorkflowExecutionRequest::default()
    }))
}

async fn namespace(engine: &Engine) -> Arc<Namespace> {
    let record = NamespaceRecord {
        id: uuid::Uuid::from_u128(1).as_bytes().to_vec(),
        name: "default".into(),
        state: NamespaceState::Registered.into(),
        retention_ns: 86_400_000_000_000,
        ..NamespaceRecord::default()
    };
    let namespace = Arc::new(record.snapshot());
    let put = Call::PutNamespace { record: Box::new(record), expected_version: 0 };
    engine.call(Request { namespace: namespace.clone(), call: put }).await.expect("a new namespace can be put");
    namespace
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everybody_is_answered() {
    let (closed, _hears) = mpsc::channel();
    let store = Arc::new(Watched::new(Some(closed)));
    let config = Config { shards: 1, limits: Arc::new(Limits::default()), address: String::new(), cached_runs: 50 };
    let engine = Engine::open(store.clone(), config).expect("an empty store opens");
    let namespace = namespace(&engine).await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (engine, namespace) = (engine.clone(), namespace.clone());
        callers.spawn(async move {
            for call in 0..CALLS {
                let request = Request { namespace: namespace.clone(), call: start(format!("{caller}-{call}")) };
                let answer = engine.call(request).await;
                assert!(matches!(answer, Ok(Answer::Started(started)) if started.started));
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.expect("each call starts a run");
    }
    assert!(store.batches.load(Ordering::Relaxed) <= (CALLERS * CALLS + 1) as u64, "calls share commits");
    engine.shutdown().await;
}
