//! The message codec: prost, with the texts of the reference where bytes do not make a message.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// Decodes `Req`, encodes `Res`.
pub(crate) struct Prost<Req, Res>(PhantomData<(Req, Res)>);

impl<Req, Res> Default for Prost<Req, Res> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// One direction of [`Prost`].
pub(crate) struct Half<M>(PhantomData<M>);

impl<Req, Res> Codec for Prost<Req, Res>
where
    Req: Message + Default + 'static,
    Res: Message + 'static,
{
    type Encode = Res;
    type Decode = Req;
    type Encoder = Half<Res>;
    type Decoder = Half<Req>;

    fn encoder(&mut self) -> Half<Res> {
        Half(PhantomData)
    }

    fn decoder(&mut self) -> Half<Req> {
        Half(PhantomData)
    }
}

impl<M: Message + 'static> Encoder for Half<M> {
    type Item = M;
    type Error = Status;

    fn encode(&mut self, item: M, dst: &mut EncodeBuf<'_>) -> Result<(), Status> {
        dst.reserve(item.encoded_len());
        item.encode(dst).map_err(|error| Status::internal(format!("grpc: error while marshaling: {error}")))
    }
}

impl<M: Message + Default + 'static> Decoder for Half<M> {
    type Item = M;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<M>, Status> {
        // The frame is held in one piece: cutting it out lets payloads share it without a copy.
        let frame = src.copy_to_bytes(src.remaining());
        M::decode(frame).map(Some).map_err(|error| unreadable(&error))
    }
}

/// Hands messages on as they are encoded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, dst: &mut EncodeBuf<'_>) -> Result<(), Status> {
        dst.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(src.copy_to_bytes(src.remaining())))
    }
}

/// The reference's answer to bytes that are not the message.
fn unreadable(error: &prost::DecodeError) -> Status {
    let text = error.to_string();
    let reason = if text.contains("UTF-8") {
        "string field contains invalid UTF-8".to_owned()
    } else {
        "proto:\u{a0}cannot parse invalid wire-format data".to_owned()
    };
    Status::internal(format!("grpc: error unmarshalling request: {reason}"))
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::workflowservice::v1::StartWorkflowExecutionRequest;

    use super::*;

    fn refusal(bytes: &[u8]) -> (tonic::Code, String) {
        let status = unreadable(&StartWorkflowExecutionRequest::decode(bytes).unwrap_err());
        (status.code(), status.message().to_owned())
    }

    #[test]
    fn bytes_that_are_no_message_are_refused_as_on_the_reference() {
        let internal = |reason: &str| (tonic::Code::Internal, format!("grpc: error unmarshalling request: {reason}"));
        assert_eq!(refusal(b"\x0a\x02\xff\xfe"), internal("string field contains invalid UTF-8"));
        assert_eq!(refusal(b"\x0a\x05ab"), internal("proto:\u{a0}cannot parse invalid wire-format data"));
    }
}
