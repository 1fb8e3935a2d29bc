//! The account itself, and who is asking.

use std::sync::Arc;

use auth::{ClientCa, Principal, PrincipalKind};
use model::Reject;
use proto::temporal::api::cloud::{
    account::v1::{Account, AccountSpec},
    cloudservice::v1::{
        GetAccountRequest, GetAccountResponse, GetCurrentIdentityRequest, GetCurrentIdentityResponse,
        UpdateAccountRequest, UpdateAccountResponse, get_current_identity_response,
    },
    operation::v1::AsyncOperation,
};

use crate::{
    identity, key,
    record::{AccountRecord, ApiKeyRecord, ServiceAccountRecord, UserRecord},
    request::{ApiRequest, Applied, Command, Query},
    resource::{self, Resource, Update, meta_and_spec},
    state::State,
    turn::{Turn, View, find},
};

impl Resource for AccountRecord {
    const KIND: &'static str = "account";
    meta_and_spec!(AccountSpec);
    type Described = Account;

    /// There is one, whatever the id.
    fn find<'a>(state: &'a State, _id: &str) -> Result<&'a Arc<Self>, Reject> {
        state.account.as_ref().ok_or_else(|| Reject::internal("the data holds no account"))
    }

    fn put(self, turn: &mut Turn<'_>) {
        turn.put_account(self);
    }

    fn describe(&self, _view: View<'_>) -> Account {
        Account {
            id: self.id.clone(),
            spec: Some(self.spec.clone()),
            resource_version: self.meta.version.clone(),
            state: self.meta.state,
            async_operation_id: self.meta.operation_id.clone(),
            metrics: None,
        }
    }

    fn check_change(&self, _turn: &Turn<'_>, _caller: &Principal, spec: AccountSpec) -> Result<AccountSpec, Reject> {
        let bundle = spec.metrics.as_ref().map(|metrics| &metrics.accepted_client_ca);
        if let Some(bundle) = bundle.filter(|bundle| !bundle.is_empty()) {
            ClientCa::parse(bundle).map_err(|violation| Reject::invalid(violation.to_string()))?;
        }
        Ok(spec)
    }
}

impl ApiRequest for GetAccountRequest {
    type Answer = GetAccountResponse;
}

impl Query for GetAccountRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        Ok(GetAccountResponse { account: Some(resource::get::<AccountRecord>(view, view.state.account_id())?) })
    }
}

impl ApiRequest for UpdateAccountRequest {
    type Answer = UpdateAccountResponse;
}

impl Command for UpdateAccountRequest {
    const EVENT: &'static str = "UpdateAccountAPI";

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject> {
        let id = turn.state.account_id().to_owned();
        let update = Update { id: &id, version: &self.resource_version, spec: self.spec.clone() };
        resource::update::<AccountRecord>(turn, caller, update)
    }

    fn answer(_turn: &mut Turn<'_>, _subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(UpdateAccountResponse { async_operation: Some(operation) })
    }
}

impl ApiRequest for GetCurrentIdentityRequest {
    type Answer = GetCurrentIdentityResponse;
}

impl Query for GetCurrentIdentityRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        use get_current_identity_response::Principal::{ServiceAccount, User};
        let id = &view.caller.id;
        let principal = match view.caller.kind {
            PrincipalKind::User => {
                User(identity::describe_user(find::<UserRecord>(view.state, UserRecord::KIND, id)?, view.now))
            }
            PrincipalKind::ServiceAccount => {
                ServiceAccount(identity::describe_service_account(find::<ServiceAccountRecord>(
                    view.state,
                    ServiceAccountRecord::KIND,
                    id,
                )?))
            }
        };
        let api_key = view.caller.api_key_id.as_ref().and_then(|id| view.state.api_keys.get(id));
        Ok(GetCurrentIdentityResponse {
            principal_api_key: api_key.map(|row: &Arc<ApiKeyRecord>| key::describe(row, view.now)),
            principal: Some(principal),
        })
    }
}
