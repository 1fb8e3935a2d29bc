//! Every method of the Cloud Operations API that is served, and our own beside it. What is not in here is answered as not implemented.

use auth::{Caller, Principal};
use bytes::Bytes;
use model::Reject;
use proto::temporal::api::cloud::cloudservice::v1::{
    CreateApiKeyRequest, CreateNamespaceRequest, CreateServiceAccountRequest, CreateUserRequest, DeleteApiKeyRequest,
    DeleteNamespaceRequest, DeleteServiceAccountRequest, DeleteUserRequest, GetAccountRequest, GetApiKeyRequest,
    GetApiKeysRequest, GetAsyncOperationRequest, GetAuditLogsRequest, GetCurrentIdentityRequest, GetNamespaceRequest,
    GetNamespacesRequest, GetRegionRequest, GetRegionsRequest, GetServiceAccountNamespaceAssignmentsRequest,
    GetServiceAccountRequest, GetServiceAccountsRequest, GetUserNamespaceAssignmentsRequest, GetUserRequest,
    GetUsersRequest, SetServiceAccountNamespaceAccessRequest, SetUserNamespaceAccessRequest, UpdateAccountRequest,
    UpdateApiKeyRequest, UpdateNamespaceRequest, UpdateNamespaceTagsRequest, UpdateServiceAccountRequest,
    UpdateUserRequest,
};

use super::{command, query};
use crate::{
    Control, RequestContext,
    request::{Command, Query},
    sign_in::{CREATE_LOGIN_LINK, create_link},
};

/// How a method is answered.
type Run = fn(&Control, &Caller, &Principal, &RequestContext, &[u8]) -> Result<Bytes, Reject>;

pub(super) struct Method {
    name: &'static str,
    pub(super) run: Run,
    /// What the audit log calls a change by it; `None`: it changes nothing.
    pub(super) event: Option<&'static str>,
}

const fn reads<Q: Query>() -> Method {
    Method { name: Q::METHOD, run: query::<Q>, event: None }
}

const fn changes<Q: Command>() -> Method {
    Method { name: Q::METHOD, run: command::<Q>, event: Some(Q::EVENT) }
}

/// The method of this name (`GetNamespaces`), if it is served.
pub(super) fn method(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

const METHODS: &[Method] = &[
    reads::<GetCurrentIdentityRequest>(),
    reads::<GetAccountRequest>(),
    changes::<UpdateAccountRequest>(),
    reads::<GetAsyncOperationRequest>(),
    reads::<GetAuditLogsRequest>(),
    reads::<GetRegionsRequest>(),
    reads::<GetRegionRequest>(),
    changes::<CreateNamespaceRequest>(),
    reads::<GetNamespacesRequest>(),
    reads::<GetNamespaceRequest>(),
    changes::<UpdateNamespaceRequest>(),
    changes::<UpdateNamespaceTagsRequest>(),
    changes::<DeleteNamespaceRequest>(),
    changes::<CreateUserRequest>(),
    reads::<GetUsersRequest>(),
    reads::<GetUserRequest>(),
    changes::<UpdateUserRequest>(),
    changes::<SetUserNamespaceAccessRequest>(),
    changes::<DeleteUserRequest>(),
    changes::<CreateServiceAccountRequest>(),
    reads::<GetServiceAccountsRequest>(),
    reads::<GetServiceAccountRequest>(),
    changes::<UpdateServiceAccountRequest>(),
    changes::<SetServiceAccountNamespaceAccessRequest>(),
    changes::<DeleteServiceAccountRequest>(),
    changes::<CreateApiKeyRequest>(),
    reads::<GetApiKeysRequest>(),
    reads::<GetApiKeyRequest>(),
    changes::<UpdateApiKeyRequest>(),
    changes::<DeleteApiKeyRequest>(),
    reads::<GetUserNamespaceAssignmentsRequest>(),
    reads::<GetServiceAccountNamespaceAssignmentsRequest>(),
    Method { name: CREATE_LOGIN_LINK, run: create_link, event: Some(CREATE_LOGIN_LINK) },
];
