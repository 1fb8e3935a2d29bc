//! Which lane carries out what: pure functions of the number of shards and lanes, the same for all lanes of a process.

use model::{QueueKey, ShardId, WorkflowKey};

use crate::{Request, call::Route};

/// Names a lane among those of its process, from zero on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId(pub u32);

/// Namespaces, and what else belongs to the whole cluster, live in this shard.
pub(crate) const HOME: ShardId = ShardId(0);

/// How the shards of a process are dealt out to its lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    shards: u32,
    lanes: u32,
}

impl Placement {
    /// Of so many shards (1 or more) to so many lanes; a lane without a shard would have nothing to do, so there are at most
    /// as many lanes as shards, and at least one.
    pub fn new(shards: u32, lanes: u32) -> Self {
        let shards = shards.max(1);
        Self { shards, lanes: lanes.clamp(1, shards) }
    }

    /// Shards of the whole cluster.
    pub fn shards(self) -> u32 {
        self.shards
    }

    /// All lanes.
    pub fn lanes(self) -> impl Iterator<Item = LaneId> {
        (0..self.lanes).map(LaneId)
    }

    /// How many lanes there are.
    pub fn count(self) -> usize {
        self.lanes as usize
    }

    /// The lane that owns a shard.
    pub fn of_shard(self, shard: ShardId) -> LaneId {
        LaneId(shard.0 % self.lanes)
    }

    /// The lane at which the pollers of a task queue wait: the owner of the shard that the queue's name hashes to, so that the
    /// queues of one name are at one lane.
    pub fn of_queue(self, queue: &QueueKey) -> LaneId {
        if self.lanes == 1 {
            return LaneId(0);
        }
        self.of_shard(WorkflowKey::new(queue.namespace, &queue.name).shard(self.shards))
    }

    /// The lane that carries a request out; `None` where every lane has to.
    pub fn of_request(self, request: &Request) -> Option<LaneId> {
        if self.lanes == 1 {
            return Some(LaneId(0));
        }
        match request.call.route() {
            Route::Workflow(id) => Some(self.of_shard(WorkflowKey::new(request.namespace.id, id).shard(self.shards))),
            Route::Queue(queue) => Some(self.of_queue(queue)),
            Route::Home => Some(self.of_shard(HOME)),
            Route::Everywhere => None,
        }
    }
}
