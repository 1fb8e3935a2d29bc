//! How a user gets to the pages: by a login link, once; from then on the browser has a session.

use std::time::Duration;

use auth::{Caller, Principal, Resource, authorize_cloud};
use bytes::Bytes;
use model::{Reject, Time};
use prost::Message;
use proto::temporal::api::cloud::{cloudservice::v1::CreateApiKeyRequest, identity::v1::OwnerType};

use crate::{
    Control, NowAndSeed, RequestContext, access, audit,
    login::{self, hash_of},
    record::{LoginRecord, SessionRecord, UserRecord},
    request::ApiRequest,
    session,
    state::rights,
    turn::Turn,
};

/// The method that makes a login link, beside those of the Cloud Operations API. It takes a user's id and answers the
/// link, both as `google.protobuf.StringValue`.
pub const CREATE_LOGIN_LINK: &str = "CreateLoginLink";
/// How long a link is good that a caller has asked for.
const LINK_PERIOD: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes the link for a user: the caller itself, or one for whom the caller could make an API key, which is as much, so that the
/// right to that is asked for.
pub(crate) fn create_link(
    control: &Control,
    caller: &Caller,
    known: &Principal,
    context: &RequestContext,
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
        let code = login::give(turn, &user_id, secret, turn.now + LINK_PERIOD);
        Ok(format!("{web_address}/login?code={code}"))
    };
    let written = |result: &Result<String, Reject>| {
        let subject = user_id.as_deref().unwrap_or_default();
        Some(audit::entry_of(CREATE_LOGIN_LINK, CREATE_LOGIN_LINK, known, context, subject, result.as_ref().err()))
    };
    let link = control.audited(&context.at, make, written)?;
    Ok(link.encode_to_vec().into())
}

impl Control {
    /// Lets the user in whose login code this is, and gives the user's id. The code is void from then on; the
    /// browser that keeps `ticket`, a text that can't be guessed, acts for the user until the session ends.
    ///
    /// # Errors
    /// `Unauthenticated` for a code that is unknown, used or expired; `Unavailable` when the storage fails.
    pub fn log_in(&self, code: &str, ticket: &str, at: &NowAndSeed) -> Result<String, Reject> {
        let hash = hash_of(code);
        self.change(at, |turn| {
            let login = turn.state.logins.get(&hash).filter(|login| turn.now.0 < login.expires_time).cloned();
            let login = login.ok_or_else(auth::unauthenticated)?;
            let mut user: UserRecord = turn.take("user", &login.user_id).map_err(|_| auth::unauthenticated())?;
            turn.remove::<LoginRecord>(&hash);
            if user.invited_time != 0 {
                // A user who comes has accepted the invitation. The spec is as it was, and so is its version.
                (user.invited_time, user.invitation_expires) = (0, 0);
                turn.put(user.clone());
            }
            session::open(turn, hash_of(ticket), &user.id);
            audit::append(turn, audit::own_entry("UserLogin", rights::remembered_user(&user), turn.now));
            Ok(user.id)
        })
    }

    /// The id of the user whose browser keeps this ticket.
    pub fn session_user(&self, ticket: &str, now: Time) -> Option<String> {
        let state = self.snapshot();
        let session = state.sessions.get(&hash_of(ticket)).filter(|session| now.0 < session.expires_time)?;
        Some(session.user_id.clone())
    }

    /// Ends a session; one that is over already, or was none, stays so.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub fn log_out(&self, ticket: &str, at: &NowAndSeed) -> Result<(), Reject> {
        let hash = hash_of(ticket);
        self.change(at, |turn| {
            let Some(session) = turn.state.sessions.get(&hash).cloned() else { return Ok(()) };
            turn.remove::<SessionRecord>(&hash);
            if let Some(user) = turn.state.users.get(&session.user_id) {
                let principal = rights::remembered_user(user);
                audit::append(turn, audit::own_entry("UserLogout", principal, turn.now));
            }
            Ok(())
        })
    }
}
