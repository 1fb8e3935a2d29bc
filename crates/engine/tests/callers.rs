//! Many callers at once, on several threads: each of them is answered, whichever thread took its call in.

mod given;
mod watched;

use std::{
    mem,
    sync::{Arc, atomic::Ordering, mpsc},
    task::{Context, Waker},
    thread,
    time::Duration,
};

use engine::{Answer, Call, Config, Engine, Request};
use model::{Limits, Namespace};
use proto::temporal::api::{
    common::v1::WorkflowType, taskqueue::v1::TaskQueue, workflowservice::v1::StartWorkflowExecutionRequest,
};
use store::visibility::Query;
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

fn open(store: &Arc<Watched>) -> Engine {
    let config = Config { shards: 1, limits: Arc::new(Limits::default()), address: String::new(), cached_runs: 50 };
    Engine::open(store.clone(), config).expect("an empty store opens")
}

async fn namespace(engine: &Engine) -> Arc<Namespace> {
    let record = given::namespace(given::DAY);
    let namespace = Arc::new(record.snapshot());
    let put = Call::PutNamespace { record: Box::new(record), expected_version: 0 };
    engine.call(Request { namespace: namespace.clone(), call: put }).await.expect("a new namespace can be put");
    namespace
}

#[tokio::test]
async fn what_is_asked_together_is_written_together() {
    let (closed, _hears) = mpsc::channel();
    let store = Arc::new(Watched::new(Some(closed)));
    let engine = open(&store);
    let namespace = namespace(&engine).await;
    let before = store.batches.load(Ordering::Relaxed);
    let call = |number| Request { namespace: namespace.clone(), call: start(format!("order-{number}")) };
    let mut calls: Vec<_> = (0..CALLERS).map(|number| Box::pin(engine.call(call(number)))).collect();
    let context = &mut Context::from_waker(Waker::noop());
    engine.batch_scope(|| {
        for call in &mut calls {
            assert!(call.as_mut().poll(context).is_pending());
        }
        assert_eq!(store.batches.load(Ordering::Relaxed), before, "nothing is done before all have asked");
    });
    for call in calls {
        assert!(matches!(call.await, Ok(Answer::Started(_))));
    }
    assert_eq!(store.batches.load(Ordering::Relaxed), before + 1);
}

/// The way to another thread and back costs as much as a fast disk; but who serves others may not wait for a slow one.
#[tokio::test]
async fn a_single_caller_writes_unless_writing_takes_long() {
    let (closed, _hears) = mpsc::channel();
    let mut store = Watched::new(Some(closed));
    store.delay = Duration::from_millis(5);
    let store = Arc::new(store);
    let engine = open(&store);
    let writers = || mem::take(&mut *store.writers.lock().expect("no writer panics"));
    writers();
    let namespace = namespace(&engine).await;
    assert_eq!(writers(), [thread::current().id()], "nothing is known of the disk yet");
    engine.call(Request { namespace, call: start("slow".to_owned()) }).await.expect("a run can be started");
    let slow = writers();
    assert!(!slow.is_empty() && !slow.contains(&thread::current().id()), "the disk is known to be slow");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_caller_is_answered() {
    let (closed, _hears) = mpsc::channel();
    let store = Arc::new(Watched::new(Some(closed)));
    let engine = open(&store);
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
    let all = Query { namespace: namespace.id, filter: None, group_by: Vec::new(), limit: 1, after: None };
    let counted = engine.count(all).await.expect("memory can be read");
    assert_eq!(counted.iter().map(|(_, number)| number).sum::<i64>(), (CALLERS * CALLS) as i64);
    assert!(store.batches.load(Ordering::Relaxed) <= (CALLERS * CALLS + 1) as u64, "calls share commits");
    engine.shutdown().await;
}
