//! Updates on their way to a worker: as messages that a workflow task carries.

use prost::{Message as _, Name};
use proto::temporal::api::{
    protocol::v1::{Message, message::SequencingId},
    update::v1::Request,
};

use crate::{PendingUpdate, Run};

impl Run {
    /// The messages of a workflow task that is started with this event id: one for each update that waits for a
    /// worker's word, in the order in which they were admitted. The worker applies them behind the event before its
    /// start.
    pub(crate) fn update_messages(&self, started_event_id: i64) -> Vec<Message> {
        self.pending_updates.iter().map(|update| message(update, started_event_id - 1)).collect()
    }
}

fn message(update: &PendingUpdate, event_id: i64) -> Message {
    Message {
        id: message_id(update.id()),
        protocol_instance_id: update.id().to_owned(),
        body: Some(prost_types::Any {
            type_url: format!("type.googleapis.com/{}", Request::full_name()),
            value: update.request.encode_to_vec(),
        }),
        sequencing_id: Some(SequencingId::EventId(event_id)),
    }
}

/// The id of the message that brings an update to a worker.
pub(crate) fn message_id(update_id: &str) -> String {
    format!("{update_id}/request")
}
