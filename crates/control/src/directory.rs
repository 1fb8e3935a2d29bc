//! What the policy looks up: always the newest durable state, so that a disabled key is refused by the next call.

use std::sync::Arc;

use auth::{Directory, KeyRecord, NamespaceSecurity, Principal, TokenHash, VerifyingKey};
use proto::temporal::api::cloud::identity::v1::OwnerType;

use crate::Control;

impl Control {
    /// A user as a caller that has logged in, with its rights at this moment. `None` when there is no such user (any
    /// more).
    pub fn user(&self, user_id: &str) -> Option<Arc<Principal>> {
        self.snapshot().principal(OwnerType::User, user_id, None).map(Arc::new)
    }
}

impl Directory for Control {
    fn account_id(&self) -> &str {
        Control::account_id(self)
    }

    fn key(&self, key_id: &str) -> Option<KeyRecord> {
        let shown = self.shown();
        let row = shown.state.api_keys.get(key_id)?;
        Some(KeyRecord {
            principal: shown.principal(row)?,
            disabled: row.spec.disabled,
            expires_at: row.expires_at(),
            token_hash: TokenHash(<[u8; 32]>::try_from(row.token_hash.as_slice()).ok()?),
        })
    }

    fn namespace(&self, namespace: &str) -> Option<Arc<NamespaceSecurity>> {
        self.snapshot().security.get(namespace).cloned()
    }

    fn verifying_key(&self, kid: &str) -> Option<VerifyingKey> {
        self.snapshot().verifying_key(kid)
    }

    fn has_verifying_key(&self, kid: &str) -> bool {
        self.shown().state.signing_keys.contains_key(kid)
    }
}
