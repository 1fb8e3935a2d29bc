//! Raw gRPC: bytes out, bytes or a status back. The generated clients are left out on purpose, since they cannot send a
//! malformed message and would hide fields that they do not know.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use tonic::{
    Request, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    metadata::{MetadataMap, MetadataValue},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
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
    /// What goes with every call.
    metadata: MetadataMap,
}

/// What a client of a secured server trusts and shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pass {
    /// The authority of the server's certificate, as PEM.
    pub(crate) trusted: String,
    /// An API key; empty: none.
    pub(crate) key: String,
    /// A client's certificate and its private key, as PEM.
    pub(crate) certificate: Option<(String, String)>,
    /// The name that the client asks for by SNI; empty: it goes by the address.
    pub(crate) server_name: String,
}

/// The way into a namespace of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    port: u16,
    pub(crate) namespace: &'static str,
    /// None: the server is open. As long-lived as the process, of which there are few.
    pass: Option<&'static Pass>,
}

impl Way {
    /// The way into the development server's namespace.
    pub(crate) fn open(port: u16) -> Way {
        Way { port, namespace: "default", pass: None }
    }

    /// The way into a namespace of a secured server.
    pub(crate) fn secured(port: u16, namespace: &'static str, pass: Pass) -> Way {
        Way { port, namespace, pass: Some(Box::leak(Box::new(pass))) }
    }

    /// A connection of its own.
    pub(crate) fn wire(self) -> Result<Wire, Fault> {
        match self.pass {
            None => Wire::to(self.port),
            Some(pass) => Wire::secured(self.port, pass)?.showing("temporal-namespace", self.namespace.as_bytes()),
        }
    }
}

impl Wire {
    /// Connects to `127.0.0.1:port` when first used.
    pub(crate) fn to(port: u16) -> Result<Wire, Fault> {
        let channel = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?.connect_lazy();
        Ok(Wire { channel, metadata: MetadataMap::new() })
    }

    /// Connects to a secured port of `127.0.0.1` when first used.
    pub(crate) fn secured(port: u16, pass: &Pass) -> Result<Wire, Fault> {
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&pass.trusted));
        if let Some((certificate, key)) = &pass.certificate {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        if !pass.server_name.is_empty() {
            tls = tls.domain_name(&pass.server_name);
        }
        let channel = Endpoint::from_shared(format!("https://127.0.0.1:{port}"))?.tls_config(tls)?.connect_lazy();
        let wire = Wire { channel, metadata: MetadataMap::new() };
        if pass.key.is_empty() {
            Ok(wire)
        } else {
            wire.showing("authorization", format!("Bearer {}", pass.key).as_bytes())
        }
    }

    /// The same connection with one more header on every call. Bytes above 127 are allowed.
    pub(crate) fn showing(&self, header: &'static str, value: &[u8]) -> Result<Wire, Fault> {
        let mut wire = self.clone();
        wire.metadata.insert(header, MetadataValue::try_from(value)?);
        Ok(wire)
    }

    /// What goes with every call.
    pub(crate) fn metadata(&self) -> &MetadataMap {
        &self.metadata
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
        *request.metadata_mut() = self.metadata.clone();
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
