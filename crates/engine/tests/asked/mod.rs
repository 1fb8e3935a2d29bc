//! An engine of one namespace, and what is asked of it.

use std::{pin::Pin, sync::Arc};

use engine::{Answer, Call, Config, Engine, Request};
use model::{Limits, Namespace, Reject};
use store::MemoryStore;

use crate::given;

pub(crate) type Asked<'a> = Pin<Box<dyn Future<Output = Result<Answer, Reject>> + 'a>>;

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) namespace: Arc<Namespace>,
}

impl World {
    pub(crate) async fn new() -> Self {
        // Runs and queues at several lanes.
        let limits = Arc::new(Limits { lanes: 3, ..Limits::default() });
        let config = Config { shards: 8, limits, address: String::new(), cached_runs: 9 };
        let engine = Engine::open(Arc::new(MemoryStore::default()), config).expect("an empty store opens");
        let record = given::namespace(given::DAY);
        let world = Self { engine, namespace: Arc::new(record.snapshot()) };
        world.call(Call::PutNamespace { record: Box::new(record), expected_version: 0 }).await;
        world
    }

    pub(crate) fn ask(&self, call: Call) -> Asked<'_> {
        Box::pin(self.engine.call(Request { namespace: self.namespace.clone(), call }))
    }

    pub(crate) async fn call(&self, call: Call) -> Answer {
        self.ask(call).await.expect("the call is accepted")
    }
}
