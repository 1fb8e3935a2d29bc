//! The account itself, and who is asking.

use auth::{ClientCa, Principal, PrincipalKind};
use model::Reject;
use proto::temporal::api::cloud::{
    account::v1::Account,
    cloudservice::v1::{
        GetAccountRequest, GetAccountResponse, GetCurrentIdentityRequest, GetCurrentIdentityResponse,
        UpdateAccountRequest, UpdateAccountResponse, get_current_identity_response,
    },
    operation::v1::AsyncOperation,
};

use crate::{
    call::{Applied, Ask, Mutation, Question},
    identity, key,
    record::{AccountRecord, ApiKeyRecord, ServiceAccountRecord, UserRecord},
    state::State,
    turn::{Turn, View, check_version, find, nothing_to_change},
};

impl Ask for GetAccountRequest {
    type Answer = GetAccountResponse;
    const METHOD: &'static str = "GetAccount";
}

impl Question for GetAccountRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let row = account(view.state)?;
        let account = Account {
            id: row.id.clone(),
            spec: Some(row.spec.clone()),
            resource_version: row.meta.version.clone(),
            state: row.meta.state,
            async_operation_id: row.meta.operation_id.clone(),
            metrics: None,
        };
        Ok(GetAccountResponse { account: Some(account) })
    }
}

fn account(state: &State) -> Result<&AccountRecord, Reject> {
    state.account.as_deref().ok_or_else(|| Reject::internal("the data holds no account"))
}

impl Ask for UpdateAccountRequest {
    type Answer = UpdateAccountResponse;
    const METHOD: &'static str = "UpdateAccount";
}

impl Mutation for UpdateAccountRequest {
    const EVENT: &'static str = "UpdateAccountAPI";

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn apply(&self, turn: &mut Turn<'_>, _caller: &Principal) -> Result<Applied, Reject> {
        let mut row = account(&turn.state)?.clone();
        check_version(&row.meta, &self.resource_version)?;
        let spec = self.spec.clone().ok_or_else(|| Reject::invalid("account spec is required"))?;
        let bundle = spec.metrics.as_ref().map(|metrics| &metrics.accepted_client_ca);
        if let Some(bundle) = bundle.filter(|bundle| !bundle.is_empty()) {
            ClientCa::parse(bundle).map_err(|violation| Reject::invalid(violation.to_string()))?;
        }
        if spec == row.spec {
            return Err(nothing_to_change());
        }
        row.spec = spec;
        turn.touch(&mut row.meta);
        turn.put_account(row);
        Ok(Applied::done(turn.state.account_id()))
    }

    fn answer(_turn: &mut Turn<'_>, _subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(UpdateAccountResponse { async_operation: Some(operation) })
    }
}

impl Ask for GetCurrentIdentityRequest {
    type Answer = GetCurrentIdentityResponse;
    const METHOD: &'static str = "GetCurrentIdentity";
}

impl Question for GetCurrentIdentityRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        use get_current_identity_response::Principal::{ServiceAccount, User};
        let id = &view.caller.id;
        let principal = match view.caller.kind {
            PrincipalKind::User => User(identity::describe_user(find::<UserRecord>(view.state, "user", id)?, view.now)),
            PrincipalKind::ServiceAccount => {
                ServiceAccount(identity::describe_service_account(find::<ServiceAccountRecord>(
                    view.state,
                    "service account",
                    id,
                )?))
            }
        };
        let api_key = view.caller.api_key_id.as_ref().and_then(|id| view.state.api_keys.get(id));
        Ok(GetCurrentIdentityResponse {
            principal_api_key: api_key.map(|row: &std::sync::Arc<ApiKeyRecord>| key::describe(row, view.now)),
            principal: Some(principal),
        })
    }
}
