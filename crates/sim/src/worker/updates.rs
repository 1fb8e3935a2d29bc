//! What model workers say of updates: an update's name says what becomes of it.

use prost::{Message as _, Name};
use proto::temporal::api::{
    common::v1::{Payload, Payloads},
    failure::v1::Failure,
    protocol::v1::{Message, message::SequencingId},
    update::v1::{Acceptance, Meta, Outcome, Rejection, Request, Response, outcome::Value},
};

/// Accepted, and done at once.
pub(crate) const NOW: &str = "now";
/// Accepted, and done with the next Workflow Task.
pub(crate) const LATER: &str = "later";
/// Rejected.
pub(crate) const NEVER: &str = "never";

/// What a worker says of an update.
pub(crate) struct Word {
    pub(crate) message: Message,
    /// The worker has accepted it and owes it an outcome.
    pub(crate) owes: bool,
}

/// What an update leads to, so that each may know what was promised.
pub(crate) fn result(update_id: &str) -> Outcome {
    let data = format!("done: {update_id}").into();
    Outcome { value: Some(Value::Success(Payloads { payloads: vec![Payload { data, ..Payload::default() }] })) }
}

/// What the worker says of an update that came with a Workflow Task; empty where the message is none.
pub(crate) fn words(message: &Message) -> Vec<Word> {
    let request = message.body.as_ref().and_then(|body| Request::decode(body.value.as_slice()).ok());
    let Some(request) = request else { return Vec::new() };
    let sequencing_event_id = match message.sequencing_id {
        Some(SequencingId::EventId(event_id)) => event_id,
        Some(SequencingId::CommandIndex(_)) | None => 0,
    };
    let update_id = message.protocol_instance_id.as_str();
    let name = request.input.as_ref().map_or("", |input| input.name.as_str()).to_owned();
    if name == NEVER {
        let rejection = Rejection {
            rejected_request_message_id: message.id.clone(),
            rejected_request_sequencing_event_id: sequencing_event_id,
            rejected_request: Some(request),
            failure: Some(Failure { message: "never".into(), ..Failure::default() }),
        };
        return vec![Word { message: said(update_id, &rejection), owes: false }];
    }
    let acceptance = Acceptance {
        accepted_request_message_id: message.id.clone(),
        accepted_request_sequencing_event_id: sequencing_event_id,
        accepted_request: Some(request),
    };
    let accepted = Word { message: said(update_id, &acceptance), owes: name == LATER };
    if name == LATER { vec![accepted] } else { vec![accepted, done(update_id)] }
}

/// The outcome of an update that was accepted.
pub(crate) fn done(update_id: &str) -> Word {
    let meta = Some(Meta { update_id: update_id.into(), identity: "worker".into() });
    let response = Response { meta, outcome: Some(result(update_id)) };
    Word { message: said(update_id, &response), owes: false }
}

fn said<M: prost::Message + Name>(update_id: &str, body: &M) -> Message {
    let type_url = format!("type.googleapis.com/{}", M::full_name());
    Message {
        id: format!("{update_id}/{}", M::NAME),
        protocol_instance_id: update_id.into(),
        body: Some(prost_types::Any { type_url, value: body.encode_to_vec() }),
        sequencing_id: None,
    }
}
