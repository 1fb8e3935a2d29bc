//! ProtocolMessage: where among the commands a message of the worker has its place. The messages are the worker's word
//! on updates: it accepts one, rejects it, or says what came of it.
//!
//! A message without a command is taken after all commands.

use std::{collections::BTreeSet, sync::Arc};

use model::Reject;
use prost::{Message as _, Name};
use prost_types::Any;
use proto::temporal::api::{
    command::v1::ProtocolMessageCommandAttributes,
    enums::v1::WorkflowTaskFailedCause as Cause,
    failure::v1::Failure,
    history::v1::{
        HistoryEvent, WorkflowExecutionUpdateAcceptedEventAttributes, WorkflowExecutionUpdateCompletedEventAttributes,
        history_event::Attributes as A,
    },
    protocol::v1::Message,
    update::v1::{Acceptance, Rejection, Request, Response},
};

use super::{CommandContext, CommandFailure, limit};
use crate::{
    Draft, PendingUpdate, Run, StateChange,
    on::check_total,
    update::{failed_by_server, message_id},
};

const CAUSE: Cause = Cause::BadUpdateWorkflowExecutionMessage;

/// The messages of one completion that have not been taken yet, and what they have done so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Messages {
    waiting: Vec<Message>,
    /// Updates that waited for the worker's word. A command that closes the run takes them out of the state.
    asked: BTreeSet<String>,
}

impl Messages {
    pub(crate) fn new(messages: &[Message], run: &Run) -> Self {
        let asked = run.pending_updates.iter().filter(|_| !messages.is_empty());
        Self { waiting: messages.to_vec(), asked: asked.map(|update| update.id().to_owned()).collect() }
    }

    fn take(&mut self, id: &str) -> Option<Message> {
        let place = self.waiting.iter().rposition(|message| message.id == id)?;
        Some(self.waiting.remove(place))
    }
}

/// Takes the message that the command names.
///
/// # Errors
/// The workflow task fails with `BadUpdateWorkflowExecutionMessage`.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<ProtocolMessageCommandAttributes>,
    _event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    let Some(command) = attributes else {
        let text = "ProtocolMessageCommandAttributes is not set on ProtocolMessageCommand.";
        return Err(CommandFailure::task(CAUSE, text));
    };
    if command.message_id.is_empty() {
        return Err(CommandFailure::task(CAUSE, "MessageID is not set on ProtocolMessageCommand."));
    }
    let Some(message) = context.messages.take(&command.message_id) else {
        let text = format!("ProtocolMessageCommand referenced absent message ID {}", command.message_id);
        return Err(CommandFailure::task(CAUSE, text));
    };
    receive(draft, &message, context)
}

/// Takes the messages that no command has named, in their order.
///
/// # Errors
/// As `apply`.
pub(crate) fn take_rest(draft: &mut Draft, context: &mut CommandContext) -> Result<(), CommandFailure> {
    for message in std::mem::take(&mut context.messages.waiting) {
        receive(draft, &message, context)?;
    }
    Ok(())
}

/// Rejects the updates that the worker was sent and didn't say a word of: it doesn't know updates, and would be sent
/// them again and again.
pub(crate) fn reject_unprocessed(draft: &mut Draft) {
    let ids = draft.run().pending_updates.iter().filter(|update| update.sent).map(|update| update.id().to_owned());
    for update_id in ids.collect::<Vec<_>>() {
        draft.change(StateChange::UpdateRejected { update_id, failure: Some(Box::new(unprocessed())) });
    }
}

fn unprocessed() -> Failure {
    let text = "Workflow Update is rejected because it wasn't processed by worker. Probably, Workflow Update is not \
                supported by the worker.";
    failed_by_server(text, "UnprocessedUpdate")
}

/// What a worker can say of an update.
enum Word {
    Acceptance(Acceptance),
    Rejection(Rejection),
    Response(Response),
    /// A message of the protocol that a worker doesn't send, by its type.
    Other(String),
}

impl Word {
    /// A rejection leaves no event, so that it may be heard of a run that is over.
    fn needs_open_run(&self) -> bool {
        match self {
            Word::Rejection(_) => false,
            Word::Acceptance(_) | Word::Response(_) | Word::Other(_) => true,
        }
    }
}

fn receive(draft: &mut Draft, message: &Message, context: &mut CommandContext) -> Result<(), CommandFailure> {
    let Some(body) = &message.body else {
        return Err(Reject::invalid("nil message body").into());
    };
    let name = body.type_url.rsplit('/').next().unwrap_or_default();
    let Some((protocol, short)) = name.rsplit_once('.') else {
        let text = if name.is_empty() {
            "no message name specified".to_owned()
        } else {
            format!("failed to extract protocol type: no . found in \"{name}\"")
        };
        return Err(Reject::invalid(text).into());
    };
    limit::blob(draft, body.encoded_len(), CAUSE, &format!("Message type {name} exceeds size limit."))?;
    if protocol != Request::PACKAGE {
        return Err(CommandFailure::task(CAUSE, format!("unsupported protocol type {protocol}")));
    }
    let word = word(body, short)?;
    let update_id = message.protocol_instance_id.as_str();
    if !is_known(draft, update_id, context) {
        resurrect(draft, &word)?;
    }
    if !is_known(draft, update_id, context) {
        return Err(CommandFailure::task(
            CAUSE,
            format!(
                "update {update_id} wasn't found on the server. This is most likely a transient error which will be \
                 resolved automatically by retries"
            ),
        ));
    }
    if !draft.run().is_open() && word.needs_open_run() {
        // The worker has closed the run with a command before: nothing can follow on that.
        return Ok(());
    }
    match word {
        Word::Acceptance(word) => accept(draft, update_id, &word, context),
        Word::Rejection(word) => reject(draft, update_id, word, context),
        Word::Response(word) => respond(draft, update_id, word, context),
        Word::Other(name) => Err(bad(format!("Message type *update.{name} not supported"))),
    }
}

fn bad(text: String) -> CommandFailure {
    CommandFailure::task(CAUSE, text)
}

fn word(body: &Any, short: &str) -> Result<Word, CommandFailure> {
    let unreadable = |error| bad(format!("unable to unmarshal request: {error}"));
    let value = body.value.as_slice();
    Ok(match short {
        Acceptance::NAME => Word::Acceptance(Acceptance::decode(value).map_err(unreadable)?),
        Rejection::NAME => Word::Rejection(Rejection::decode(value).map_err(unreadable)?),
        Response::NAME => Word::Response(Response::decode(value).map_err(unreadable)?),
        other => Word::Other(other.to_owned()),
    })
}

fn is_known(draft: &Draft, update_id: &str, context: &CommandContext) -> bool {
    draft.run().update_stage(update_id).is_some() || context.messages.asked.contains(update_id)
}

/// An update that this server has forgotten lives again if the worker still knows its request.
fn resurrect(draft: &mut Draft, word: &Word) -> Result<(), CommandFailure> {
    let request = match word {
        Word::Acceptance(word) => word.accepted_request.clone(),
        Word::Rejection(word) => word.rejected_request.clone(),
        Word::Response(_) | Word::Other(_) => None,
    };
    let Some(request) = request else { return Ok(()) };
    check_total(draft.run(), draft.context.limits.updates_per_execution)?;
    let size = request.encoded_len();
    draft.change(StateChange::UpdateAdmitted(Arc::new(PendingUpdate { request, size, sent: false })));
    Ok(())
}

fn accept(
    draft: &mut Draft,
    update_id: &str,
    word: &Acceptance,
    context: &CommandContext,
) -> Result<(), CommandFailure> {
    let Some(pending) = draft.run().pending_update(update_id).cloned() else {
        return Err(out_of_turn(draft, update_id, Acceptance::NAME, context));
    };
    let missing = |what: &str| Err(bad(format!("invalid *update.Acceptance: {what} is not set")));
    if word.accepted_request_sequencing_event_id == 0 {
        return missing("accepted_request_sequencing_event_id");
    }
    if word.accepted_request_message_id.is_empty() {
        return missing("accepted_request_message_id");
    }
    draft.append(A::WorkflowExecutionUpdateAcceptedEventAttributes(WorkflowExecutionUpdateAcceptedEventAttributes {
        protocol_instance_id: update_id.to_owned(),
        accepted_request_message_id: message_id(update_id),
        accepted_request_sequencing_event_id: word.accepted_request_sequencing_event_id,
        accepted_request: Some(pending.request.clone()),
    }));
    Ok(())
}

fn reject(draft: &mut Draft, update_id: &str, word: Rejection, context: &CommandContext) -> Result<(), CommandFailure> {
    if draft.run().is_open() && draft.run().pending_update(update_id).is_none() {
        return Err(out_of_turn(draft, update_id, Rejection::NAME, context));
    }
    let failure = word.failure.map(Box::new);
    draft.change(StateChange::UpdateRejected { update_id: update_id.to_owned(), failure });
    Ok(())
}

fn respond(draft: &mut Draft, update_id: &str, word: Response, context: &CommandContext) -> Result<(), CommandFailure> {
    let accepted = draft.run().updates.get(update_id).filter(|update| update.completed_event_id == 0);
    let Some(accepted_event_id) = accepted.map(|update| update.accepted_event_id) else {
        return Err(out_of_turn(draft, update_id, Response::NAME, context));
    };
    let invalid = |what: String| Err(bad(format!("invalid *update.Response: {what}")));
    match &word.meta {
        None => return invalid("meta is not set".to_owned()),
        Some(meta) if meta.update_id.is_empty() => return invalid("meta.update_id is not set".to_owned()),
        Some(meta) if meta.update_id != update_id => return invalid(format!("meta.update_id != {update_id}")),
        Some(_) if word.outcome.is_none() => return invalid("outcome is not set".to_owned()),
        Some(_) => {}
    }
    draft.append(A::WorkflowExecutionUpdateCompletedEventAttributes(WorkflowExecutionUpdateCompletedEventAttributes {
        meta: word.meta,
        accepted_event_id,
        outcome: word.outcome,
    }));
    Ok(())
}

/// The update is in another state than the message is for.
fn out_of_turn(draft: &Draft, update_id: &str, message: &str, context: &CommandContext) -> CommandFailure {
    let run = draft.run();
    let is_new = |event_id: i64| event_id > context.workflow_task_completed_event_id;
    let state = match (run.updates.get(update_id), run.pending_update(update_id)) {
        (Some(update), _) if update.completed_event_id != 0 && is_new(update.completed_event_id) => {
            "ProvisionallyCompleted"
        }
        (Some(update), _) if update.completed_event_id != 0 => "Completed",
        (Some(update), _) if is_new(update.accepted_event_id) => "ProvisionallyAccepted",
        (Some(_), _) => "Accepted",
        (None, Some(update)) if update.sent => "Sent",
        (None, Some(_)) => "Admitted",
        (None, None) => "ProvisionallyCompleted",
    };
    bad(format!(
        "invalid state transition attempted for Update {update_id}: received *update.{message} message while in state \
         {state}"
    ))
}
