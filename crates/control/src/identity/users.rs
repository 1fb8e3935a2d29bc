//! Users. Making one is inviting them; what they may do holds from then on for every key they have.

use std::time::Duration;

use auth::Principal;
use model::{Kind, Reject, Time};
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        CreateUserRequest, CreateUserResponse, DeleteUserRequest, DeleteUserResponse, GetUserRequest, GetUserResponse,
        GetUsersRequest, GetUsersResponse, SetUserNamespaceAccessRequest, SetUserNamespaceAccessResponse,
        UpdateUserRequest, UpdateUserResponse,
    },
    identity::v1::{Invitation, OwnerType, User, UserSpec, account_access::Role},
    operation::v1::AsyncOperation,
    resource::v1::ResourceState,
};

use crate::{
    access,
    call::{Applied, Ask, Concerns, Mutation, Question},
    key, login,
    namespace::quota,
    page,
    record::UserRecord,
    session,
    state::State,
    turn::{Turn, View, check_version, find, nothing_to_change},
    twins,
};

/// Users of an account.
const MOST: usize = 300;
/// How long an invitation stays open.
const INVITATION: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const KIND: &str = "user";

/// A user as the API shows it.
pub(crate) fn describe(row: &UserRecord, now: Time) -> User {
    let mut spec = row.spec.clone();
    if let Some(access) = &mut spec.access {
        twins::fill_access(access);
    }
    let is_open = row.invited_time != 0 && now.0 < row.invitation_expires;
    let invitation = is_open.then(|| Invitation {
        created_time: Some(Time(row.invited_time).to_proto()),
        expired_time: Some(Time(row.invitation_expires).to_proto()),
    });
    User {
        id: row.id.clone(),
        resource_version: row.meta.version.clone(),
        spec: Some(spec),
        state_deprecated: twins::resource_state(row.meta.state()),
        state: row.meta.state,
        async_operation_id: row.meta.operation_id.clone(),
        invitation,
        created_time: row.meta.created(),
        last_modified_time: row.meta.modified(),
    }
}

/// A user as the API shows it to somebody.
fn describe_to(caller: &Principal, row: &UserRecord, now: Time) -> User {
    let mut user = describe(row, now);
    if let Some(access) = user.spec.as_mut().and_then(|spec| spec.access.as_mut()) {
        super::leave_what_is_known(access, caller, &row.id);
    }
    user
}

/// Checks an e-mail address as far as a mistake shows in it, and makes it comparable.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn check_email(email: &str) -> Result<String, Reject> {
    const LONGEST: usize = 254;
    let email = email.trim().to_lowercase();
    let is_clean = !email.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '<');
    let parts: Vec<&str> = email.split('@').collect();
    let is_address = matches!(parts.as_slice(), [name, host] if !name.is_empty() && !host.is_empty());
    match is_clean && is_address && email.len() <= LONGEST {
        true => Ok(email),
        false => Err(Reject::invalid(format!("invalid email address \"{email}\""))),
    }
}

impl Ask for GetUsersRequest {
    type Answer = GetUsersResponse;
    const METHOD: &'static str = "GetUsers";
}

impl Question for GetUsersRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let ask = page::Ask { size: self.page_size, token: &self.page_token };
        let shown = |row: &UserRecord| {
            let has_access = || {
                let principal = view.state.principal(OwnerType::User, &row.id, None);
                // In a namespace that is not the caller's there is nobody, as in one that does not exist.
                view.caller.namespace_permission(&self.namespace).is_some()
                    && principal.is_some_and(|principal| principal.namespace_permission(&self.namespace).is_some())
            };
            let is_named = self.email.is_empty() || self.email.eq_ignore_ascii_case(&row.spec.email);
            is_named && (self.namespace.is_empty() || has_access())
        };
        let (rows, next_page_token) = page::of::<UserRecord>(view.state, ask, shown)?;
        let users = rows.into_iter().map(|row| describe_to(view.caller, row, view.now)).collect();
        Ok(GetUsersResponse { users, next_page_token })
    }
}

impl Ask for GetUserRequest {
    type Answer = GetUserResponse;
    const METHOD: &'static str = "GetUser";
}

impl Question for GetUserRequest {
    fn subject(&self) -> &str {
        &self.user_id
    }

    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let row = find::<UserRecord>(view.state, KIND, &self.user_id)?;
        Ok(GetUserResponse { user: Some(describe_to(view.caller, row, view.now)) })
    }
}

impl Ask for CreateUserRequest {
    type Answer = CreateUserResponse;
    const METHOD: &'static str = "CreateUser";
}

impl Mutation for CreateUserRequest {
    const EVENT: &'static str = "CreateUserAPI";

    fn subject(&self) -> &str {
        self.spec.as_ref().map_or("", |spec| &spec.email)
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject> {
        let spec = self.spec.clone().ok_or_else(|| Reject::invalid("user spec is required"))?;
        let spec = check_spec(&turn.state, spec)?;
        access::check_grant(caller, role(&spec))?;
        if turn.state.users.values().any(|row| row.spec.email == spec.email) {
            return Err(Reject::new(Kind::AlreadyExists, format!("user \"{}\" already exists", spec.email)));
        }
        if turn.state.users.len() >= MOST {
            return Err(quota(format!("the account has {MOST} users, which is the most it can have")));
        }
        let id = turn.id();
        let meta = turn.new_meta(ResourceState::Active);
        let invitation_expires = (turn.now + INVITATION).0;
        turn.put(UserRecord { id: id.clone(), meta, spec, invited_time: turn.now.0, invitation_expires });
        Ok(Applied::done(id))
    }

    fn answer(_turn: &mut Turn<'_>, subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(CreateUserResponse { user_id: subject.to_owned(), async_operation: Some(operation) })
    }
}

fn role(spec: &UserSpec) -> Role {
    spec.access.as_ref().map(access::role).unwrap_or_default()
}

fn check_spec(state: &State, mut spec: UserSpec) -> Result<UserSpec, Reject> {
    spec.email = check_email(&spec.email)?;
    let access = spec.access.as_mut().ok_or_else(|| Reject::invalid("user access is required"))?;
    access::check(state, access)?;
    Ok(spec)
}

impl Ask for UpdateUserRequest {
    type Answer = UpdateUserResponse;
    const METHOD: &'static str = "UpdateUser";
}

impl Mutation for UpdateUserRequest {
    const EVENT: &'static str = "UpdateUserAPI";

    fn subject(&self) -> &str {
        &self.user_id
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject> {
        let mut row: UserRecord = turn.take(KIND, &self.user_id)?;
        access::check_grant(caller, role(&row.spec))?;
        check_version(&row.meta, &self.resource_version)?;
        let mut spec = self.spec.clone().ok_or_else(|| Reject::invalid("user spec is required"))?;
        if spec.email.is_empty() {
            spec.email.clone_from(&row.spec.email);
        }
        let spec = check_spec(&turn.state, spec)?;
        if spec.email != row.spec.email {
            return Err(Reject::invalid("the email address of a user cannot be changed"));
        }
        access::check_grant(caller, role(&spec))?;
        if spec == row.spec {
            return Err(nothing_to_change());
        }
        if role(&spec) != Role::Owner {
            check_leaves_owner(&turn.state, &row)?;
        }
        row.spec = spec;
        turn.touch(&mut row.meta);
        turn.put(row);
        Ok(Applied::done(self.user_id.clone()))
    }

    fn answer(_turn: &mut Turn<'_>, _subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(UpdateUserResponse { async_operation: Some(operation) })
    }
}

/// Whether the account has an owner without this user.
///
/// # Errors
/// `FailedPrecondition`.
fn check_leaves_owner(state: &State, row: &UserRecord) -> Result<(), Reject> {
    if role(&row.spec) != Role::Owner || state.owners().any(|owner| owner.id != row.id) {
        return Ok(());
    }
    Err(Reject::precondition(format!("user \"{}\" is the only owner of the account", row.spec.email)))
}

impl Ask for DeleteUserRequest {
    type Answer = DeleteUserResponse;
    const METHOD: &'static str = "DeleteUser";
}

impl Mutation for DeleteUserRequest {
    const EVENT: &'static str = "DeleteUserAPI";

    fn subject(&self) -> &str {
        &self.user_id
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject> {
        let row: UserRecord = turn.take(KIND, &self.user_id)?;
        access::check_grant(caller, role(&row.spec))?;
        check_version(&row.meta, &self.resource_version)?;
        check_leaves_owner(&turn.state, &row)?;
        key::remove_of(turn, &row.id);
        login::remove_of(turn, &row.id);
        session::remove_of(turn, &row.id);
        turn.remove::<UserRecord>(&row.id);
        Ok(Applied::done(row.id))
    }

    fn answer(_turn: &mut Turn<'_>, _subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(DeleteUserResponse { async_operation: Some(operation) })
    }
}

impl Ask for SetUserNamespaceAccessRequest {
    type Answer = SetUserNamespaceAccessResponse;
    const METHOD: &'static str = "SetUserNamespaceAccess";
}

impl Mutation for SetUserNamespaceAccessRequest {
    const EVENT: &'static str = "SetUserNamespaceAccessAPI";

    fn subject(&self) -> &str {
        &self.user_id
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn concerns(&self, _state: &State) -> Concerns {
        Concerns::Namespace(self.namespace.clone())
    }

    fn apply(&self, turn: &mut Turn<'_>, _caller: &Principal) -> Result<Applied, Reject> {
        access::check_namespace(&turn.state, &self.namespace)?;
        let mut row: UserRecord = turn.take(KIND, &self.user_id)?;
        check_version(&row.meta, &self.resource_version)?;
        let accesses = &mut row.spec.access.get_or_insert_default().namespace_accesses;
        access::set_namespace(accesses, &self.namespace, self.access.clone())?;
        turn.touch(&mut row.meta);
        turn.put(row);
        Ok(Applied::done(self.user_id.clone()))
    }

    fn answer(_turn: &mut Turn<'_>, _subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(SetUserNamespaceAccessResponse { async_operation: Some(operation) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_in_lower_case() {
        let rows = [
            ("Ada@Example.test", Some("ada@example.test")),
            (" ada@example.test ", Some("ada@example.test")),
            ("ada", None),
            ("@example.test", None),
            ("ada@", None),
            ("a@b@c", None),
            ("a da@example.test", None),
            ("Ada <ada@example.test>", None),
            ("", None),
        ];
        for (email, expected) in rows {
            assert_eq!(check_email(email).ok().as_deref(), expected, "{email}");
        }
    }
}
