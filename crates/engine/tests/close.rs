//! The end of an engine: who holds on to its store, and what becomes of one that is broken.

mod watched;

use std::{
    os::unix::process::ExitStatusExt,
    process::Command,
    sync::{Arc, atomic::Ordering, mpsc},
    time::Duration,
};

use engine::{Call, Config, Engine, NamespaceRecord, Request};
use model::Limits;
use tokio::task::JoinSet;
use watched::Watched;

/// What a process that aborts is ended by.
const SIGABRT: i32 = 6;

/// The file that a store is must be whole, and free for others, when the process that had it is gone: no part of the
/// engine may hold on to it, neither the clock nor the writing thread.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_engine_lets_go_of_its_store() {
    let (closed, hears) = mpsc::channel();
    let store = Watched::new(Some(closed));
    let config = Config { shards: 1, limits: Arc::new(Limits::default()), address: String::new(), cached_runs: 100 };
    let engine = Engine::open(Arc::new(store), config).expect("an empty store opens");
    engine.shutdown().await;
    drop(engine);
    // The clock would hold on to it for a minute, and a writer without work is not called.
    hears.recv_timeout(Duration::from_secs(20)).expect("the store is closed");
}

/// Memory may be between two states then, which no thread may write or answer from. The disk is not.
#[test]
fn a_panic_in_a_step_or_a_write_stops_the_process() {
    let program = std::env::current_exe().expect("a test has a file");
    for test in ["a_step_panics", "a_write_panics"] {
        let ended = Command::new(&program).args(["--exact", "--ignored", test]).output().expect("it runs");
        assert_eq!(ended.status.signal(), Some(SIGABRT), "{test}: {}", String::from_utf8_lossy(&ended.stdout));
    }
}

/// A commit to memory is made in the step that causes it.
#[tokio::test]
#[ignore = "it ends its process, which the test above starts"]
async fn a_step_panics() {
    nobody_is_answered(Watched::new(None)).await;
}

#[tokio::test]
#[ignore = "it ends its process, which the test above starts"]
async fn a_write_panics() {
    let (closed, _hears) = mpsc::channel();
    nobody_is_answered(Watched::new(Some(closed))).await;
}

async fn nobody_is_answered(store: Watched) {
    let store = Arc::new(store);
    let config = Config { shards: 1, limits: Arc::new(Limits::default()), address: String::new(), cached_runs: 100 };
    let engine = Engine::open(store.clone(), config).expect("an empty store opens");
    store.breaks.store(true, Ordering::Relaxed);
    let record = NamespaceRecord { id: vec![1; 16], name: "default".into(), ..NamespaceRecord::default() };
    let namespace = Arc::new(record.snapshot());
    for version in 0..2 {
        let call = Call::PutNamespace { record: Box::new(record.clone()), expected_version: version };
        let (engine, namespace) = (engine.clone(), namespace.clone());
        let mut put = JoinSet::new();
        put.spawn(async move { engine.call(Request { namespace, call }).await });
        assert!(matches!(put.join_next().await, Some(Err(_))), "nothing is answered any more");
    }
}
