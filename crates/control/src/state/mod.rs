//! The account in memory, as of one commit. Copies share what they have in common, so that a change is made to a copy.

pub(crate) mod page;
pub(crate) mod rights;
pub(crate) mod security;

use std::sync::Arc;

use auth::{NamespaceSecurity, Principal, PrincipalKind, VerifyingKey};
use imbl::OrdMap;
use model::Time;
use prost::Message;
use proto::temporal::api::cloud::identity::v1::{Access, OwnerType, account_access::Role};
use store::{ControlKey, Key, OwnedKey, Store, StoreError, record};

use crate::{
    SHARD,
    record::{
        AccountRecord, ApiKeyRecord, AuditHeadRecord, LoginRecord, NamespaceRecord, OperationRecord,
        ServiceAccountRecord, SessionRecord, SigningKeyRecord, UserRecord,
    },
};

/// One kind of row by id.
pub(crate) type Rows<R> = OrdMap<String, Arc<R>>;

#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// `None`: nobody has made an account in this store.
    pub(crate) account: Option<Arc<AccountRecord>>,
    pub(crate) namespaces: Rows<NamespaceRecord>,
    pub(crate) users: Rows<UserRecord>,
    pub(crate) service_accounts: Rows<ServiceAccountRecord>,
    pub(crate) api_keys: Rows<ApiKeyRecord>,
    pub(crate) operations: Rows<OperationRecord>,
    pub(crate) signing_keys: Rows<SigningKeyRecord>,
    pub(crate) logins: Rows<LoginRecord>,
    pub(crate) sessions: Rows<SessionRecord>,
    pub(crate) audit: AuditHeadRecord,
    /// How callers of each namespace identify themselves: derived from its record.
    pub(crate) security: OrdMap<String, Arc<NamespaceSecurity>>,
}

/// A kind of row that is found by its id.
pub(crate) trait Row: Message + Default + Clone + PartialEq + 'static {
    fn key(id: &str) -> ControlKey;
    fn id(&self) -> &str;
    fn rows(state: &State) -> &Rows<Self>;
    fn rows_mut(state: &mut State) -> &mut Rows<Self>;
}

macro_rules! row {
    ($record:ident, $variant:ident, $field:ident, $id:ident) => {
        impl Row for $record {
            fn key(id: &str) -> ControlKey {
                ControlKey::$variant(id.to_owned())
            }

            fn id(&self) -> &str {
                &self.$id
            }

            fn rows(state: &State) -> &Rows<Self> {
                &state.$field
            }

            fn rows_mut(state: &mut State) -> &mut Rows<Self> {
                &mut state.$field
            }
        }
    };
}

row!(NamespaceRecord, Namespace, namespaces, id);
row!(UserRecord, User, users, id);
row!(ServiceAccountRecord, ServiceAccount, service_accounts, id);
row!(ApiKeyRecord, ApiKey, api_keys, id);
row!(OperationRecord, Operation, operations, id);
row!(SigningKeyRecord, SigningKey, signing_keys, kid);
row!(LoginRecord, Login, logins, hash);
row!(SessionRecord, Session, sessions, hash);

impl State {
    /// Reads the whole account. The audit log stays where it is.
    ///
    /// # Errors
    /// When the storage fails, or a row is damaged or of a newer format.
    pub(crate) fn load(store: &dyn Store) -> Result<Self, StoreError> {
        const PAGE: usize = 1_000;
        let mut state = Self::default();
        let mut start = ControlKey::prefix();
        let end = ControlKey::audit_prefix();
        loop {
            let page = store.scan(SHARD, &start, &end, PAGE)?;
            let Some((last, _)) = page.pairs.last() else { break };
            start = [last.as_slice(), &[0]].concat();
            for (bytes, value) in page.pairs {
                if let OwnedKey::Control(key) = Key::decode(&bytes)? {
                    state.take(key, value)?;
                }
            }
            if !page.more {
                break;
            }
        }
        Ok(state)
    }

    fn take(&mut self, key: ControlKey, value: bytes::Bytes) -> Result<(), StoreError> {
        match key {
            ControlKey::Account => self.account = Some(Arc::new(record::decode(value)?)),
            ControlKey::Namespace(_) => {
                let row: NamespaceRecord = record::decode(value)?;
                self.secure(&row);
                self.insert(row);
            }
            ControlKey::User(_) => self.insert::<UserRecord>(record::decode(value)?),
            ControlKey::ServiceAccount(_) => self.insert::<ServiceAccountRecord>(record::decode(value)?),
            ControlKey::ApiKey(_) => self.insert::<ApiKeyRecord>(record::decode(value)?),
            ControlKey::Operation(_) => self.insert::<OperationRecord>(record::decode(value)?),
            ControlKey::SigningKey(_) => self.insert::<SigningKeyRecord>(record::decode(value)?),
            ControlKey::Login(_) => self.insert::<LoginRecord>(record::decode(value)?),
            ControlKey::Session(_) => self.insert::<SessionRecord>(record::decode(value)?),
            ControlKey::AuditHead => self.audit = record::decode(value)?,
            ControlKey::Audit(_) => {}
        }
        Ok(())
    }

    pub(crate) fn insert<R: Row>(&mut self, row: R) {
        let id = row.id().to_owned();
        R::rows_mut(self).insert(id, Arc::new(row));
    }

    /// Derives how callers of a namespace identify themselves.
    pub(crate) fn secure(&mut self, row: &NamespaceRecord) {
        match security::of(row) {
            Some(security) => self.security.insert(row.id.clone(), Arc::new(security)),
            None => self.security.remove(&row.id),
        };
    }

    /// The account's id; empty where there is no account.
    pub(crate) fn account_id(&self) -> &str {
        self.account.as_ref().map_or("", |account| &account.id)
    }

    /// The public half of a signing key.
    pub(crate) fn verifying_key(&self, kid: &str) -> Option<VerifyingKey> {
        self.signing_keys.get(kid).map(|row| VerifyingKey::from_bytes(&row.point))
    }

    /// What the owner of a key may do at this moment. `None` when there is no such owner (any more).
    pub(crate) fn principal(&self, kind: OwnerType, id: &str, api_key_id: Option<&str>) -> Option<Principal> {
        let api_key_id = api_key_id.map(str::to_owned);
        match kind {
            OwnerType::User => self.users.get(id).map(|user| {
                let access = user.spec.access.clone().unwrap_or_default();
                rights::principal(&user.id, PrincipalKind::User, &user.spec.email, api_key_id, &access)
            }),
            OwnerType::ServiceAccount => {
                self.service_accounts.get(id).map(|row| rights::service_account_principal(row, api_key_id))
            }
            OwnerType::Unspecified => None,
        }
    }

    /// Whether nothing that rights are looked up in was written between this state and `other`.
    pub(crate) fn gives_same_rights(&self, other: &Self) -> bool {
        // What was not written is the same tree.
        self.users.ptr_eq(&other.users)
            && self.service_accounts.ptr_eq(&other.service_accounts)
            && self.api_keys.ptr_eq(&other.api_keys)
            && self.signing_keys.ptr_eq(&other.signing_keys)
            && self.namespaces.ptr_eq(&other.namespaces)
            && self.security.ptr_eq(&other.security)
    }

    /// The users that own the account.
    pub(crate) fn owners(&self) -> impl Iterator<Item = &Arc<UserRecord>> {
        let role = |access: &Access| access.account_access.as_ref().map(|access| access.role());
        self.users.values().filter(move |user| user.spec.access.as_ref().and_then(role) == Some(Role::Owner))
    }

    /// The keys of an owner that are not expired; disabled ones count.
    pub(crate) fn living_keys(&self, owner_id: &str, now: Time) -> usize {
        self.api_keys.values().filter(|row| row.spec.owner_id == owner_id && !row.is_expired(now)).count()
    }

    /// The operations that are not finished.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Arc<OperationRecord>> {
        self.operations.values().filter(|row| row.finished_time == 0)
    }
}

impl ApiKeyRecord {
    /// To the second, as it stands in the token.
    pub(crate) fn expires_at(&self) -> Time {
        let seconds = self.spec.expiry_time.as_ref().map_or(0, |time| time.seconds);
        Time(seconds.saturating_mul(1_000_000_000))
    }

    pub(crate) fn is_expired(&self, now: Time) -> bool {
        now >= self.expires_at()
    }
}
