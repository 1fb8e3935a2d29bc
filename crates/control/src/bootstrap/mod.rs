//! The first moment of an account: its id, its owner, the owner's first API key and a code to log in with once.

mod recovery;

use std::{fmt, sync::Arc};

use model::{Reject, Time};
use proto::temporal::api::cloud::{
    account::v1::AccountSpec,
    identity::v1::{Access, AccountAccess, ApiKeySpec, OwnerType, UserSpec, account_access::Role},
    resource::v1::ResourceState,
};
use store::{Batch, Store, StoreError};

pub use recovery::{RECOVER_OWNER, Recovery, recover_owner};

use crate::{
    NowAndSeed, SHARD, Settings, audit,
    control::signing_key_record,
    identity, key, login,
    record::{AccountRecord, ApiKeyRecord, PrincipalRecord, UserRecord},
    state::State,
    turn::Turn,
};

/// The wishes for a new account.
pub struct NewAccount {
    /// Five to sixteen lower-case letters and digits.
    pub account_id: String,
    pub owner_email: String,
    /// When the owner's first API key expires.
    pub api_key_expires: Time,
    /// Fresh from a source that no caller can guess: the login code is made of it.
    pub login_secret: [u8; 32],
    /// Until when the login code is good.
    pub login_expires: Time,
}

impl fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAccount")
            .field("account_id", &self.account_id)
            .field("owner_email", &self.owner_email)
            .finish_non_exhaustive()
    }
}

/// What the owner is told, once.
pub struct Created {
    pub owner_id: String,
    /// Opens the web page once.
    pub login_code: String,
    pub api_key_id: String,
    pub api_key: String,
}

impl fmt::Debug for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Created")
            .field("owner_id", &self.owner_id)
            .field("api_key_id", &self.api_key_id)
            .finish_non_exhaustive()
    }
}

/// Why there is no new account.
#[derive(Clone, Debug, PartialEq)]
pub enum CreateError {
    /// The store holds one already.
    Exists {
        account_id: String,
    },
    Invalid(Reject),
    Store(StoreError),
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CreateError::Exists { account_id } => write!(f, "the data holds the account \"{account_id}\" already"),
            CreateError::Invalid(reject) => reject.fmt(f),
            CreateError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CreateError {}

impl From<StoreError> for CreateError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Reject> for CreateError {
    fn from(reject: Reject) -> Self {
        Self::Invalid(reject)
    }
}

/// Makes the account of a store: durable when this returns.
///
/// # Errors
/// When there is one already, when something about it is not valid, or when the storage fails.
pub fn create_account(
    store: &dyn Store,
    account: &NewAccount,
    settings: &Settings,
    at: &NowAndSeed,
) -> Result<Created, CreateError> {
    let state = State::load(store)?;
    if let Some(account) = &state.account {
        return Err(CreateError::Exists { account_id: account.id.clone() });
    }
    check_account_id(&account.account_id)?;
    let email = identity::check_email(&account.owner_email)?;
    let mut turn = Turn::new(state, at, settings);
    let meta = turn.new_meta(ResourceState::Active);
    turn.put_account(AccountRecord { id: account.account_id.clone(), meta, spec: AccountSpec::default() });
    turn.put(signing_key_record(&settings.signer.verifying_key(), at.now));
    let owner_id = put_owner(&mut turn, &email);
    let api_key_id = put_key(&mut turn, &owner_id, "first key", account.api_key_expires);
    let api_key = key::issue(&mut turn, &api_key_id)?;
    let login_code = login::give(&mut turn, &owner_id, account.login_secret, account.login_expires);
    let principal =
        PrincipalRecord { kind: "user".to_owned(), id: owner_id.clone(), name: email, api_key_id: String::new() };
    let mut entry = audit::own_entry("CreateAccount", principal, at.now);
    entry.subject.clone_from(&account.account_id);
    audit::append(&mut turn, entry);
    commit(store, Batch { changes: turn.changes })?;
    Ok(Created { owner_id, login_code, api_key_id, api_key })
}

/// Writes what was done to an account that no server has.
fn commit(store: &dyn Store, batch: Batch) -> Result<(), StoreError> {
    let epoch = store.acquire(SHARD)?;
    for result in store.commit(&[(SHARD, epoch, Arc::new(batch))]) {
        result.map_err(|error| StoreError::Io(error.to_string()))?;
    }
    Ok(())
}

fn check_account_id(id: &str) -> Result<(), Reject> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    match (5..=16).contains(&id.len()) && id.bytes().all(fits) {
        true => Ok(()),
        false => Err(Reject::invalid(format!(
            "invalid account id \"{id}\": it must have 5 to 16 lower-case letters and digits"
        ))),
    }
}

fn put_owner(turn: &mut Turn<'_>, email: &str) -> String {
    let id = turn.id();
    let meta = turn.new_meta(ResourceState::Active);
    let role = AccountAccess { role: Role::Owner as i32, ..AccountAccess::default() };
    let access = Access { account_access: Some(role), ..Access::default() };
    let spec = UserSpec { email: email.to_owned(), access: Some(access) };
    turn.put(UserRecord { id: id.clone(), meta, spec, invited_time: 0, invitation_expires: 0 });
    id
}

fn put_key(turn: &mut Turn<'_>, owner_id: &str, name: &str, expires: Time) -> String {
    let id = turn.key_id();
    let meta = turn.new_meta(ResourceState::Active);
    let spec = ApiKeySpec {
        owner_id: owner_id.to_owned(),
        owner_type: OwnerType::User as i32,
        display_name: name.to_owned(),
        expiry_time: Some(expires.to_proto()),
        ..ApiKeySpec::default()
    };
    turn.put(ApiKeyRecord { id: id.clone(), meta, spec, token_hash: Vec::new() });
    id
}
