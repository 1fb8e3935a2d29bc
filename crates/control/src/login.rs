//! Login codes: whoever brings one to the web page is its user there, once. Only its hash is kept, and a user has one at
//! a time.

use std::time::Duration;

use auth::{Caller, Principal, Resource, authorize_cloud};
use bytes::Bytes;
use model::{Reject, Time};
use prost::Message;
use proto::temporal::api::cloud::{cloudservice::v1::CreateApiKeyRequest, identity::v1::OwnerType};
use sha2::{Digest, Sha256};

use crate::{
    Control, Moment, access,
    call::{self, Ask, Visit},
    record::{LoginRecord, PrincipalRecord, UserRecord},
    session,
    turn::Turn,
};

/// The method that makes a login link, beside those of the Cloud Operations API. It takes a user's id and answers the
/// link, both as `google.protobuf.StringValue`.
pub const CREATE_LOGIN_LINK: &str = "CreateLoginLink";
/// How long a link is good that somebody has asked for.
const LINK_PERIOD: Duration = Duration::from_secs(24 * 60 * 60);

/// Gives a user a login code, and takes the one it had.
pub(crate) fn give(turn: &mut Turn<'_>, user_id: &str, secret: [u8; 32], expires: Time) -> String {
    remove_of(turn, user_id);
    let code = hex(&secret);
    turn.put(LoginRecord { hash: hash_of(&code), user_id: user_id.to_owned(), expires_time: expires.0 });
    code
}

/// Voids the login codes of a user.
pub(crate) fn remove_of(turn: &mut Turn<'_>, user_id: &str) {
    let logins = turn.state.logins.values().filter(|row| row.user_id == user_id);
    let logins: Vec<String> = logins.map(|row| row.hash.clone()).collect();
    for hash in logins {
        turn.remove::<LoginRecord>(&hash);
    }
}

/// What is kept of a secret text.
pub(crate) fn hash_of(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// A user as the audit log names one who acts without an API key.
pub(crate) fn principal_of(user: &UserRecord) -> PrincipalRecord {
    PrincipalRecord {
        kind: "user".to_owned(),
        id: user.id.clone(),
        name: user.spec.email.clone(),
        api_key_id: String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes the link for a user: for oneself, or by whoever could make an API key for that user, which is as much, so that
/// the right to that is asked for.
pub(crate) fn create_link(
    control: &Control,
    caller: &Caller,
    known: &Principal,
    visit: &Visit,
    request: &[u8],
) -> Result<Bytes, Reject> {
    let user_id = String::decode(request).map_err(|error| Reject::invalid(format!("malformed request: {error}")));
    let make = |turn: &mut Turn<'_>| {
        let user_id = user_id.clone()?;
        authorize_cloud(caller, CreateApiKeyRequest::METHOD, Resource::ApiKey { owner_id: &user_id })?;
        let user = turn.state.principal(OwnerType::User, &user_id, None);
        let user = user.ok_or_else(|| Reject::not_found(format!("user \"{user_id}\" not found")))?;
        access::check_acts_for(known, &user)?;
        let web_address = turn.settings.web_address.trim_end_matches('/');
        if web_address.is_empty() {
            return Err(Reject::precondition("the server shows no web page: set web.listen in its configuration"));
        }
        let secret = (turn.settings.secret)();
        let code = give(turn, &user_id, secret, turn.now + LINK_PERIOD);
        Ok(format!("{web_address}/login?code={code}"))
    };
    let written = |result: &Result<String, Reject>| {
        let subject = user_id.as_deref().unwrap_or_default();
        Some(call::entry_of(CREATE_LOGIN_LINK, CREATE_LOGIN_LINK, known, visit, subject, result.as_ref().err()))
    };
    let link = control.audited(&visit.moment, make, written)?;
    Ok(link.encode_to_vec().into())
}

impl Control {
    /// Lets the user in whose login code this is, and gives the user's id. The code is void from then on; the
    /// browser that keeps `ticket`, a text that can't be guessed, acts for the user until the session ends.
    ///
    /// # Errors
    /// `Unauthenticated` for a code that is unknown, used or expired; `Unavailable` when the storage fails.
    pub fn log_in(&self, code: &str, ticket: &str, moment: &Moment) -> Result<String, Reject> {
        let hash = hash_of(code);
        self.change(moment, |turn| {
            let login = turn.state.logins.get(&hash).filter(|login| turn.now.0 < login.expires_time).cloned();
            let login = login.ok_or_else(auth::unauthenticated)?;
            let mut user: UserRecord = turn.take("user", &login.user_id).map_err(|_| auth::unauthenticated())?;
            turn.remove::<LoginRecord>(&hash);
            if user.invited_time != 0 {
                // Whoever comes has accepted. The spec is as it was, and so is its version.
                (user.invited_time, user.invitation_expires) = (0, 0);
                turn.put(user.clone());
            }
            session::open(turn, hash_of(ticket), &user.id);
            crate::audit::append(turn, call::own_entry("UserLogin", principal_of(&user), turn.now));
            Ok(user.id)
        })
    }
}
