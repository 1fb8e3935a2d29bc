//! Which node owns which shard.
//!
//! Membership is a list of nodes with leases; ownership is rendezvous hashing over those whose lease runs. Both are pure
//! functions here: who stores the leases and when they are renewed is the engine's affair. Ownership decided here is a
//! hint only. What makes it safe is the epoch that the store checks at each commit: a node that wrongly believes it owns
//! a shard is fenced.

use model::{SPLIT_MIX_STEP, ShardId, Time, mix};

/// A node, named once for all when it first joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u128);

/// A node as the others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: NodeId,
    /// Where it serves, as `host:port`.
    pub address: String,
    /// It counts as alive until then.
    pub lease_until: Time,
}

/// The node that should own a shard: of the living, the one with the highest weight for it (rendezvous hashing, Thaler
/// and Ravishankar 1998), so that a node's coming or going moves only its own shards. `None` when nobody lives.
pub fn owner(shard: ShardId, members: &[Member], now: Time) -> Option<&Member> {
    members.iter().filter(|member| member.lease_until > now).max_by_key(|member| (weight(shard, member.id), member.id))
}

/// The shards of `count` that a node should own, in order.
pub fn owned(node: NodeId, count: u32, members: &[Member], now: Time) -> Vec<ShardId> {
    let is_mine = |shard: &ShardId| owner(*shard, members, now).is_some_and(|member| member.id == node);
    (0..count).map(ShardId).filter(is_mine).collect()
}

/// SplitMix64's finisher over both names.
fn weight(shard: ShardId, node: NodeId) -> u64 {
    mix(u64::from(shard.0).wrapping_mul(SPLIT_MIX_STEP) ^ (node.0 as u64) ^ ((node.0 >> 64) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(ids: &[u128]) -> Vec<Member> {
        let member = |id: &u128| Member { id: NodeId(*id), address: format!("node-{id}"), lease_until: Time(100) };
        ids.iter().map(member).collect()
    }

    #[test]
    fn a_lone_node_owns_everything() {
        let all: Vec<_> = (0..16).map(ShardId).collect();
        assert_eq!(owned(NodeId(7), 16, &members(&[7]), Time(1)), all);
        assert_eq!(owned(NodeId(8), 16, &members(&[7]), Time(1)), []);
    }

    #[test]
    fn every_shard_has_one_owner_and_the_load_spreads() {
        let nodes = members(&[1, 2, 3]);
        let parts: Vec<_> = [1, 2, 3].map(|id| owned(NodeId(id), 300, &nodes, Time(1))).into();
        assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), 300);
        assert!(parts.iter().all(|part| part.len() > 50), "{:?}", parts.iter().map(Vec::len).collect::<Vec<_>>());
    }

    #[test]
    fn only_a_dead_nodes_shards_move() {
        let mut nodes = members(&[1, 2, 3]);
        let before: Vec<_> = (0..300).map(|shard| owner(ShardId(shard), &nodes, Time(1)).unwrap().id).collect();
        nodes[2].lease_until = Time(1);
        for (shard, before) in (0..300).zip(before) {
            let after = owner(ShardId(shard), &nodes, Time(1)).unwrap().id;
            assert!(after == before || before == NodeId(3), "shard {shard} moved from a living node");
        }
        assert_eq!(owner(ShardId(0), &nodes, Time(100)), None);
    }
}
