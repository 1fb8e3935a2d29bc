//! The account: its namespaces, users, service accounts and API keys, and the Cloud Operations API over them.
//!
//! The whole account stands in memory. A change is made to a copy of it, its rows are committed in one batch, and only
//! then is the copy what everybody sees and the answer given. There is no transport here and no engine: what a change
//! asks of the engine is a [`Job`] that somebody else does and reports back. Calls block while the storage writes.

mod access;
mod account;
mod audit;
mod audit_log;
mod bootstrap;
mod call;
mod context;
mod control;
mod credential;
mod directory;
#[cfg(test)]
mod golden;
mod identity;
mod jobs;
mod key;
mod login;
mod namespace;
mod operation;
mod record;
mod region;
mod request;
mod resource;
mod session;
mod sign_in;
mod state;
mod turn;
mod twins;

use model::ShardId;

pub use audit::{AuditFault, Verified, verify_audit};
pub use bootstrap::{CreateError, Created, NewAccount, RECOVER_OWNER, Recovery, create_account, recover_owner};
pub use context::{NowAndSeed, RequestContext, Settings};
pub use control::Control;
pub use jobs::{Job, Wanted, Work};
pub use request::ApiRequest;
pub use session::SESSION_LIFETIME;
pub use sign_in::CREATE_LOGIN_LINK;

/// Where the account's rows stand: a shard that no workflow is ever mapped to, with an epoch of its own.
pub const SHARD: ShardId = ShardId(u32::MAX);
