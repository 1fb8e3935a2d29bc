//! The way back into an account whose owner has lost the API key and the login link: done on the machine that has the data,
//! while no server uses them.
//!
//! Whoever can write the file could put any row there; so this asks for nothing but the file, and says in the audit log that
//! it was used.

use model::{Reject, Time};
use store::{Batch, Store};

use super::{CreateError, Created, commit, put_key};
use crate::{
    NowAndSeed, Settings, audit,
    control::signing_key_record,
    key, login,
    record::{PrincipalRecord, UserRecord},
    state::State,
    turn::Turn,
};

/// What the audit log calls it.
pub const RECOVER_OWNER: &str = "RecoverOwner";

/// The wishes for a way back.
#[derive(Clone)]
pub struct Recovery {
    /// Which owner; `None`: the only one.
    pub email: Option<String>,
    /// Who does it, as the audit log shall name them: the machine's user.
    pub operator: String,
    /// When the new API key expires.
    pub api_key_expires: Time,
    /// Fresh from a source that no caller can guess: the login code is made of it.
    pub login_secret: [u8; 32],
    /// Until when the login code is good.
    pub login_expires: Time,
}

impl std::fmt::Debug for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recovery").field("email", &self.email).field("operator", &self.operator).finish_non_exhaustive()
    }
}

/// Makes an API key and a login code for an owner, and gives the owner's email address with them: durable when this
/// returns. Keys that the owner has stay good; a login code that was not used is void.
///
/// # Errors
/// When there is no account, when it is not clear which owner is meant, or when the storage fails.
pub fn recover_owner(
    store: &dyn Store,
    recovery: &Recovery,
    settings: &Settings,
    at: &NowAndSeed,
) -> Result<(String, Created), CreateError> {
    let state = State::load(store)?;
    if state.account.is_none() {
        return Err(Reject::precondition("the data holds no account. Make one with `perdure cloud init`.").into());
    }
    let owner = which(&state, recovery.email.as_deref())?;
    let mut turn = Turn::new(state, at, settings);
    turn.put(signing_key_record(&settings.signer.verifying_key(), at.now));
    let api_key_id = put_key(&mut turn, &owner.id, "recovery key", recovery.api_key_expires);
    let api_key = key::issue(&mut turn, &api_key_id)?;
    let login_code = login::give(&mut turn, &owner.id, recovery.login_secret, recovery.login_expires);
    let principal = PrincipalRecord {
        kind: "operator".to_owned(),
        id: String::new(),
        name: recovery.operator.clone(),
        api_key_id: String::new(),
    };
    let mut entry = audit::own_entry(RECOVER_OWNER, principal, at.now);
    entry.subject.clone_from(&owner.id);
    audit::append(&mut turn, entry);
    commit(store, Batch { changes: turn.changes })?;
    Ok((owner.spec.email.clone(), Created { owner_id: owner.id.clone(), login_code, api_key_id, api_key }))
}

/// The owner of this address, or the only one.
fn which(state: &State, email: Option<&str>) -> Result<UserRecord, Reject> {
    let is_meant = |owner: &UserRecord| email.is_none_or(|email| owner.spec.email.eq_ignore_ascii_case(email));
    let mut meant = state.owners().filter(|owner| is_meant(owner));
    match (meant.next(), meant.next()) {
        (Some(owner), None) => Ok(UserRecord::clone(owner)),
        _ => {
            let all: Vec<_> = state.owners().map(|owner| owner.spec.email.as_str()).collect();
            Err(Reject::invalid(format!("name one of the account's owners: {}", all.join(", "))))
        }
    }
}
