//! The Cloud Operations API as HTTP paths under `/cloud/`, with JSON bodies.
//!
//! Errors are a `google.rpc.Status` as JSON, under the HTTP status that the gRPC code is usually mapped to.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use model::Reject;
use prost_reflect::MessageDescriptor;
use tonic::{
    Code,
    body::Body,
    codegen::http::{Request, Response},
};
use transport::{http_status, retry_after, to_status};

use super::{
    Cloud, call, json,
    paths::{self, Found, NotFound},
    version,
};
use crate::query;

/// The start of all these paths.
pub(super) const ROOT: &str = "/cloud/";

/// Answers one request.
pub(super) async fn answer(cloud: Arc<Cloud>, request: Request<Body>) -> Response<Body> {
    let began = cloud.context.engine.now();
    let found = match paths::find(request.method(), request.uri().path()) {
        Ok(found) => found,
        Err(NotFound::Verb) => return unanswerable(StatusCode::METHOD_NOT_ALLOWED, request.method()),
        Err(NotFound::Path) => return unanswerable(StatusCode::NOT_FOUND, request.method()),
    };
    let method = found.method;
    let (response, code) = match carried(&cloud, found, request).await {
        Ok(json) => (written(StatusCode::OK, json), Code::Ok),
        Err(reject) => {
            let status = to_status(&reject);
            let json = json::status(status.code() as i32, status.message(), status.details());
            let mut response = written(http_status(status.code()), json);
            retry_after(&reject, response.headers_mut());
            (response, status.code())
        }
    };
    cloud.context.metrics.record(method, code, cloud.context.engine.now().since(began));
    response
}

async fn carried(cloud: &Arc<Cloud>, found: Found, request: Request<Body>) -> Result<Vec<u8>, Reject> {
    let admitted = call::admit(cloud, &request)?;
    let method = found.method;
    let messages = json::method(method).ok_or_else(|| Reject::unimplemented(method))?;
    match encoded(cloud, found, &messages.input(), request).await {
        Ok(encoded) => json::response(messages.output(), &call::call(cloud, admitted, method, encoded.into()).await?),
        Err(refusal) => {
            call::note(cloud, admitted, method, &refusal).await;
            Err(refusal)
        }
    }
}

/// The request's message, as the version that its client speaks has it.
async fn encoded(
    cloud: &Cloud,
    found: Found,
    message: &MessageDescriptor,
    request: Request<Body>,
) -> Result<Vec<u8>, Reject> {
    version::check(request.headers())?;
    let pairs = query::pairs(request.uri().query().unwrap_or_default());
    let pairs = pairs.ok_or_else(|| Reject::invalid("the query is not percent-encoded UTF-8"))?;
    let takes_body = request.method() == Method::POST;
    let body = read(request.into_body(), cloud.context.limits().message_size).await?;
    let body = if takes_body { body } else { Bytes::new() };
    let fields = pairs.iter().map(|(name, value)| (name.as_str(), value.clone()));
    // The path stands last: it names what the caller's rights are looked up for, and nothing stands over it.
    let fields = fields.chain(found.fields.iter().map(|(name, value)| (*name, value.clone())));
    json::request(message, &body, fields)
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Reject> {
    let text = format!("the body can't be read, or is larger than {limit} bytes");
    Limited::new(body, limit).collect().await.map(|body| body.to_bytes()).map_err(|_| Reject::invalid(text))
}

/// What there is no method for.
fn unanswerable(status: StatusCode, verb: &Method) -> Response<Body> {
    let text = match status {
        StatusCode::METHOD_NOT_ALLOWED => format!("there is no {verb} for this path"),
        _ => "there is no such path".to_owned(),
    };
    let code = if status == StatusCode::METHOD_NOT_ALLOWED { Code::Unimplemented } else { Code::NotFound };
    written(status, json::status(code as i32, &text, &[]))
}

fn written(status: StatusCode, json: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::from(json)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
