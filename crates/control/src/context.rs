//! What the account is given from outside: how it is set up, and when and from where a call comes.

use std::sync::Arc;

use auth::SigningKey;
use model::Time;

/// When a call is made, and what its ids are drawn from: the caller's clock and randomness, so that one seed gives one
/// result.
#[derive(Clone, Copy, Debug)]
pub struct NowAndSeed {
    pub now: Time,
    /// Fresh for each call.
    pub seed: u128,
}

/// How an account is shown and what it signs with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What stands behind `<name>.<account>` in a namespace's address.
    pub domain: String,
    /// Where namespaces are served.
    pub data_port: u16,
    /// Of the web pages, as `https://host:port`; empty: there are none.
    pub web_address: String,
    /// The id of the one region.
    pub region: String,
    /// Signs new API keys. One that is new to the account is taken up when it is opened; keys that were signed before
    /// stay good.
    pub signer: Arc<SigningKey>,
    /// Fresh randomness that no caller can guess: login codes are made of it.
    pub secret: fn() -> [u8; 32],
}

/// When and from where a call comes.
#[derive(Clone, Debug)]
pub struct RequestContext {
    pub at: NowAndSeed,
    /// The caller's address, as the audit log shall show it.
    pub address: String,
}
