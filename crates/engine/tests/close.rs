//! The end of an engine: who holds on to its store.

mod watched;

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use engine::{Config, Engine};
use model::Limits;
use watched::Watched;

/// The file that a store is must be whole, and free for others, when the process that had it is gone: nobody in the
/// engine may hold on to it, neither the clock nor the writing thread.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_engine_lets_go_of_its_store() {
    let (closed, hears) = mpsc::channel();
    let store = Watched::new(Some(closed));
    let config = Config { shards: 1, limits: Arc::new(Limits::default()), address: String::new(), cached_runs: 100 };
    let engine = Engine::open(Arc::new(store), config).expect("an empty store opens");
    engine.shutdown().await;
    drop(engine);
    // The clock would hold on to it for a minute, and nobody rings for a writer that nobody has anything for.
    hears.recv_timeout(Duration::from_secs(20)).expect("the store is closed");
}
