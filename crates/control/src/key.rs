//! API keys. The token is told once and not kept; its key can be disabled, and is refused from the next call on.

use std::{sync::Arc, time::Duration};

use auth::{Claims, Principal, mint};
use model::{Reject, Time};
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        CreateApiKeyRequest, CreateApiKeyResponse, DeleteApiKeyRequest, DeleteApiKeyResponse, GetApiKeyRequest,
        GetApiKeyResponse, GetApiKeysRequest, GetApiKeysResponse, UpdateApiKeyRequest, UpdateApiKeyResponse,
    },
    identity::v1::{ApiKey, ApiKeySpec, OwnerType},
    operation::v1::AsyncOperation,
    resource::v1::ResourceState,
};

use crate::{
    access,
    record::{ApiKeyRecord, Meta, WorkRecord},
    request::{ApiRequest, Applied, Command, Query, Target},
    resource::{self, Created, Deleted, Listed, Resource, deletes, gets, meta_and_spec, quota, updates},
    state::{State, page::PageRequest},
    turn::{Turn, View, find},
    twins,
};

/// Keys that are not expired, disabled ones included.
const MOST_OF_USER: usize = 10;
const MOST_OF_SERVICE_ACCOUNT: usize = 20;
/// How long a key lives at least and at most, in hours.
const SHORTEST_HOURS: u64 = 24;
const LONGEST_HOURS: u64 = 2 * 365 * 24;
/// Longest name and description, in characters.
const MOST_NAME: usize = 64;
const MOST_DESCRIPTION: usize = 255;

/// A key as the API shows it.
pub(crate) fn describe(row: &ApiKeyRecord, now: Time) -> ApiKey {
    let mut spec = row.spec.clone();
    twins::fill_api_key(&mut spec);
    let state = if row.is_expired(now) { ResourceState::Expired } else { row.meta.state() };
    ApiKey {
        id: row.id.clone(),
        resource_version: row.meta.version.clone(),
        spec: Some(spec),
        state_deprecated: twins::resource_state(state),
        state: state as i32,
        async_operation_id: row.meta.operation_id.clone(),
        created_time: row.meta.created(),
        last_modified_time: row.meta.modified(),
    }
}

impl Resource for ApiKeyRecord {
    const KIND: &'static str = "API key";
    meta_and_spec!(ApiKeySpec);
    type Described = ApiKey;

    fn find<'a>(state: &'a State, id: &str) -> Result<&'a Arc<Self>, Reject> {
        find(state, Self::KIND, id)
    }

    fn put(self, turn: &mut Turn<'_>) {
        turn.put(self);
    }

    fn describe(&self, view: View<'_>) -> ApiKey {
        describe(self, view.now)
    }

    fn target(state: &State, id: &str) -> Target {
        Target::ApiKey(state.api_keys.get(id).map(|row| row.spec.owner_id.clone()).unwrap_or_default())
    }

    fn check_rights(&self, state: &State, caller: &Principal) -> Result<(), Reject> {
        match state.principal(self.spec.owner_type(), &self.spec.owner_id, None) {
            Some(owner) => access::check_acts_for(caller, &owner),
            None => Ok(()),
        }
    }

    fn check_change(&self, _turn: &Turn<'_>, _caller: &Principal, mut spec: ApiKeySpec) -> Result<ApiKeySpec, Reject> {
        twins::take_api_key(&mut spec);
        keep_fixed(&self.spec, &mut spec)?;
        check_texts(&spec)?;
        Ok(spec)
    }
}

impl Listed for ApiKeyRecord {
    /// Owners and admins see all, everybody else their own.
    fn is_known_to(&self, caller: &Principal) -> bool {
        self.spec.owner_id == caller.id || caller.is_account_admin()
    }
}

impl Created for ApiKeyRecord {
    fn check_new(turn: &Turn<'_>, _caller: &Principal, mut spec: ApiKeySpec) -> Result<ApiKeySpec, Reject> {
        let owner = check_owner(&turn.state, &mut spec)?;
        check_texts(&spec)?;
        check_expiry(&spec, turn.now)?;
        let most = match spec.owner_type() {
            OwnerType::ServiceAccount => MOST_OF_SERVICE_ACCOUNT,
            OwnerType::User | OwnerType::Unspecified => MOST_OF_USER,
        };
        if turn.state.living_keys(&owner.id, turn.now) >= most {
            let name = &owner.name;
            return Err(quota(format!(
                "\"{name}\" has {most} API keys that are not expired, which is the most it can have"
            )));
        }
        Ok(spec)
    }

    fn new(turn: &mut Turn<'_>, meta: Meta, spec: ApiKeySpec) -> Self {
        Self { id: turn.key_id(), meta, spec, token_hash: Vec::new() }
    }
}

impl Deleted for ApiKeyRecord {
    fn remove(self, turn: &mut Turn<'_>) -> Option<WorkRecord> {
        turn.remove::<Self>(&self.id);
        None
    }
}

gets!(GetApiKeyRequest { key_id } => GetApiKeyResponse { api_key: ApiKeyRecord });
updates!(UpdateApiKeyRequest { key_id } => UpdateApiKeyResponse, ApiKeyRecord, "UpdateAPIKey");
deletes!(DeleteApiKeyRequest { key_id } => DeleteApiKeyResponse, ApiKeyRecord, "DeleteAPIKey");

impl ApiRequest for GetApiKeysRequest {
    type Answer = GetApiKeysResponse;
}

impl Query for GetApiKeysRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let page = PageRequest { size: self.page_size, token: &self.page_token };
        let kind = match self.owner_type() {
            OwnerType::Unspecified => twins::owner_type(&self.owner_type_deprecated),
            kind @ (OwnerType::User | OwnerType::ServiceAccount) => kind,
        };
        let is_asked_for = |row: &ApiKeyRecord| {
            let is_of_owner = self.owner_id.is_empty() || row.spec.owner_id == self.owner_id;
            is_of_owner && (kind == OwnerType::Unspecified || row.spec.owner_type() == kind)
        };
        let (api_keys, next_page_token) = resource::list::<ApiKeyRecord>(view, page, is_asked_for)?;
        Ok(GetApiKeysResponse { api_keys, next_page_token })
    }
}

impl ApiRequest for CreateApiKeyRequest {
    type Answer = CreateApiKeyResponse;
}

impl Command for CreateApiKeyRequest {
    const EVENT: &'static str = "CreateAPIKey";

    fn subject(&self) -> &str {
        self.spec.as_ref().map_or("", |spec| &spec.owner_id)
    }

    fn event(&self) -> &'static str {
        let owner = self.spec.as_ref().map(|spec| spec.owner_type()).unwrap_or_default();
        match owner {
            OwnerType::ServiceAccount => "CreateServiceAccountAPIKey",
            OwnerType::User | OwnerType::Unspecified => Self::EVENT,
        }
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn target(&self, _state: &State) -> Target {
        Target::ApiKey(self.spec.as_ref().map(|spec| spec.owner_id.clone()).unwrap_or_default())
    }

    fn permit(&self, state: &State, caller: &Principal) -> Result<(), Reject> {
        let mut spec = resource::given::<ApiKeyRecord>(self.spec.clone())?;
        access::check_acts_for(caller, &check_owner(state, &mut spec)?)
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject> {
        resource::create::<ApiKeyRecord>(turn, caller, self.spec.clone(), |_, _| Ok(()))
    }

    /// A client that asks again with the same operation id did not get the first token, so it gets another one; only
    /// the newest is good.
    fn answer(turn: &mut Turn<'_>, subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        let token = issue(turn, subject)?;
        Ok(CreateApiKeyResponse { key_id: subject.to_owned(), token, async_operation: Some(operation) })
    }
}

/// Signs the token of a key and keeps its hash.
pub(crate) fn issue(turn: &mut Turn<'_>, key_id: &str) -> Result<String, Reject> {
    let mut row: ApiKeyRecord = turn.take(ApiKeyRecord::KIND, key_id)?;
    let claims = Claims {
        account_id: turn.state.account_id().to_owned(),
        principal_id: row.spec.owner_id.clone(),
        key_id: row.id.clone(),
        expires_at: row.expires_at(),
    };
    let token = mint(&claims, &turn.settings.signer)?;
    row.token_hash = token.hash().0.to_vec();
    turn.put(row);
    Ok(token.as_str().to_owned())
}

/// Finds the owner of a new key, by its type where that is given.
fn check_owner(state: &State, spec: &mut ApiKeySpec) -> Result<Principal, Reject> {
    twins::take_api_key(spec);
    if spec.owner_id.is_empty() {
        return Err(Reject::invalid("the owner id of an API key is required"));
    }
    let kinds = match spec.owner_type() {
        OwnerType::Unspecified => vec![OwnerType::User, OwnerType::ServiceAccount],
        kind @ (OwnerType::User | OwnerType::ServiceAccount) => vec![kind],
    };
    for kind in kinds {
        if let Some(owner) = state.principal(kind, &spec.owner_id, None) {
            spec.owner_type = kind as i32;
            return Ok(owner);
        }
    }
    Err(Reject::not_found(format!("owner \"{}\" not found", spec.owner_id)))
}

fn check_texts(spec: &ApiKeySpec) -> Result<(), Reject> {
    let name = spec.display_name.chars().count();
    if name == 0 || name > MOST_NAME {
        return Err(Reject::invalid(format!("the display name of an API key must have 1 to {MOST_NAME} characters")));
    }
    match spec.description.chars().count() > MOST_DESCRIPTION {
        true => Err(Reject::invalid(format!("a description can have {MOST_DESCRIPTION} characters"))),
        false => Ok(()),
    }
}

fn check_expiry(spec: &ApiKeySpec, now: Time) -> Result<(), Reject> {
    let expiry =
        spec.expiry_time.as_ref().ok_or_else(|| Reject::invalid("the expiry time of an API key is required"))?;
    let after = |hours: u64| now + Duration::from_secs(hours * 60 * 60);
    // Clients count from their own clock, a moment before ours.
    let grace = Duration::from_secs(60);
    let expiry = Time::from_proto(expiry);
    if expiry + grace < after(SHORTEST_HOURS) {
        let earliest = after(SHORTEST_HOURS).to_proto();
        return Err(Reject::invalid(format!("expiry must be after {earliest} ({SHORTEST_HOURS}h0m0s from now)")));
    }
    if expiry > after(LONGEST_HOURS + SHORTEST_HOURS) {
        let latest = after(LONGEST_HOURS).to_proto();
        return Err(Reject::invalid(format!("expiry must be before {latest} ({LONGEST_HOURS}h0m0s from now)")));
    }
    Ok(())
}

/// The owner and the expiry stand in the token, so they stay; left out, they mean what they were.
fn keep_fixed(old: &ApiKeySpec, new: &mut ApiKeySpec) -> Result<(), Reject> {
    if new.owner_id.is_empty() {
        new.owner_id.clone_from(&old.owner_id);
    }
    if new.owner_type() == OwnerType::Unspecified {
        new.owner_type = old.owner_type;
    }
    if new.owner_id != old.owner_id || new.owner_type != old.owner_type {
        return Err(Reject::invalid("the owner of an API key cannot be changed"));
    }
    if new.expiry_time.is_none() {
        new.expiry_time = old.expiry_time;
    }
    match new.expiry_time == old.expiry_time {
        true => Ok(()),
        false => Err(Reject::invalid("the expiry time of an API key cannot be changed")),
    }
}
