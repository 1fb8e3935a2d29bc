//! Perdure's vocabulary: identifiers, time, limits, task tokens, retry policies and `Reject`, the error a caller sees.
//!
//! There is no behaviour of a workflow here, no IO, clock or randomness: values only, with the rules that hold for the
//! value alone.

mod bucket;
mod budget;
pub mod check;
mod go_duration;
mod ids;
pub mod limits;
mod namespace;
mod plane;
mod queue;
mod reject;
mod retry;
pub mod search_attribute;
mod time;
mod token;

pub use bucket::{Bucket, Spacing};
pub use budget::{Budget, Part};
pub use go_duration::{GoDurationError, GoUnits, parse_go_duration};
pub use ids::{
    EntityId, EntityKind, Entropy, Epoch, JobId, NamespaceId, RunId, RunKey, SPLIT_MIX_STEP, ShardId, WorkflowKey, mix,
};
pub use limits::Limits;
pub use namespace::Namespace;
pub use plane::Plane;
pub use queue::{QueueKey, QueueKind};
pub use reject::{Advice, Kind, Reject};
pub use retry::{RetryPolicy, RetryVerdict, fill_retry_policy};
pub use time::{Time, from_proto_duration, requested_delay, to_proto_duration};
pub use token::{Token, TokenKey};
