//! Every method of the API by its short name, with its messages: what turns JSON into request bytes and reply bytes
//! into JSON without a generated type in between.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;
use tonic::codegen::http::uri::PathAndQuery;

use crate::Fault;

/// Services whose methods are known by their short name.
const SERVICES: [&str; 2] =
    ["temporal.api.workflowservice.v1.WorkflowService", "temporal.api.operatorservice.v1.OperatorService"];

/// One RPC.
#[derive(Debug, Clone)]
pub(crate) struct Method {
    pub(crate) path: PathAndQuery,
    pub(crate) input: MessageDescriptor,
    pub(crate) output: MessageDescriptor,
}

/// The methods and messages of the API.
#[derive(Debug)]
pub(crate) struct Catalog {
    pool: DescriptorPool,
    methods: BTreeMap<String, Method>,
}

impl Catalog {
    /// Reads the descriptor set of the API.
    pub(crate) fn load() -> Result<Catalog, Fault> {
        let pool = DescriptorPool::from_file_descriptor_set(proto::closed_descriptor_set()?)?;
        let mut methods = BTreeMap::new();
        for service in pool.services().filter(|service| SERVICES.contains(&service.full_name())) {
            for method in service.methods() {
                let path = PathAndQuery::try_from(format!("/{}/{}", service.full_name(), method.name()))?;
                let entry = Method { path, input: method.input(), output: method.output() };
                methods.insert(method.name().to_owned(), entry);
            }
        }
        Ok(Catalog { pool, methods })
    }

    /// Every method of a service, by its full name, with the method's short name.
    pub(crate) fn service(&self, name: &str) -> Result<Vec<(String, Method)>, Fault> {
        let service = self.pool.get_service_by_name(name).ok_or_else(|| format!("no service {name:?} in the API"))?;
        let method = |method: prost_reflect::MethodDescriptor| {
            let path = PathAndQuery::try_from(format!("/{name}/{}", method.name()))?;
            Ok((method.name().to_owned(), Method { path, input: method.input(), output: method.output() }))
        };
        service.methods().map(method).collect()
    }

    /// The method of that short name, as `StartWorkflowExecution`.
    pub(crate) fn method(&self, name: &str) -> Result<&Method, Fault> {
        self.methods.get(name).ok_or_else(|| format!("no method {name:?} in the API").into())
    }

    /// Encodes a request given as JSON in proto3's mapping.
    pub(crate) fn encode(&self, method: &Method, request: &Value) -> Result<Bytes, Fault> {
        let message =
            DynamicMessage::deserialize_with_options(method.input.clone(), request, &DeserializeOptions::new())
                .map_err(|error| format!("{}: {error} in {request}", method.path))?;
        Ok(message.encode_to_vec().into())
    }

    /// Decodes a reply into JSON, without fields at their default.
    pub(crate) fn decode(&self, method: &Method, reply: Bytes) -> Result<Value, Fault> {
        json(&DynamicMessage::decode(method.output.clone(), reply)?)
    }

    /// The details of a refusal: the messages inside its `google.rpc.Status`, as far as the API knows their types.
    pub(crate) fn details(&self, encoded: &[u8]) -> Result<Value, Fault> {
        if encoded.is_empty() {
            return Ok(Value::Array(Vec::new()));
        }
        let mut carried = proto::google::rpc::Status::decode(encoded)?;
        carried.details.retain(|detail| {
            let name = detail.type_url.rsplit('/').next().unwrap_or_default();
            self.pool.get_message_by_name(name).is_some()
        });
        let status = self.pool.get_message_by_name("google.rpc.Status").ok_or("no google.rpc.Status in the API")?;
        let mut status = json(&DynamicMessage::decode(status, carried.encode_to_vec().as_slice())?)?;
        Ok(status.get_mut("details").map(Value::take).unwrap_or_default())
    }
}

/// Writes a message in proto3's JSON mapping, except that 64-bit integers stay numbers.
fn json(message: &DynamicMessage) -> Result<Value, Fault> {
    let options = SerializeOptions::new().stringify_64_bit_integers(false);
    Ok(message.serialize_with_options(serde_json::value::Serializer, &options)?)
}
