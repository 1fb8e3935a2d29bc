//! Between messages and their bytes: prost, with the texts of the reference where bytes do not make a message.

use bytes::{BufMut, Bytes};
use prost::Message;
use proto::cause::TOO_DEEP;
use tonic::Status;

/// What a handler answers with: a message, or one of which a part is encoded already.
pub(crate) trait Reply: Send + 'static {
    /// Bytes of the encoded message.
    fn length(&self) -> usize;

    /// Appends the encoded message; `buffer` has room for it.
    fn write(&self, buffer: &mut impl BufMut);
}

impl<M: Message + 'static> Reply for M {
    fn length(&self) -> usize {
        self.encoded_len()
    }

    fn write(&self, buffer: &mut impl BufMut) {
        // Only a lack of room could fail.
        let _ = self.encode(buffer);
    }
}

/// A message whose field `FIELD`, a `History`, is encoded already. The message's own field is left empty.
#[derive(Debug)]
pub(crate) struct WithHistory<M, const FIELD: u8> {
    pub(crate) message: M,
    /// Encoded `History` messages, which one after the other are one; `None`: the field is absent.
    pub(crate) history: Option<Vec<Bytes>>,
}

impl<M: Message + 'static, const FIELD: u8> WithHistory<M, FIELD> {
    /// The tag of the field: its number and the length-delimited wire type. Numbers up to 15 take one byte.
    const TAG: u8 = {
        assert!(FIELD < 16);
        FIELD << 3 | 2
    };

    fn history_length(pieces: &[Bytes]) -> usize {
        pieces.iter().map(Bytes::len).sum()
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
            buffer.put_slice(piece);
        }
    }
}

/// A message from its bytes, which payloads share. Messages are large, so it is moved as seldom as can be.
///
/// # Errors
/// As the reference says it, when they are none.
pub(crate) fn decode<M: Message + Default>(bytes: Bytes) -> Result<Box<M>, Status> {
    let mut message = Box::<M>::default();
    message.merge(bytes).map_err(|error| unreadable(&error))?;
    Ok(message)
}

/// What the library says of messages that are nested too deep, other than causes of failures.
const RECURSION: &str = "recursion limit reached";

/// The reference's answer to bytes that are not the message.
fn unreadable(error: &prost::DecodeError) -> Status {
    let text = error.to_string();
    let reason = if text.contains("UTF-8") {
        "string field contains invalid UTF-8".to_owned()
    } else if text.contains(TOO_DEEP) || text.contains(RECURSION) {
        format!("proto:\u{a0}{TOO_DEEP}")
    } else {
        "proto:\u{a0}cannot parse invalid wire-format data".to_owned()
    };
    Status::internal(format!("grpc: error unmarshalling request: {reason}"))
}

#[cfg(test)]
mod tests {
    use proto::{
        cause::MOST_FAILURES,
        temporal::api::{failure::v1::Failure, workflowservice::v1::StartWorkflowExecutionRequest},
    };

    use super::*;

    fn refusal(bytes: &[u8]) -> (tonic::Code, String) {
        let status = unreadable(&StartWorkflowExecutionRequest::decode(bytes).unwrap_err());
        (status.code(), status.message().to_owned())
    }

    #[test]
    fn a_history_that_is_encoded_already_makes_the_same_message() {
        use proto::temporal::api::{
            history::v1::{History, HistoryEvent},
            workflowservice::v1::{GetWorkflowExecutionHistoryResponse, PollWorkflowTaskQueueResponse},
        };
        let history: Vec<_> = (1..200)
            .map(|event_id| HistoryEvent { event_id, task_id: event_id << 40, ..HistoryEvent::default() })
            .collect();
        let piece = |events: &[HistoryEvent]| History { events: events.to_vec() }.encode_to_vec().into();
        let encoded = || history.chunks(7).map(piece).collect::<Vec<Bytes>>();
        let whole = Some(History { events: history.clone() });

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

    #[test]
    fn bytes_that_are_no_message_are_refused_as_on_the_reference() {
        let internal = |reason: &str| (tonic::Code::Internal, format!("grpc: error unmarshalling request: {reason}"));
        assert_eq!(refusal(b"\x0a\x02\xff\xfe"), internal("string field contains invalid UTF-8"));
        // A failure that continues another one, and is its own cause without end.
        let mut deep = Vec::new();
        for _ in 0..=MOST_FAILURES {
            let mut outer = vec![0x22];
            let _ = prost::encode_length_delimiter(deep.len(), &mut outer);
            outer.extend(deep);
            deep = outer;
        }
        let continued = Failure::decode(&deep[..]).unwrap_err();
        assert_eq!(unreadable(&continued).message(), internal("proto:\u{a0}exceeded maximum recursion depth").1);
        assert_eq!(refusal(b"\x0a\x05ab"), internal("proto:\u{a0}cannot parse invalid wire-format data"));
    }
}
