//! What the gate reads of a request's headers.

use std::time::Duration;

use model::{Kind, Reject};
use tonic::codegen::http::{HeaderMap, header};

/// Longest `authorization` header of a secured server; tokens of identity providers stay far below it.
const LONGEST_AUTHORIZATION: usize = 16 * 1024;
/// Where a client says which namespace its calls are for.
const NAMESPACE: &str = "temporal-namespace";

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
    headers.get("grpc-timeout")?.to_str().ok().and_then(timeout)
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
    use super::*;

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
