//! What a lane does as membership says: it answers from memory while its node's lease runs, and takes a shard back only if that is
//! still its node's.

mod given;

use std::{sync::Arc, time::Duration};

use cluster::{Member, NodeId};
use engine::{Action, Answer, Call, Event, Execution, Lane, LaneConfig, LaneId, Placement, Request};
use model::{Budget, Epoch, Kind, Limits, Reject, ShardId, Time, TokenKey};
use store::{CommitError, MemoryStore, Shards as _};

const START: Time = Time(1_700_000_000_000_000_000);
const SECOND: Duration = Duration::from_secs(1);
const SHARD: ShardId = ShardId(0);

/// A lane of one shard whose store does everything at once, but for acquiring.
struct World {
    lane: Lane,
    store: MemoryStore,
    now: Time,
    answers: Vec<Result<Answer, Reject>>,
    acquires: usize,
}

fn member(lease_until: Time) -> Member {
    Member { id: NodeId(1), address: String::new(), lease_until }
}

impl World {
    fn new(lease_until: Time) -> Self {
        let config = LaneConfig {
            id: NodeId(1),
            members: vec![member(lease_until)],
            placement: Placement::new(1, 1),
            lane: LaneId(0),
            limits: Arc::new(Limits::default()),
            token_key: TokenKey::new([7; 32]),
            seed: 1,
            cached_runs: 1_000,
            memory: Budget::new(usize::MAX),
        };
        let lane = Lane::new(config, START);
        let mut world = Self { lane, store: MemoryStore::new(), now: START, answers: Vec::new(), acquires: 0 };
        world.act();
        world.acquire();
        let record = Box::new(given::namespace(given::DAY));
        world.call(Call::PutNamespace { record, expected_version: 0 }).expect("the namespace is new");
        world
    }

    fn tell(&mut self, event: Event) {
        self.lane.on(self.now, event);
        self.act();
    }

    fn act(&mut self) {
        loop {
            let actions = self.lane.take_actions();
            if actions.is_empty() {
                if !self.lane.has_changes() {
                    return;
                }
                self.lane.on(self.now, Event::Seal);
            }
            for action in actions {
                let event = match action {
                    Action::Answer { result, .. } => {
                        self.answers.push(result);
                        continue;
                    }
                    Action::Acquire { .. } => {
                        self.acquires += 1;
                        continue;
                    }
                    Action::Deliver { .. } | Action::Namespaces(_) => continue,
                    Action::Read { read_id, request } => Event::Read { read_id, result: request.perform(&self.store) },
                    Action::Commit { shard, epoch, batch } => {
                        let result = self.store.commit(&[(shard, epoch, batch)]).pop().expect("one result");
                        Event::Committed { shard, result }
                    }
                };
                self.lane.on(self.now, event);
            }
        }
    }

    fn acquire(&mut self) {
        let result = self.store.acquire(SHARD);
        self.tell(Event::Acquired { shard: SHARD, result });
    }

    fn call(&mut self, call: Call) -> Result<Answer, Reject> {
        let namespace = Arc::new(given::namespace(given::DAY).snapshot());
        self.tell(Event::Call { id: 1, request: Request { namespace, call }, until: Time::MAX });
        self.answers.pop().expect("the call is answered")
    }

    /// What is said of a workflow that there is not.
    fn describe(&mut self) -> Kind {
        let execution = Execution { workflow_id: "none".into(), run_id: String::new() };
        self.call(Call::Describe { execution }).expect_err("there is no such workflow").kind
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        self.tell(Event::Tick);
    }
}

#[test]
fn memory_answers_only_while_the_lease_runs() {
    let mut world = World::new(START + SECOND);
    assert_eq!(world.describe(), Kind::NotFound);
    world.pass(SECOND);
    assert_eq!(world.describe(), Kind::Unavailable);
    world.tell(Event::Members(vec![member(world.now + SECOND)]));
    assert_eq!(world.describe(), Kind::NotFound);
    assert_eq!(world.acquires, 1, "it never stopped being the owner");
}

#[test]
fn a_shard_that_was_fenced_is_taken_back_only_if_membership_says_so() {
    let mut world = World::new(START + 100 * SECOND);
    let fenced = |world: &mut World| {
        let error = CommitError::Fenced { shard: SHARD, current: Epoch(9) };
        world.tell(Event::Committed { shard: SHARD, result: Err(error) });
    };
    fenced(&mut world);
    world.pass(SECOND);
    assert_eq!(world.acquires, 2, "it is this node's by all that it knows");
    world.acquire();
    // The lease has ended by the time at which the shard would be acquired again.
    world.pass(98 * SECOND + SECOND / 2);
    fenced(&mut world);
    world.pass(SECOND);
    world.pass(100 * SECOND);
    assert_eq!(world.acquires, 2);
    world.tell(Event::Members(vec![member(world.now + SECOND)]));
    assert_eq!(world.acquires, 3);
    // Another node's, and ours again.
    world.acquire();
    world.tell(Event::Members(Vec::new()));
    assert_eq!(world.describe(), Kind::Unavailable);
    world.tell(Event::Members(vec![member(world.now + SECOND)]));
    assert_eq!(world.acquires, 4);
    world.acquire();
    assert_eq!(world.describe(), Kind::NotFound);
}
