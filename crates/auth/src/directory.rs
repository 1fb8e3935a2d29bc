//! What the policy looks up: the contract that the control plane fulfils.

use std::sync::Arc;

use model::Time;

use crate::{ClientCa, Filters, Principal, TokenHash, VerifyingKey};

/// The account as the policy sees it. Asked on every call, so that a change of rights holds for the next one: each
/// method answers from memory and never blocks for long.
pub trait Directory: Send + Sync {
    /// The account's id, the second half of every namespace's name.
    fn account_id(&self) -> &str;

    /// The API key with this id. `None` once it is deleted, or its owner is.
    fn key(&self, key_id: &str) -> Option<KeyRecord>;

    /// How callers of a namespace (`<name>.<account>`) identify themselves. `None` when there is no such namespace.
    fn namespace(&self, namespace: &str) -> Option<Arc<NamespaceSecurity>>;

    /// The key that verifies tokens signed under this id. `None` when there never was one, or it is retired: then no
    /// token that it signed is taken any more.
    fn verifying_key(&self, kid: &str) -> Option<VerifyingKey>;

    /// Whether there is such a key: asked on every call, where the key itself is not needed.
    fn has_verifying_key(&self, kid: &str) -> bool {
        self.verifying_key(kid).is_some()
    }
}

/// What is on record of an API key: enough to verify it, not enough to make it.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// The owner with its rights of the moment; its `api_key_id` is this key's id.
    pub principal: Arc<Principal>,
    pub disabled: bool,
    pub expires_at: Time,
    /// Binds the record to the one token that was minted for it.
    pub token_hash: TokenHash,
}

/// How callers of one namespace identify themselves.
#[derive(Clone, Debug)]
pub struct NamespaceSecurity {
    pub mtls_enabled: bool,
    pub api_key_enabled: bool,
    /// Who signs the certificates of the namespace's clients; `None` when none was ever given.
    pub client_ca: Option<Arc<ClientCa>>,
    /// Which of those certificates are meant; none: all of them.
    pub filters: Filters,
}
