//! What the protocol reads of a request's headers, whatever the request is about.

use std::time::Duration;

use tonic::codegen::http::{HeaderMap, HeaderName};

// Names that are looked for in every call are read once.
static TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
static ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// The name of the encoding of a call's messages, such as `gzip`; `None` where the client names none.
pub fn encoding(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(&ENCODING).map(|value| value.as_bytes())
}

/// How long the caller waits, if it says so.
pub fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
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
