//! Between messages and their bytes: prost, with the texts of the reference where bytes do not make a message.

use bytes::{BufMut, Bytes};
use model::Reject;
use prost::Message;
use proto::cause::TOO_DEEP;
use tonic::Status;

use crate::status::to_status;

/// What a handler answers with: a message, or one of which a part is encoded already.
pub trait Reply: Send + 'static {
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

/// A message from its bytes, which payloads share. Messages are large, so it is moved as seldom as can be.
///
/// # Errors
/// As the reference says it, when they are none.
pub fn decode<M: Message + Default>(bytes: Bytes) -> Result<Box<M>, Status> {
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
    to_status(&Reject::internal(format!("grpc: error unmarshalling request: {reason}")))
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
