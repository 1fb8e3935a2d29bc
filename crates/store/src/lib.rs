//! The storage contract: what the engine asks of a disk, and the vocabulary of it.
//!
//! An engine is an ordered byte map per shard with atomic, fenced commits that are submitted and complete later, and a table of
//! visibility rows that is part of the same commit: `Shards` and `Lists` say what it promises. Engines know bytes and batches
//! only; what the bytes mean is told by `Key` and the record codec.

mod batch;
pub mod conformance;
pub mod key;
mod memory;
pub mod record;
mod shards;
mod submission;
pub mod upgrade;
pub mod visibility;

pub use batch::{Batch, Change, Page, StoreError};
pub use key::{ControlKey, Key, OwnedKey};
pub use memory::MemoryStore;
pub use shards::{Lists, MOST_PAIRS, Medium, Shards, Store, scan_all};
pub use submission::{Commit, CommitError, CommitResult, Committed, Completion, Submission};
