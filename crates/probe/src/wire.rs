//! Raw gRPC: bytes out, bytes or a status back. The generated clients are left out on purpose, since they cannot send a
//! malformed message and would hide fields that they do not know.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use tonic::{
    Request, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};

use crate::Fault;

/// Replies up to this size are read, in bytes.
const LARGEST_REPLY: usize = 64 << 20;
/// How much longer than the deadline that the server knows a client waits, so that the server's answer is seen.
const GRACE: Duration = Duration::from_secs(10);

/// A connection to one server.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    channel: Channel,
}

impl Wire {
    /// Connects to `127.0.0.1:port` when first used.
    pub(crate) fn to(port: u16) -> Result<Wire, Fault> {
        let channel = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?.connect_lazy();
        Ok(Wire { channel })
    }

    /// The channel, for the generated clients.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Sends one unary call. A server that outlives the deadline by ten seconds yields `CANCELLED` with a text that
    /// says so.
    pub(crate) async fn call(&self, path: &PathAndQuery, body: Bytes, deadline: Duration) -> Result<Bytes, Status> {
        let mut grpc = tonic::client::Grpc::new(self.channel.clone()).max_decoding_message_size(LARGEST_REPLY);
        grpc.ready().await.map_err(|error| Status::unavailable(format!("probe: not connected: {error}")))?;
        let mut request = Request::new(body);
        request.set_timeout(deadline);
        request.metadata_mut().insert("client-name", tonic::metadata::MetadataValue::from_static("temporal-rust"));
        request.metadata_mut().insert("client-version", tonic::metadata::MetadataValue::from_static("1.0.0"));
        let call = grpc.unary(request, path.clone(), Opaque);
        match tokio::time::timeout(deadline + GRACE, call).await {
            Ok(answer) => answer.map(tonic::Response::into_inner),
            Err(_) => Err(Status::cancelled("probe: no answer ten seconds after the deadline")),
        }
    }
}

/// Passes messages through unread.
#[derive(Debug, Default)]
struct Opaque;

impl Codec for Opaque {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Opaque;
    type Decoder = Opaque;

    fn encoder(&mut self) -> Opaque {
        Opaque
    }

    fn decoder(&mut self) -> Opaque {
        Opaque
    }
}

impl Encoder for Opaque {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Opaque {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
