//! The storage contract: what the engine asks of a disk, and the vocabulary of it.
//!
//! An engine is an ordered byte map per shard with atomic, fenced commits, and a table of visibility rows that is part
//! of the same commit. Engines know bytes and batches only; what the bytes mean is told by `Key` and the record codec.

mod batch;
pub mod conformance;
pub mod key;
mod memory;
pub mod record;
pub mod upgrade;
pub mod visibility;

pub use batch::{Batch, Change, CommitError, Page, Store, StoreError};
pub use key::{ControlKey, Key, OwnedKey};
pub use memory::MemoryStore;
