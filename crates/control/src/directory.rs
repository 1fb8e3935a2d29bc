//! What the policy looks up: always the newest durable state, so that a disabled key is refused by the next call.

use std::sync::Arc;

use auth::{Directory, KeyRecord, NamespaceSecurity, TokenHash, VerifyingKey};

use crate::Control;

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
}
