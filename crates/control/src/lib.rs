//! The account: its namespaces, users, service accounts and API keys, and the Cloud Operations API over them.
//!
//! The whole account stands in memory. A change is made to a copy of it, its rows are committed in one batch, and only
//! then is the copy what everybody sees and the answer given. There is no transport here and no engine: what a change
//! asks of the engine is a [`Job`] that somebody else does and reports back. Calls block while the storage writes.

mod access;
mod account;
mod audit;
mod bootstrap;
mod call;
mod control;
mod directory;
mod identity;
mod jobs;
mod key;
mod login;
mod namespace;
mod operation;
mod page;
mod record;
mod recovery;
mod region;
mod session;
mod state;
mod table;
mod turn;
mod twins;

use model::ShardId;

pub use audit::{AuditFault, Verified, verify_audit};
pub use bootstrap::{CreateError, Created, NewAccount, create_account};
pub use call::{Ask, Visit};
pub use control::{Control, Moment, Settings};
pub use jobs::{Job, Wanted, Work};
pub use login::CREATE_LOGIN_LINK;
pub use recovery::{RECOVER_OWNER, Recovery, recover_owner};
pub use session::SESSION_LIFETIME;

/// Where the account's rows stand: a shard that no workflow is ever mapped to, with an epoch of its own.
pub const SHARD: ShardId = ShardId(u32::MAX);
