//! What callers hear of commits that complete late and in any order, fail, are fenced, or have an outcome that is not known: on
//! a storage engine that answers at once, and on one behind a network.

mod given;
mod remote;

use std::{
    sync::Arc,
    task::{Context, Waker},
};

use engine::{Answer, Call, Config, Engine, LaneId, Placement, Request};
use model::{Kind, Limits, Namespace, Reject, WorkflowKey};
use proto::temporal::api::{
    common::v1::WorkflowType, taskqueue::v1::TaskQueue, workflowservice::v1::StartWorkflowExecutionRequest,
};
use remote::{Fate, Remote};
use store::{Medium, Shards as _, visibility::Query};
use tokio::task::JoinSet;

const SHARDS: u32 = 8;
const LANES: u32 = 2;
const MEDIA: [Medium; 3] = [Medium::Memory, Medium::Disk, Medium::Network];

struct World {
    remote: Arc<Remote>,
    engine: Engine,
    namespace: Arc<Namespace>,
}

impl World {
    async fn new(medium: Medium) -> Self {
        let remote = Arc::new(Remote::new(medium));
        let limits = Arc::new(Limits { lanes: LANES, ..Limits::default() });
        let config = Config { shards: SHARDS, limits, address: String::new(), cached_runs: 50 };
        let engine = Engine::open(remote.clone(), config).expect("an empty store opens");
        let record = given::namespace(given::DAY);
        let world = Self { remote, engine, namespace: Arc::new(record.snapshot()) };
        world.call(Call::PutNamespace { record: Box::new(record), expected_version: 0 }).await.expect("it is new");
        world
    }

    async fn call(&self, call: Call) -> Result<Answer, Reject> {
        self.engine.call(Request { namespace: self.namespace.clone(), call }).await
    }

    async fn start(&self, id: &str) -> Result<String, Reject> {
        start(&self.engine, &self.namespace, id).await
    }

    /// What a start is refused with.
    async fn refusal(&self, id: &str) -> String {
        let refused = self.start(id).await.expect_err("its commit does not succeed");
        assert_eq!(refused.kind, Kind::Unavailable, "the same call may succeed later: {refused}");
        refused.message
    }

    /// How many runs there are.
    async fn runs(&self) -> i64 {
        let all = Query { namespace: self.namespace.id, filter: None, group_by: Vec::new(), limit: 1, after: None };
        self.engine.count(all).await.expect("memory can be read").iter().map(|(_, number)| number).sum()
    }

    /// A workflow id of the lane.
    fn id_of(&self, lane: LaneId, number: usize) -> String {
        let placement = Placement::new(SHARDS, LANES);
        let ids = (0..).map(|suffix| format!("order-{suffix}"));
        let shard = |id: &String| WorkflowKey::new(self.namespace.id, id).shard(SHARDS);
        ids.filter(|id| placement.of_shard(shard(id)) == lane).nth(number).expect("there is always one more")
    }
}

async fn start(engine: &Engine, namespace: &Arc<Namespace>, id: &str) -> Result<String, Reject> {
    let request = StartWorkflowExecutionRequest {
        request_id: id.into(),
        workflow_id: id.into(),
        workflow_type: Some(WorkflowType { name: "Pay".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..TaskQueue::default() }),
        ..StartWorkflowExecutionRequest::default()
    };
    let call = Call::Start(Box::new(request));
    match engine.call(Request { namespace: namespace.clone(), call }).await? {
        Answer::Started(started) => Ok(started.run_id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_engine_behind_a_network_keeps_the_contract() {
    for medium in MEDIA {
        store::conformance::check(|| Remote::new(medium), |remote| Remote::over(medium, remote.store().clone()));
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_told_as_such_and_what_is_read_then_counts() {
    for medium in MEDIA {
        let world = World::new(medium).await;
        for (number, fate) in [Fate::DoneUnheard, Fate::NeverUnheard, Fate::Late, Fate::Late].into_iter().enumerate() {
            let id = world.id_of(LaneId(1), number);
            world.remote.doom([fate]);
            let refused = world.refusal(&id).await;
            assert!(refused.contains("not known whether the write happened"), "{medium:?} {fate:?}: {refused}");
            let run_id = world.start(&id).await.expect("the shard has been acquired again");
            assert_eq!(world.start(&id).await, Ok(run_id), "the same request has the same answer");
            assert_eq!(world.runs().await, number as i64 + 1, "{medium:?} {fate:?}: it was started once");
        }
        world.engine.shutdown().await;
    }
}

#[tokio::test]
async fn a_failed_commit_has_not_happened() {
    for medium in MEDIA {
        let world = World::new(medium).await;
        world.remote.doom([Fate::Refused]);
        let refused = world.refusal("order").await;
        assert!(refused.contains("no connection can be had"), "{medium:?}: {refused}");
        assert_eq!(world.runs().await, 0);
        world.start("order").await.expect("the shard has been acquired again");
        assert_eq!(world.runs().await, 1);
        world.engine.shutdown().await;
    }
}

#[tokio::test]
async fn a_fenced_commit_has_not_happened() {
    for medium in MEDIA {
        let world = World::new(medium).await;
        let shard = WorkflowKey::new(world.namespace.id, "order").shard(SHARDS);
        world.remote.acquire(shard).expect("memory has room");
        let refused = world.refusal("order").await;
        assert!(refused.contains("has a newer owner"), "{medium:?}: {refused}");
        assert_eq!(world.runs().await, 0);
        world.start("order").await.expect("by all that is known of the members the shard is this node's");
        world.engine.shutdown().await;
    }
}

/// No lane waits for what another one has to write, and no thread for either.
#[tokio::test]
async fn lanes_hear_of_their_commits_in_any_order() {
    let world = World::new(Medium::Network).await;
    world.remote.hold();
    let [first_id, second_id] = [LaneId(0), LaneId(1)].map(|lane| world.id_of(lane, 0));
    let context = &mut Context::from_waker(Waker::noop());
    let mut first = Box::pin(world.start(&first_id));
    assert!(first.as_mut().poll(context).is_pending());
    world.remote.until_waiting(1);
    let mut second = Box::pin(world.start(&second_id));
    assert!(second.as_mut().poll(context).is_pending());
    world.remote.until_waiting(2);
    world.remote.complete(1);
    second.await.expect("its commit is done");
    assert!(first.as_mut().poll(context).is_pending(), "its own is not");
    world.remote.complete(0);
    first.await.expect("its commit is done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_start_is_made_once_whatever_becomes_of_commits() {
    const CALLERS: usize = 12;
    const CALLS: usize = 6;
    for medium in MEDIA {
        let world = World::new(medium).await;
        world.remote.trouble(12);
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let (engine, namespace) = (world.engine.clone(), world.namespace.clone());
            callers.spawn(async move {
                for call in 0..CALLS {
                    let id = format!("{caller}-{call}");
                    while let Err(refused) = start(&engine, &namespace, &id).await {
                        assert_eq!(refused.kind, Kind::Unavailable, "{refused}");
                    }
                }
            });
        }
        while let Some(caller) = callers.join_next().await {
            caller.expect("each start is made in the end");
        }
        assert_eq!(world.runs().await, (CALLERS * CALLS) as i64, "{medium:?}");
        world.remote.trouble(0);
        world.engine.shutdown().await;
    }
}
