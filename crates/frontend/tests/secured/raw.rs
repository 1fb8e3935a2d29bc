//! Calls of any method by its descriptor.

use std::time::Duration;

use bytes::Bytes;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, ReflectMessage, Value};
use tonic::{Code, Status, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};
use transport::Raw;

use crate::world::with;

/// The API's descriptors.
pub(crate) fn pool() -> DescriptorPool {
    DescriptorPool::from_file_descriptor_set(proto::closed_descriptor_set().unwrap()).unwrap()
}

/// `/package.Service/Method`.
pub(crate) fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// A method's request with these fields, as far as it has them.
pub(crate) fn request(method: &MethodDescriptor, fields: &[(&str, Value)]) -> DynamicMessage {
    let mut message = DynamicMessage::new(method.input());
    for (name, value) in fields {
        if message.descriptor().get_field_by_name(name).is_some() {
            let _ = message.try_set_field_by_name(name, value.clone());
        }
    }
    message
}

/// A client, by what it shows: a channel, which may have a certificate, a key, and the namespace's header.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) channel: Channel,
    pub(crate) key: String,
    pub(crate) namespace: String,
    /// How long a call may wait for work.
    pub(crate) patience: Duration,
}

/// Longer than anything takes here but a wait for work that never comes.
pub(crate) const LONG: Duration = Duration::from_secs(20);

impl Client {
    pub(crate) async fn call(&self, path: &str, message: Vec<u8>) -> Result<Bytes, Status> {
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
        let mut request = with(Bytes::from(message), &self.key, &self.namespace);
        request.set_timeout(self.patience);
        let path = PathAndQuery::try_from(path).unwrap();
        client.unary(request, path, Raw).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn code(&self, path: &str, message: Vec<u8>) -> Code {
        self.call(path, message).await.map_or_else(|status| status.code(), |_| Code::Ok)
    }
}
