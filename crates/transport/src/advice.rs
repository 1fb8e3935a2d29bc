//! What a refusal for now tells beside its detail: which limit was reached, what sets it, and when to try again. These
//! are details after the first one, which is all that SDKs look at, so that texts stay those that clients know.

use std::{collections::BTreeMap, time::Duration};

use model::{Advice, Kind, Reject, limits};
use prost::{Message, Name};
use prost_types::Any;
use tonic::codegen::http::{HeaderMap, HeaderValue, header::RETRY_AFTER};

/// `google.rpc.ErrorInfo`, of which the API's descriptors have no copy.
#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    metadata: BTreeMap<String, String>,
}

impl Name for ErrorInfo {
    const NAME: &'static str = "ErrorInfo";
    const PACKAGE: &'static str = "google.rpc";
}

/// `google.rpc.RetryInfo`, likewise.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

impl Name for RetryInfo {
    const NAME: &'static str = "RetryInfo";
    const PACKAGE: &'static str = "google.rpc";
}

/// The details beside a refusal's own.
pub(crate) fn details(kind: &Kind) -> impl Iterator<Item = Any> {
    let advice = match kind {
        Kind::ResourceExhausted { advice, .. } => *advice,
        _ => Advice::default(),
    };
    let limit = advice.limit.map(|(name, value)| packed(&about(name, value)));
    limit.into_iter().chain(advice.retry_after.map(|wait| packed(&RetryInfo { retry_delay: Some(span(wait)) })))
}

/// Tells an HTTP client when to try again, in whole seconds. Source: RFC 9110, section 10.2.3.
pub fn retry_after(reject: &Reject, headers: &mut HeaderMap) {
    if let Kind::ResourceExhausted { advice: Advice { retry_after: Some(wait), .. }, .. } = &reject.kind {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
}

fn about(name: &str, value: u64) -> ErrorInfo {
    let setting = limits::TABLE.iter().find(|entry| entry.name == name).map_or("", |entry| entry.setting);
    let metadata = [("key", format!("limits.{name}")), ("setting", setting.to_owned()), ("value", value.to_string())];
    ErrorInfo {
        reason: "LIMIT_REACHED".to_owned(),
        domain: "perdure".to_owned(),
        metadata: metadata.map(|(key, value)| (key.to_owned(), value)).into(),
    }
}

fn span(wait: Duration) -> prost_types::Duration {
    model::to_proto_duration(wait)
}

fn packed<M: Message + Name>(message: &M) -> Any {
    Any { type_url: format!("type.googleapis.com/{}", M::full_name()), value: message.encode_to_vec() }
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope};

    use super::*;

    #[test]
    fn the_limit_and_the_wait_are_told() {
        let (cause, scope) = (ResourceExhaustedCause::RpsLimit, ResourceExhaustedScope::Namespace);
        let kind = |advice| Kind::ResourceExhausted { cause, scope, advice };
        let advice = Advice { limit: Some(("id_length", 7)), retry_after: Some(Duration::from_millis(1_500)) };
        let told: Vec<_> = details(&kind(advice)).collect();
        let urls: Vec<_> = told.iter().map(|any| any.type_url.as_str()).collect();
        assert_eq!(urls, ["type.googleapis.com/google.rpc.ErrorInfo", "type.googleapis.com/google.rpc.RetryInfo"]);
        let info = ErrorInfo::decode(told[0].value.as_slice()).unwrap();
        let metadata: Vec<_> = info.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(metadata, [("key", "limits.id_length"), ("setting", "limit.maxIDLength"), ("value", "7")]);
        let wait = RetryInfo::decode(told[1].value.as_slice()).unwrap().retry_delay.unwrap();
        assert_eq!((wait.seconds, wait.nanos), (1, 500_000_000));
        assert_eq!(details(&kind(Advice::default())).count() + details(&Kind::NotFound).count(), 0);
    }
}
