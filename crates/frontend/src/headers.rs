//! What the gate reads of a request's headers.

use std::time::Duration;

use model::{Kind, Reject};
use tonic::codegen::http::{HeaderMap, HeaderName, header};

/// Longest `authorization` header of a secured server; tokens of identity providers stay far below it.
const LONGEST_AUTHORIZATION: usize = 16 * 1024;
/// Where a client says which namespace its calls are for.
const NAMESPACE: &str = "temporal-namespace";
// Names that are looked for in every call are read once.
static TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
static ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// What clients say of themselves; an empty text where they do not, or where it can't be read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told<'h> {
    pub(crate) client_name: &'h str,
    pub(crate) client_version: &'h str,
    pub(crate) supported_server_versions: &'h str,
    pub(crate) supported_features: &'h str,
    pub(crate) caller_type: &'h str,
}

/// What a client says of itself. One way through all headers costs less than a search for each of these.
pub(crate) fn told(headers: &HeaderMap) -> Told<'_> {
    let (mut told, mut has) = (Told::default(), [false; 5]);
    for (name, value) in headers {
        let (place, has) = match name.as_str() {
            "client-name" => (&mut told.client_name, &mut has[0]),
            "client-version" => (&mut told.client_version, &mut has[1]),
            "supported-server-versions" => (&mut told.supported_server_versions, &mut has[2]),
            "supported-features" => (&mut told.supported_features, &mut has[3]),
            "caller-type" => (&mut told.caller_type, &mut has[4]),
            _ => continue,
        };
        // The first of several counts.
        if !std::mem::replace(has, true) {
            *place = value.to_str().unwrap_or_default();
        }
    }
    told
}

/// Whether the messages are encoded in some way, and in which.
pub(crate) fn encoding(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(&ENCODING).map(|value| value.as_bytes())
}

/// The one `authorization` header. What is wrong with it is said: its sender knows it, and nothing is compared yet.
///
/// # Errors
/// `Unauthenticated`.
pub(crate) fn authorization(headers: &HeaderMap) -> Result<Option<&str>, Reject> {
    let refused = |text: String| Reject::new(Kind::Unauthenticated, text);
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refused("request not authenticated: more than one authorization header".to_owned()));
    }
    if value.len() > LONGEST_AUTHORIZATION {
        return Err(refused(format!(
            "request not authenticated: the authorization header has {} bytes, at most {LONGEST_AUTHORIZATION} are read",
            value.len()
        )));
    }
    let text = value.to_str();
    text.map(Some).map_err(|_| refused("request not authenticated: the authorization header is not text".to_owned()))
}

/// The namespace that a header names; an empty text is none.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn namespace(headers: &HeaderMap) -> Result<Option<&str>, Reject> {
    let mut values = headers.get_all(NAMESPACE).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.any(|other| other != value) {
        return Err(Reject::invalid(format!("the {NAMESPACE} headers name different namespaces")));
    }
    let text = value.to_str().map_err(|_| Reject::invalid(format!("the {NAMESPACE} header is not text")))?;
    Ok((!text.is_empty()).then_some(text))
}

/// How long the caller waits, if it says so.
pub(crate) fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
    headers.get(&TIMEOUT)?.to_str().ok().and_then(timeout)
}

/// The gRPC protocol's timeout: at most eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3_600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tonic::codegen::http::HeaderValue;

    use super::*;

    #[test]
    fn of_what_a_client_says_twice_the_first_counts() {
        let mut headers = HeaderMap::new();
        let says = |name: &str| HeaderName::from_bytes(name.as_bytes()).unwrap();
        for (name, value) in [
            ("client-name", "temporal-go"),
            ("client-name", "temporal-java"),
            ("client-version", "\u{e9}"),
            ("client-version", "1.2.3"),
            ("caller-type", "operator"),
            ("supported-features", "a,b"),
            ("client", "x"),
        ] {
            headers.append(says(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let expected =
            Told { client_name: "temporal-go", caller_type: "operator", supported_features: "a,b", ..Told::default() };
        assert_eq!(told(&headers), expected);
    }

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        let rows = [
            ("1H", Some(3_600_000_000_000)),
            ("2M", Some(120_000_000_000)),
            ("30S", Some(30_000_000_000)),
            ("1500m", Some(1_500_000_000)),
            ("7u", Some(7_000)),
            ("9n", Some(9)),
            ("99999999H", Some(99_999_999 * 3_600_000_000_000_u128)),
            ("", None),
            ("S", None),
            ("5", None),
            ("123456789S", None),
            ("-5S", None),
            ("1é", None),
        ];
        for (text, nanos) in rows {
            assert_eq!(timeout(text).map(|timeout| timeout.as_nanos()), nanos, "{text}");
        }
    }
}
