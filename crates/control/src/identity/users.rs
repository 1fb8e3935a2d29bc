//! Users. Making one is inviting them; what they may do holds from then on for every key they have.

use std::{sync::Arc, time::Duration};

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
};

use crate::{
    access, credential,
    record::{Meta, UserRecord, WorkRecord},
    request::{ApiRequest, Applied, Command, Query, Target},
    resource::{self, Created, Deleted, Listed, Resource, deletes, gets, meta_and_spec, quota, updates},
    state::{State, page::PageRequest, rights},
    turn::{Turn, View, check_version, find},
    twins,
};

/// Users of an account.
const MOST: usize = 300;
/// How long an invitation stays open.
const INVITATION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

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

impl Resource for UserRecord {
    const KIND: &'static str = "user";
    meta_and_spec!(UserSpec);
    type Described = User;

    fn find<'a>(state: &'a State, id: &str) -> Result<&'a Arc<Self>, Reject> {
        find(state, Self::KIND, id)
    }

    fn put(self, turn: &mut Turn<'_>) {
        turn.put(self);
    }

    fn describe(&self, view: View<'_>) -> User {
        let mut user = describe(self, view.now);
        if let Some(access) = user.spec.as_mut().and_then(|spec| spec.access.as_mut()) {
            super::leave_what_is_known(access, view.caller, &self.id);
        }
        user
    }

    fn check_rights(&self, _state: &State, caller: &Principal) -> Result<(), Reject> {
        access::check_grant(caller, role(&self.spec))
    }

    fn check_change(&self, turn: &Turn<'_>, caller: &Principal, mut spec: UserSpec) -> Result<UserSpec, Reject> {
        if spec.email.is_empty() {
            spec.email.clone_from(&self.spec.email);
        }
        let spec = check_spec(&turn.state, spec)?;
        if spec.email != self.spec.email {
            return Err(Reject::invalid("the email address of a user cannot be changed"));
        }
        access::check_grant(caller, role(&spec))?;
        Ok(spec)
    }

    /// The account has an owner without this user.
    fn check_loss(&self, state: &State, spec: Option<&UserSpec>) -> Result<(), Reject> {
        let stays = spec.is_some_and(|spec| role(spec) == Role::Owner);
        if stays || role(&self.spec) != Role::Owner || state.owners().any(|owner| owner.id != self.id) {
            return Ok(());
        }
        Err(Reject::precondition(format!("user \"{}\" is the only owner of the account", self.spec.email)))
    }
}

impl Listed for UserRecord {}

impl Created for UserRecord {
    fn check_new(turn: &Turn<'_>, caller: &Principal, spec: UserSpec) -> Result<UserSpec, Reject> {
        let spec = check_spec(&turn.state, spec)?;
        access::check_grant(caller, role(&spec))?;
        if turn.state.users.values().any(|row| row.spec.email == spec.email) {
            return Err(Reject::new(Kind::AlreadyExists, format!("user \"{}\" already exists", spec.email)));
        }
        if turn.state.users.len() >= MOST {
            return Err(quota(format!("the account has {MOST} users, which is the most it can have")));
        }
        Ok(spec)
    }

    fn new(turn: &mut Turn<'_>, meta: Meta, spec: UserSpec) -> Self {
        let invitation_expires = (turn.now + INVITATION).0;
        Self { id: turn.id(), meta, spec, invited_time: turn.now.0, invitation_expires }
    }
}

impl Deleted for UserRecord {
    fn remove(self, turn: &mut Turn<'_>) -> Option<WorkRecord> {
        credential::remove_of(turn, &self.id);
        turn.remove::<Self>(&self.id);
        None
    }
}

fn role(spec: &UserSpec) -> Role {
    spec.access.as_ref().map(rights::role).unwrap_or_default()
}

fn check_spec(state: &State, mut spec: UserSpec) -> Result<UserSpec, Reject> {
    spec.email = check_email(&spec.email)?;
    let access = spec.access.as_mut().ok_or_else(|| Reject::invalid("user access is required"))?;
    access::check(state, access)?;
    Ok(spec)
}

gets!(GetUserRequest { user_id } => GetUserResponse { user: UserRecord });
updates!(UpdateUserRequest { user_id } => UpdateUserResponse, UserRecord, "UpdateUserAPI");
deletes!(DeleteUserRequest { user_id } => DeleteUserResponse, UserRecord, "DeleteUserAPI");

impl ApiRequest for GetUsersRequest {
    type Answer = GetUsersResponse;
}

impl Query for GetUsersRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let page = PageRequest { size: self.page_size, token: &self.page_token };
        let is_asked_for = |row: &UserRecord| {
            let has_access = || {
                let principal = view.state.principal(OwnerType::User, &row.id, None);
                // In a namespace that is not the caller's no user has access, as in one that does not exist.
                view.caller.namespace_permission(&self.namespace).is_some()
                    && principal.is_some_and(|principal| principal.namespace_permission(&self.namespace).is_some())
            };
            let is_named = self.email.is_empty() || self.email.eq_ignore_ascii_case(&row.spec.email);
            is_named && (self.namespace.is_empty() || has_access())
        };
        let (users, next_page_token) = resource::list::<UserRecord>(view, page, is_asked_for)?;
        Ok(GetUsersResponse { users, next_page_token })
    }
}

impl ApiRequest for CreateUserRequest {
    type Answer = CreateUserResponse;
}

impl Command for CreateUserRequest {
    const EVENT: &'static str = "CreateUserAPI";

    fn subject(&self) -> &str {
        self.spec.as_ref().map_or("", |spec| &spec.email)
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject> {
        resource::create::<UserRecord>(turn, caller, self.spec.clone(), |_, _| Ok(()))
    }

    fn answer(_turn: &mut Turn<'_>, subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(CreateUserResponse { user_id: subject.to_owned(), async_operation: Some(operation) })
    }
}

impl ApiRequest for SetUserNamespaceAccessRequest {
    type Answer = SetUserNamespaceAccessResponse;
}

impl Command for SetUserNamespaceAccessRequest {
    const EVENT: &'static str = "SetUserNamespaceAccessAPI";

    fn subject(&self) -> &str {
        &self.user_id
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn target(&self, _state: &State) -> Target {
        Target::Namespace(self.namespace.clone())
    }

    fn apply(&self, turn: &mut Turn<'_>, _caller: &Principal) -> Result<Applied, Reject> {
        access::check_namespace(&turn.state, &self.namespace)?;
        let mut row: UserRecord = turn.take(UserRecord::KIND, &self.user_id)?;
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
