//! The way of a call: decoded, authorised at this one place, answered from the snapshot or made into a change, and
//! written to the audit log where it changes something or is refused for want of a right.

mod table;

use auth::{Caller, Principal, authorize_cloud, unauthenticated};
use bytes::Bytes;
use model::Reject;
use prost::Message;

use crate::{
    Control, RequestContext, access,
    audit::{entry_of, own_entry, shortened},
    operation,
    record::AuditEntry,
    request::{ApiRequest, Command, Query},
    state::rights,
    turn::{Turn, View},
};

/// Longest request that changes something, in bytes: it is kept with its operation. A whole spec has a tenth of it.
const MOST_REQUEST: usize = 256 * 1024;

impl Control {
    /// Answers an encoded request of the method (`GetNamespaces`) with an encoded response. Blocks while the storage
    /// writes; what the answer tells is durable.
    ///
    /// # Errors
    /// The refusal as the caller shall see it; `Unimplemented` for a method that is not served.
    pub fn call(
        &self,
        caller: &Caller,
        context: &RequestContext,
        method: &str,
        request: &[u8],
    ) -> Result<Bytes, Reject> {
        let known = known(caller)?;
        match table::method(method) {
            Some(method) => (method.run)(self, caller, known, context, request),
            None => Err(Reject::unimplemented(method)),
        }
    }

    /// The same for a request that is at hand as a message.
    ///
    /// # Errors
    /// As [`Control::call`].
    pub fn ask<Q: ApiRequest>(
        &self,
        caller: &Caller,
        context: &RequestContext,
        request: &Q,
    ) -> Result<Q::Answer, Reject> {
        let answer = self.call(caller, context, Q::METHOD, &request.encode_to_vec())?;
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
        context: &RequestContext,
        method: &str,
        namespace: &str,
        refusal: &Reject,
    ) -> Result<(), Reject> {
        self.write_refusal(caller, context, method, method, namespace, refusal)
    }

    fn write_refusal(
        &self,
        caller: &Caller,
        context: &RequestContext,
        event: &str,
        method: &str,
        subject: &str,
        refusal: &Reject,
    ) -> Result<(), Reject> {
        let Some(principal) = rights::remembered_caller(caller) else {
            return Ok(());
        };
        let entry = AuditEntry {
            ok: false,
            method: method.to_owned(),
            address: shortened(&context.address),
            subject: shortened(subject),
            message: shortened(&refusal.message),
            ..own_entry(event, principal, context.at.now)
        };
        self.audited(&context.at, |_| Ok(()), |_| Some(entry))
    }

    /// Writes down a call of the Cloud Operations API that was refused before its request could be read, if it would
    /// have changed something or was denied.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub fn refused(
        &self,
        caller: &Caller,
        context: &RequestContext,
        method: &str,
        refusal: &Reject,
    ) -> Result<(), Reject> {
        let event = table::method(method).and_then(|method| method.event);
        if event.is_none() && !access::is_denied(refusal) {
            return Ok(());
        }
        self.write_refusal(caller, context, event.unwrap_or(method), method, "", refusal)
    }
}

/// Only principals use the control plane; a certificate says nothing here.
fn known(caller: &Caller) -> Result<&Principal, Reject> {
    match caller {
        Caller::Principal(principal) => Ok(principal),
        Caller::Open | Caller::Anonymous | Caller::Certificate(_) | Caller::FilteredOut(_) => Err(unauthenticated()),
    }
}

fn decode<Q: ApiRequest>(request: &[u8]) -> Result<Q, Reject> {
    Q::decode(request).map_err(|error| Reject::invalid(format!("malformed request: {error}")))
}

/// A request that changes something, where it is one that can be kept.
fn readable<Q: Command>(input: &[u8]) -> Result<Q, Reject> {
    if input.len() > MOST_REQUEST {
        return Err(Reject::invalid(format!("the request has {} bytes, and {MOST_REQUEST} are allowed", input.len())));
    }
    decode(input)
}

/// Answers a question.
fn query<Q: Query>(
    control: &Control,
    caller: &Caller,
    known: &Principal,
    context: &RequestContext,
    request: &[u8],
) -> Result<Bytes, Reject> {
    let request: Q = decode(request)?;
    let state = control.snapshot();
    let target = request.target(&state);
    let view = View {
        state: &state,
        caller: known,
        now: context.at.now,
        settings: control.settings(),
        store: control.store(),
    };
    let answer = authorize_cloud(caller, Q::METHOD, target.resource()).and_then(|()| request.answer(view));
    if let Err(refusal) = &answer
        && access::is_denied(refusal)
    {
        let entry = entry_of(Q::METHOD, Q::METHOD, known, context, request.subject(), Some(refusal));
        // The refusal stands whether or not it could be written down.
        drop(control.audited(&context.at, |_| Ok(()), |_| Some(entry)));
    }
    answer.map(|answer| answer.encode_to_vec().into())
}

/// Makes a change.
fn command<Q: Command>(
    control: &Control,
    caller: &Caller,
    known: &Principal,
    context: &RequestContext,
    input: &[u8],
) -> Result<Bytes, Reject> {
    let request = match readable::<Q>(input) {
        Ok(request) => request,
        Err(refusal) => {
            // The refusal stands whether or not it could be written down.
            drop(control.refused(caller, context, Q::METHOD, &refusal));
            return Err(refusal);
        }
    };
    // Clients write maps in any order; our own writing of the request is the same each time it comes.
    let input = request.encode_to_vec();
    let make = |turn: &mut Turn<'_>| {
        let target = request.target(&turn.state);
        authorize_cloud(caller, Q::METHOD, target.resource())?;
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
        let mut entry = entry_of(request.event(), Q::METHOD, known, context, subject, result.as_ref().err());
        entry.operation_id = operation_id.chars().take(operation::MOST_ID).collect();
        Some(entry)
    };
    let (answer, operation) = control.audited(&context.at, make, audited)?;
    if operation.work.is_some() {
        control.ring();
    }
    Ok(answer)
}
