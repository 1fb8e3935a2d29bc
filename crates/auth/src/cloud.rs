//! What a principal may do on the control plane: a table with one row per method, and nothing else decides.

use model::Reject;

use crate::{AccountRole, Caller, Principal, Scope, policy};

/// What a call of the control plane is about, as far as rights depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The account, or a list of which the caller is shown its part.
    Account,
    /// A namespace, `<name>.<account>`, whether or not there is one.
    Namespace(&'a str),
    /// An API key by its owner's id: the record's, or for a new key the one that is asked for.
    ApiKey { owner_id: &'a str },
    /// A service account by its scope: the record's, or for a new one the scope that is asked for.
    ServiceAccount { scope: &'a Scope },
    /// A Nexus endpoint by the namespace of its target: for an update ask for the old and for the new one.
    NexusEndpoint { target_namespace: &'a str },
}

/// Whether a caller may use a method (`CreateNamespace`) of `temporal.api.cloud.cloudservice.v1.CloudService`.
///
/// # Errors
/// `PermissionDenied` when the table does not say yes, the same whether or not there is such a resource;
/// `Unauthenticated` for a caller that showed nothing.
pub fn authorize_cloud(_caller: &Caller, _method: &str, _resource: Resource<'_>) -> Result<(), Reject> {
    Err(policy::unauthorized())
}

/// Whether a principal may give an account role to somebody, take it away, or act for somebody who has it (change or
/// delete them, make a key for them): only an Owner where it is Owner or Finance Admin.
///
/// # Errors
/// `PermissionDenied`.
pub fn may_grant(_principal: &Principal, _role: AccountRole) -> Result<(), Reject> {
    Err(policy::unauthorized())
}
