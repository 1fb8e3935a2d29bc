//! Requests as the account takes them: what each is about, and what it asks or changes.

use auth::{Principal, Resource, Scope};
use model::Reject;
use prost::{Message, Name};
use proto::temporal::api::cloud::operation::v1::AsyncOperation;

use crate::{
    record::WorkRecord,
    state::State,
    turn::{Turn, View},
};

/// A request of the Cloud Operations API that is served.
pub trait ApiRequest: Message + Name + Default {
    type Answer: Message + Default + std::fmt::Debug;
    /// The name of the request without its end: `GetNamespaces`.
    const METHOD: &'static str = method_of(Self::NAME);
}

/// The method of a request's message.
const fn method_of(request: &str) -> &str {
    request.split_at(request.len() - "Request".len()).0
}

/// A request that changes nothing.
pub(crate) trait Query: ApiRequest {
    /// What it is about, as the audit log names it; empty: the account.
    fn subject(&self) -> &str {
        ""
    }

    fn target(&self, _state: &State) -> Target {
        Target::Account
    }

    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject>;
}

/// A request that changes something and starts an operation.
pub(crate) trait Command: ApiRequest {
    /// What the audit log calls it.
    const EVENT: &'static str;

    fn event(&self) -> &'static str {
        Self::EVENT
    }

    /// What it is about, as the audit log names it where it was refused; empty: the account.
    fn subject(&self) -> &str {
        ""
    }

    fn async_operation_id(&self) -> &str;

    fn target(&self, _state: &State) -> Target {
        Target::Account
    }

    /// Whether the caller may, where that hangs on more than the policy's tables know. Asked again when the same request
    /// comes again.
    fn permit(&self, _state: &State, _caller: &Principal) -> Result<(), Reject> {
        Ok(())
    }

    fn apply(&self, turn: &mut Turn<'_>, caller: &Principal) -> Result<Applied, Reject>;

    /// The answer to a request about `subject` that started `operation`, also when it is told again.
    fn answer(turn: &mut Turn<'_>, subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject>;
}

/// What a mutation came to.
pub(crate) struct Applied {
    /// The id of what was changed.
    pub(crate) subject: String,
    /// What the engine has to do; `None`: it is done already.
    pub(crate) work: Option<WorkRecord>,
}

impl Applied {
    pub(crate) fn done(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), work: None }
    }
}

/// What a request is about, as far as rights depend on it.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Account,
    Namespace(String),
    /// A key by its owner's id; empty when there is no such key.
    ApiKey(String),
    ServiceAccount(Scope),
}

impl Target {
    pub(crate) fn resource(&self) -> Resource<'_> {
        match self {
            Target::Account => Resource::Account,
            Target::Namespace(id) => Resource::Namespace(id),
            Target::ApiKey(owner_id) => Resource::ApiKey { owner_id },
            Target::ServiceAccount(scope) => Resource::ServiceAccount { scope },
        }
    }
}
