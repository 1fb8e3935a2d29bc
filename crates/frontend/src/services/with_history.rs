//! Replies with a history: its events come encoded from the engine, and go out so.

use bytes::BufMut;
use prost::Message;
use transport::codec::Reply;

use super::numbered::Piece;

/// A message whose field `FIELD`, a `History`, is encoded already. The message's own field is left empty.
#[derive(Debug)]
pub(crate) struct WithHistory<M, const FIELD: u8> {
    pub(crate) message: M,
    /// The events in order; `None`: the field is absent.
    pub(crate) history: Option<Vec<Piece>>,
}

impl<M: Message + 'static, const FIELD: u8> WithHistory<M, FIELD> {
    /// The tag of the field: its number and the length-delimited wire type. Numbers up to 15 take one byte.
    const TAG: u8 = {
        assert!(FIELD < 16);
        FIELD << 3 | 2
    };

    fn history_length(pieces: &[Piece]) -> usize {
        pieces.iter().map(Piece::length).sum()
    }
}

/// `PollWorkflowTaskQueueResponse.history`.
pub(crate) const POLLED_HISTORY: u8 = 8;
/// `history` of both replies that read one.
pub(crate) const READ_HISTORY: u8 = 1;

/// Bytes of a length-delimited field with a tag of one byte.
fn delimited(length: usize) -> usize {
    1 + prost::length_delimiter_len(length) + length
}

impl<M: Message + 'static, const FIELD: u8> Reply for WithHistory<M, FIELD> {
    fn length(&self) -> usize {
        let history = self.history.as_ref().map_or(0, |pieces| delimited(Self::history_length(pieces)));
        self.message.encoded_len() + history
    }

    fn write(&self, buffer: &mut impl BufMut) {
        // Only a lack of room could fail, here and below.
        let _ = self.message.encode(buffer);
        let Some(pieces) = &self.history else { return };
        buffer.put_u8(Self::TAG);
        let _ = prost::encode_length_delimiter(Self::history_length(pieces), buffer);
        for piece in pieces {
            piece.write(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::{
        history::v1::{History, HistoryEvent},
        workflowservice::v1::{GetWorkflowExecutionHistoryResponse, PollWorkflowTaskQueueResponse},
    };

    use super::*;

    #[test]
    fn a_history_that_is_encoded_already_makes_the_same_message() {
        let history: Vec<_> = (1..200)
            .map(|event_id| HistoryEvent { event_id, version: event_id << 40, ..HistoryEvent::default() })
            .collect();
        let piece = |events: &[HistoryEvent]| Piece::stored(History { events: events.to_vec() }.encode_to_vec().into());
        let encoded = || history.chunks(7).map(piece).collect::<Vec<_>>();
        let numbered =
            history.iter().map(|event| HistoryEvent { task_id: (1 << 20) + event.event_id, ..event.clone() });
        let whole = Some(History { events: numbered.collect() });

        let message = PollWorkflowTaskQueueResponse { attempt: 4, ..Default::default() };
        let mut bytes = Vec::new();
        let reply = WithHistory::<_, POLLED_HISTORY> { message: message.clone(), history: Some(encoded()) };
        reply.write(&mut bytes);
        assert_eq!(bytes.len(), reply.length());
        let expected = PollWorkflowTaskQueueResponse { history: whole.clone(), ..message };
        assert_eq!(PollWorkflowTaskQueueResponse::decode(&bytes[..]).unwrap(), expected);

        let reply =
            WithHistory::<_, POLLED_HISTORY> { message: PollWorkflowTaskQueueResponse::default(), history: None };
        assert_eq!(reply.length(), 0);

        let message = GetWorkflowExecutionHistoryResponse { next_page_token: "t".into(), ..Default::default() };
        let mut bytes = Vec::new();
        WithHistory::<_, READ_HISTORY> { message: message.clone(), history: Some(encoded()) }.write(&mut bytes);
        let expected = GetWorkflowExecutionHistoryResponse { history: whole, ..message };
        assert_eq!(GetWorkflowExecutionHistoryResponse::decode(&bytes[..]).unwrap(), expected);
    }
}
