//! The way of a call: decoded, authorised at this one place, answered from the snapshot or made into a change, and
//! written to the audit log where it changes something or is refused for want of a right.

use auth::{Caller, Principal, Resource, Scope, authorize_cloud, unauthenticated};
use bytes::Bytes;
use model::{Reject, Time};
use prost::{Message, Name};
use proto::temporal::api::cloud::operation::v1::AsyncOperation;

use crate::{
    Control, Moment, access, operation,
    record::{AuditEntry, PrincipalRecord, WorkRecord},
    state::State,
    table,
    turn::{Turn, View},
};

/// Longest request that changes something, in bytes: it is kept with its operation. A whole spec has a tenth of it.
const MOST_REQUEST: usize = 256 * 1024;
/// Longest text of the caller's that goes into the audit log, in characters.
const MOST_TEXT: usize = 1_000;

/// When and from where a call comes.
#[derive(Clone, Debug)]
pub struct Visit {
    pub moment: Moment,
    /// The caller's address, as the audit log shall show it.
    pub address: String,
}

/// A request of the Cloud Operations API that is served.
pub trait Ask: Message + Name + Default {
    type Answer: Message + Default + std::fmt::Debug;
    const METHOD: &'static str;
}

/// A request that changes nothing.
pub(crate) trait Question: Ask {
    /// What it is about, as the audit log names it; empty: the account.
    fn subject(&self) -> &str {
        ""
    }

    fn concerns(&self, _state: &State) -> Concerns {
        Concerns::Account
    }

    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject>;
}

/// A request that changes something and starts an operation.
pub(crate) trait Mutation: Ask {
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

    fn concerns(&self, _state: &State) -> Concerns {
        Concerns::Account
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
pub(crate) enum Concerns {
    Account,
    Namespace(String),
    /// A key by its owner's id; empty when there is no such key.
    ApiKey(String),
    ServiceAccount(Scope),
}

impl Concerns {
    fn resource(&self) -> Resource<'_> {
        match self {
            Concerns::Account => Resource::Account,
            Concerns::Namespace(id) => Resource::Namespace(id),
            Concerns::ApiKey(owner_id) => Resource::ApiKey { owner_id },
            Concerns::ServiceAccount(scope) => Resource::ServiceAccount { scope },
        }
    }
}

impl Control {
    /// Answers an encoded request of the method (`GetNamespaces`) with an encoded response. Blocks while the storage
    /// writes; what the answer tells is durable.
    ///
    /// # Errors
    /// The refusal as the caller shall see it; `Unimplemented` for a method that is not served.
    pub fn call(&self, caller: &Caller, visit: &Visit, method: &str, request: &[u8]) -> Result<Bytes, Reject> {
        let known = known(caller)?;
        match table::method(method) {
            Some(method) => (method.run)(self, caller, known, visit, request),
            None => Err(Reject::unimplemented(method)),
        }
    }

    /// The same for a request that is at hand as a message.
    ///
    /// # Errors
    /// As [`Control::call`].
    pub fn ask<Q: Ask>(&self, caller: &Caller, visit: &Visit, request: &Q) -> Result<Q::Answer, Reject> {
        let answer = self.call(caller, visit, Q::METHOD, &request.encode_to_vec())?;
        Q::Answer::decode(answer).map_err(|error| Reject::internal(format!("an answer is damaged: {error}")))
    }
}

impl Control {
    /// Writes down a call that was denied where workflows are served, in the namespace that it named.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub fn denied(
        &self,
        caller: &Caller,
        visit: &Visit,
        method: &str,
        namespace: &str,
        refusal: &Reject,
    ) -> Result<(), Reject> {
        self.write_refusal(caller, visit, method, method, namespace, refusal)
    }

    fn write_refusal(
        &self,
        caller: &Caller,
        visit: &Visit,
        event: &str,
        method: &str,
        subject: &str,
        refusal: &Reject,
    ) -> Result<(), Reject> {
        let Some(principal) = access::remembered_caller(caller) else {
            return Ok(());
        };
        let entry = AuditEntry {
            ok: false,
            method: method.to_owned(),
            address: shortened(&visit.address),
            subject: shortened(subject),
            message: shortened(&refusal.message),
            ..own_entry(event, principal, visit.moment.now)
        };
        self.audited(&visit.moment, |_| Ok(()), |_| Some(entry))
    }

    /// Writes down a call of the Cloud Operations API that was refused before its request could be read, if it would
    /// have changed something or was denied.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub fn refused(&self, caller: &Caller, visit: &Visit, method: &str, refusal: &Reject) -> Result<(), Reject> {
        let event = table::method(method).and_then(|method| method.event);
        if event.is_none() && !access::is_denied(refusal) {
            return Ok(());
        }
        self.write_refusal(caller, visit, event.unwrap_or(method), method, "", refusal)
    }
}

/// Only principals use the control plane; a certificate says nothing here.
fn known(caller: &Caller) -> Result<&Principal, Reject> {
    match caller {
        Caller::Principal(principal) => Ok(principal),
        Caller::Open | Caller::Anonymous | Caller::Certificate(_) | Caller::FilteredOut(_) => Err(unauthenticated()),
    }
}

fn decode<Q: Ask>(request: &[u8]) -> Result<Q, Reject> {
    Q::decode(request).map_err(|error| Reject::invalid(format!("malformed request: {error}")))
}

/// A request that changes something, where it is one that can be kept.
fn readable<Q: Mutation>(input: &[u8]) -> Result<Q, Reject> {
    if input.len() > MOST_REQUEST {
        return Err(Reject::invalid(format!("the request has {} bytes, and {MOST_REQUEST} are allowed", input.len())));
    }
    decode(input)
}

/// Answers a question.
pub(crate) fn question<Q: Question>(
    control: &Control,
    caller: &Caller,
    known: &Principal,
    visit: &Visit,
    request: &[u8],
) -> Result<Bytes, Reject> {
    let request: Q = decode(request)?;
    let state = control.snapshot();
    let concerns = request.concerns(&state);
    let view = View {
        state: &state,
        caller: known,
        now: visit.moment.now,
        settings: control.settings(),
        store: control.store(),
    };
    let answer = authorize_cloud(caller, Q::METHOD, concerns.resource()).and_then(|()| request.answer(view));
    if let Err(refusal) = &answer
        && access::is_denied(refusal)
    {
        let entry = entry_of(Q::METHOD, Q::METHOD, known, visit, request.subject(), Some(refusal));
        // The refusal stands whether or not it could be written down.
        drop(control.audited(&visit.moment, |_| Ok(()), |_| Some(entry)));
    }
    answer.map(|answer| answer.encode_to_vec().into())
}

/// Makes a change.
pub(crate) fn mutation<Q: Mutation>(
    control: &Control,
    caller: &Caller,
    known: &Principal,
    visit: &Visit,
    input: &[u8],
) -> Result<Bytes, Reject> {
    let request = match readable::<Q>(input) {
        Ok(request) => request,
        Err(refusal) => {
            // The refusal stands whether or not it could be written down.
            drop(control.refused(caller, visit, Q::METHOD, &refusal));
            return Err(refusal);
        }
    };
    // Clients write maps in any order; our own writing of the request is the same each time it comes.
    let input = request.encode_to_vec();
    let make = |turn: &mut Turn<'_>| {
        let concerns = request.concerns(&turn.state);
        authorize_cloud(caller, Q::METHOD, concerns.resource())?;
        request.permit(&turn.state, known)?;
        let chosen = request.async_operation_id();
        let operation = match operation::repeated(&turn.state, Q::METHOD, chosen, &input, known)? {
            Some(operation) => operation,
            None => {
                let applied = request.apply(turn, known)?;
                operation::start(turn, Q::METHOD, chosen, &input, known, applied)?
            }
        };
        let shown = operation::describe(&operation);
        let answer = Q::answer(turn, &operation.subject, shown)?;
        Ok((Bytes::from(answer.encode_to_vec()), operation))
    };
    let audited = |result: &Result<(Bytes, std::sync::Arc<crate::record::OperationRecord>), Reject>| {
        let (subject, operation_id) = match result {
            Ok((_, operation)) => (operation.subject.as_str(), operation.id.as_str()),
            Err(_) => (request.subject(), request.async_operation_id()),
        };
        let mut entry = entry_of(request.event(), Q::METHOD, known, visit, subject, result.as_ref().err());
        entry.operation_id = operation_id.chars().take(operation::MOST_ID).collect();
        Some(entry)
    };
    let (answer, operation) = control.audited(&visit.moment, make, audited)?;
    if operation.work.is_some() {
        control.ring();
    }
    Ok(answer)
}

fn shortened(text: &str) -> String {
    text.chars().take(MOST_TEXT).collect()
}

/// The entry of a call: what came of it, and about what.
pub(crate) fn entry_of(
    event: &str,
    method: &str,
    principal: &Principal,
    visit: &Visit,
    subject: &str,
    refusal: Option<&Reject>,
) -> AuditEntry {
    AuditEntry {
        method: method.to_owned(),
        ok: refusal.is_none(),
        address: shortened(&visit.address),
        subject: shortened(subject),
        message: refusal.map(|refusal| shortened(&refusal.message)).unwrap_or_default(),
        ..own_entry(event, access::remembered(principal), visit.moment.now)
    }
}

/// An entry about what the server does of its own accord.
pub(crate) fn own_entry(event: &str, principal: PrincipalRecord, now: Time) -> AuditEntry {
    AuditEntry { time: now.0, operation: event.to_owned(), ok: true, principal, ..AuditEntry::default() }
}
