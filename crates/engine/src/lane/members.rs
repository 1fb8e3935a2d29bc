//! Who owns which shards: what a lane does when the members of the cluster change, and how long it may answer from memory.
//!
//! A shard is acquired when membership says that it is this node's, and never only because it was lost: two nodes would take it
//! from each other for ever. From memory a lane answers while its node's lease runs: until then no other node may acquire.

use cluster::Member;
use model::{Reject, ShardId, Time};

use super::{Action, Lane, LaneConfig, Timer, shard::Shard};

/// The shards that are a lane's at `now`, as membership has it.
pub(super) fn owned(config: &LaneConfig, now: Time) -> Vec<ShardId> {
    let LaneConfig { id, members, placement, lane, .. } = config;
    let mut owned = cluster::owned(*id, placement.shards(), members, now);
    owned.retain(|shard| placement.of_shard(*shard) == *lane);
    owned
}

impl Lane {
    /// The members, as of now, and until when they live.
    pub(crate) fn members(&mut self, members: Vec<Member>) {
        self.config.members = members;
        let owned = owned(&self.config, self.now);
        let moved: Vec<ShardId> = self.shards.keys().filter(|shard| !owned.contains(shard)).copied().collect();
        for shard in moved {
            self.lose(shard, "it moves to another node");
            self.timers.retain(|(_, timer)| *timer != Timer::Reacquire(shard));
            self.shards.remove(&shard);
        }
        for shard in owned {
            let state = self.shards.entry(shard).or_insert_with(Shard::closed);
            if state.wants_owner() {
                self.actions.push(Action::Acquire { shard });
            }
        }
    }

    /// A shard was lost a while ago: it is acquired again if it is still this node's. Otherwise the members have to change first.
    pub(crate) fn reacquire(&mut self, shard: ShardId) {
        let owner = cluster::owner(shard, &self.config.members, self.now);
        let is_own = owner.is_some_and(|member| member.id == self.config.id);
        let Some(state) = self.shards.get_mut(&shard) else { return };
        state.acquires(is_own);
        if is_own {
            self.actions.push(Action::Acquire { shard });
        }
    }

    /// Why nothing may be answered from memory; `None` while the node's lease runs.
    pub(crate) fn deposed(&self) -> Option<Reject> {
        let own = self.config.members.iter().find(|member| member.id == self.config.id);
        let until = own.map_or(Time::ZERO, |member| member.lease_until);
        (until <= self.now).then(|| Reject::unavailable("this node's lease has ended, and its shards may be another's"))
    }
}
