//! Identifiers. A run's id is a UUIDv7, so that keys led by it are inserted nearly in order.

use std::{fmt, str::FromStr, sync::Arc};

use uuid::Uuid;

use crate::Time;

/// The identity of a namespace; stable over renames.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NamespaceId(pub Uuid);

/// The identity of one run of a workflow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RunId(pub Uuid);

macro_rules! uuid_id {
    ($name:ident) => {
        impl $name {
            /// The sixteen bytes in network order, as they stand in keys.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id whose sixteen bytes these are; `None` for any other length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                Uuid::from_slice(bytes).ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(NamespaceId);
uuid_id!(RunId);
uuid_id!(JobId);

/// The identity of one job: durable work of the server itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct JobId(pub Uuid);

/// What kind of thing lives in a shard and acts by itself. The numbers stand in keys: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EntityKind {
    /// A run of a workflow.
    Run = 1,
    /// Durable work of the server itself.
    Job = 2,
}

impl EntityKind {
    /// The number of the kind.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The kind of this number; `None` for one that this version doesn't know.
    pub fn of_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(EntityKind::Run),
            2 => Some(EntityKind::Job),
            _ => None,
        }
    }
}

/// The identity of one entity, of whatever kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId {
    pub kind: EntityKind,
    pub uuid: Uuid,
}

impl From<RunId> for EntityId {
    fn from(RunId(uuid): RunId) -> Self {
        Self { kind: EntityKind::Run, uuid }
    }
}

impl From<JobId> for EntityId {
    fn from(JobId(uuid): JobId) -> Self {
        Self { kind: EntityKind::Job, uuid }
    }
}

/// One of the fixed number of shards of a cluster, from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u32);

/// How often a shard has changed hands. A commit under an old epoch is refused by the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

/// All runs that share a workflow id in a namespace; they live in one shard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkflowKey {
    pub namespace: NamespaceId,
    pub workflow_id: Arc<str>,
}

impl WorkflowKey {
    pub fn new(namespace: NamespaceId, workflow_id: &str) -> Self {
        Self { namespace, workflow_id: workflow_id.into() }
    }

    /// The shard that this workflow lives in, of `shards` in all. FNV-1a over the namespace id and the workflow id,
    /// finished with MurmurHash3's mixer: the mapping is written into data files and may never change.
    pub fn shard(&self, shards: u32) -> ShardId {
        let bytes = self.namespace.as_bytes().iter().chain(self.workflow_id.as_bytes());
        let mut hash = bytes
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        // The multiplication maps the well-mixed high bits onto the range without a division.
        ShardId(((u128::from(hash ^ (hash >> 33)) * u128::from(shards)) >> 64) as u32)
    }
}

/// One run of one workflow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey {
    pub workflow: WorkflowKey,
    pub run_id: RunId,
}

/// A source of new ids that is a pure function of its seed, so that a step can be repeated exactly.
///
/// The engine draws one seed a step; everything that the step names comes from it.
#[derive(Clone, Debug)]
pub struct Entropy {
    seed: u128,
    drawn: u64,
}

impl Entropy {
    pub fn new(seed: u128) -> Self {
        Self { seed, drawn: 0 }
    }

    /// A new UUIDv7 (RFC 9562) stamped with `now`.
    pub fn run_id(&mut self, now: Time) -> RunId {
        let random = self.next().to_be_bytes();
        let mut tail = [0_u8; 10];
        tail.copy_from_slice(&random[..10]);
        let millis = u64::try_from(now.as_millis()).unwrap_or_default();
        RunId(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
    }

    /// A new UUIDv4, for what needs no order (request ids).
    pub fn uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.next().to_be_bytes()).into_uuid()
    }

    /// A number in `0.0..1.0`, for jitter.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 75) as f64 / (1_u64 << 53) as f64
    }

    /// SplitMix64 over both halves of the seed: enough to keep ids apart, not for secrets.
    fn next(&mut self) -> u128 {
        self.drawn += 1;
        let half = |seed: u64| mix(seed.wrapping_add(self.drawn.wrapping_mul(SPLIT_MIX_STEP)));
        let high = half((self.seed >> 64) as u64);
        let low = half(self.seed as u64 ^ high);
        (u128::from(high) << 64) | u128::from(low)
    }
}

/// What the generator SplitMix64 adds to its state with each number.
pub const SPLIT_MIX_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finisher of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): every bit of what
/// goes in changes about half of those that come out. Not for secrets.
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_seed_differ_and_repeat() {
        let now = Time::from_millis(1_700_000_000_000);
        let mut first = Entropy::new(7);
        let mut second = Entropy::new(7);
        let a = first.run_id(now);
        assert_eq!(a, second.run_id(now));
        assert_ne!(a, first.run_id(now));
        assert_eq!(a.0.get_version_num(), 7);
    }

    #[test]
    fn later_run_ids_sort_later() {
        let mut entropy = Entropy::new(u128::MAX);
        let early = entropy.run_id(Time::from_millis(1_000));
        let late = entropy.run_id(Time::from_millis(1_001));
        assert!(early < late);
    }

    #[test]
    fn shards_are_stable_and_spread() {
        let namespace = NamespaceId(Uuid::from_u128(1));
        let of = |id: &str| WorkflowKey::new(namespace, id).shard(4).0;
        assert_eq!([of("a"), of("b"), of("order-1"), of("order-2")], [of("a"), of("b"), of("order-1"), of("order-2")]);
        let mut seen = [0; 4];
        for n in 0..400 {
            seen[of(&format!("order-{n}")) as usize] += 1;
        }
        assert!(seen.iter().all(|count| *count > 40), "{seen:?}");
    }
}
