//! Messages of the Cloud Operations API as JSON: by their descriptors, so that no message needs code of its own.

use std::sync::OnceLock;

use model::Reject;
use prost::Message;
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
};
use serde_json::{Map, Value};

use super::SERVICE;

/// A method's messages; `None` where this version has none.
pub(super) fn method(name: &str) -> Option<MethodDescriptor> {
    let service = pool()?.get_service_by_name(SERVICE)?;
    service.methods().find(|method| method.name() == name)
}

/// Built when it is asked for first: it is the whole API.
fn pool() -> Option<&'static DescriptorPool> {
    static POOL: OnceLock<Option<DescriptorPool>> = OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::from_file_descriptor_set(proto::closed_descriptor_set().ok()?).ok()).as_ref()
}

/// The encoded request that a body and the fields beside it make. A field of path or query stands over one of the body.
///
/// # Errors
/// `InvalidArgument` that says what does not fit the message.
pub(super) fn request<'a>(
    message: &MessageDescriptor,
    body: &[u8],
    fields: impl Iterator<Item = (&'a str, String)>,
) -> Result<Vec<u8>, Reject> {
    let mut json = if body.iter().all(u8::is_ascii_whitespace) {
        Map::new()
    } else {
        serde_json::from_slice(body)
            .map_err(|error| Reject::invalid(format!("the body is not a JSON object: {error}")))?
    };
    for (path, value) in fields {
        put(&mut json, message, path, value)?;
    }
    let unreadable = |error| Reject::invalid(format!("the request is not a {} in JSON: {error}", message.name()));
    DynamicMessage::deserialize(message.clone(), Value::Object(json))
        .map(|message| message.encode_to_vec())
        .map_err(unreadable)
}

/// Puts a field of path or query in its place.
fn put(json: &mut Map<String, Value>, message: &MessageDescriptor, path: &str, value: String) -> Result<(), Reject> {
    let unknown = || Reject::invalid(format!("{} has no field \"{path}\"", message.name()));
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let field = message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name)).ok_or_else(unknown)?;
    // A body may spell the name either way.
    let spelled = if json.contains_key(field.name()) { field.name() } else { field.json_name() };
    match (rest, field.kind()) {
        (Some(rest), Kind::Message(inner)) if field.cardinality() != Cardinality::Repeated => {
            let below = json.entry(spelled).or_insert_with(|| Value::Object(Map::new()));
            let below = below.as_object_mut().ok_or_else(unknown)?;
            put(below, &inner, rest, value)
        }
        (Some(_), _) => Err(unknown()),
        (None, _) if field.is_map() => Err(unknown()),
        (None, _) if field.is_list() => {
            let list = json.entry(spelled).or_insert_with(|| Value::Array(Vec::new()));
            list.as_array_mut().ok_or_else(unknown)?.push(scalar(&field, value));
            Ok(())
        }
        (None, _) => {
            json.insert(spelled.to_owned(), scalar(&field, value));
            Ok(())
        }
    }
}

/// A text as the JSON value that the field is written as. Numbers and times may stay text there.
fn scalar(field: &FieldDescriptor, value: String) -> Value {
    match (field.kind(), value.as_str()) {
        (Kind::Bool, "true") => Value::Bool(true),
        (Kind::Bool, "false") => Value::Bool(false),
        (Kind::Enum(_), text) => match text.parse::<i32>() {
            Ok(number) => Value::from(number),
            Err(_) => Value::String(value),
        },
        _ => Value::String(value),
    }
}

/// The JSON of an encoded response.
///
/// # Errors
/// `Internal`: the bytes are not the message.
pub(super) fn response(message: MessageDescriptor, bytes: &[u8]) -> Result<Vec<u8>, Reject> {
    let unwritable = |error: String| Reject::internal(format!("a response can't be written as JSON: {error}"));
    let message = DynamicMessage::decode(message, bytes).map_err(|error| unwritable(error.to_string()))?;
    let mut json = serde_json::to_vec(&message).map_err(|error| unwritable(error.to_string()))?;
    json.push(b'\n');
    Ok(json)
}

/// The JSON of a `google.rpc.Status`; `details` is the encoded status, as gRPC carries it, where there are any.
pub(super) fn status(code: i32, text: &str, details: &[u8]) -> Vec<u8> {
    let whole = pool().and_then(|pool| pool.get_message_by_name("google.rpc.Status"));
    let shown = whole.filter(|_| !details.is_empty()).and_then(|status| response(status, details).ok());
    shown.unwrap_or_else(|| {
        let mut json = serde_json::json!({ "code": code, "message": text, "details": [] }).to_string().into_bytes();
        json.push(b'\n');
        json
    })
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::cloud::cloudservice::v1::{
        CreateNamespaceRequest, GetNamespaceResponse, GetNamespacesRequest, UpdateNamespaceExportSinkRequest,
    };

    use super::*;

    fn read<M: Message + Default>(name: &str, body: &str, fields: &[(&'static str, &str)]) -> Result<M, String> {
        let method = method(name).unwrap();
        let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned()));
        request(&method.input(), body.as_bytes(), fields)
            .map(|bytes| M::decode(bytes.as_slice()).unwrap())
            .map_err(|reject| reject.message)
    }

    #[test]
    fn a_request_comes_from_body_path_and_query() {
        let made: CreateNamespaceRequest = read(
            "CreateNamespace",
            "{\"spec\": {\"name\": \"bank\", \"retention_days\": 7, \"apiKeyAuth\": {\"enabled\": true}}}",
            &[],
        )
        .unwrap();
        let spec = made.spec.unwrap();
        assert_eq!((spec.name.as_str(), spec.retention_days), ("bank", 7));
        assert!(spec.api_key_auth.unwrap().enabled);
        let listed: GetNamespacesRequest =
            read("GetNamespaces", "", &[("page_size", "3"), ("pageToken", "x"), ("name", "bank")]).unwrap();
        assert_eq!((listed.page_size, listed.page_token.as_str(), listed.name.as_str()), (3, "x", "bank"));
        let nested: UpdateNamespaceExportSinkRequest = read(
            "UpdateNamespaceExportSink",
            "{\"spec\": {\"enabled\": true}, \"namespace\": \"other\"}",
            &[("namespace", "bank.a2dd6"), ("spec.name", "sink")],
        )
        .unwrap();
        assert_eq!(nested.namespace, "bank.a2dd6");
        assert_eq!(nested.spec.map(|spec| (spec.name, spec.enabled)), Some(("sink".to_owned(), true)));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let text = |body, fields: &[_]| read::<GetNamespacesRequest>("GetNamespaces", body, fields).unwrap_err();
        assert!(text("[]", &[]).starts_with("the body is not a JSON object: "));
        assert_eq!(text("", &[("nope", "1")]), "GetNamespacesRequest has no field \"nope\"");
        assert!(text("", &[("page_size", "x")]).starts_with("the request is not a GetNamespacesRequest in JSON: "));
    }

    #[test]
    fn responses_and_refusals_are_written() {
        let output = method("GetNamespace").unwrap().output();
        let json = response(output, &GetNamespaceResponse::default().encode_to_vec()).unwrap();
        assert_eq!(json, b"{}\n");
        let refusal = status(5, "not \"there\"", b"");
        let read: Value = serde_json::from_slice(&refusal).unwrap();
        assert_eq!(read, serde_json::json!({ "code": 5, "message": "not \"there\"", "details": [] }));
    }
}
