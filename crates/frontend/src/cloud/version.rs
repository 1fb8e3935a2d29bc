//! The version that a client of the Cloud Operations API says it was built for: the header
//! `temporal-cloud-api-version`.
//!
//! Clients send a release of the API (`v0.17.1`) or, older ones, a day with a number (`2024-05-13-00`). Fields that only
//! some versions have are always filled, so that here only a version that there can't be is refused.

use model::Reject;
use tonic::codegen::http::HeaderMap;

/// The header.
pub(crate) const HEADER: &str = "temporal-cloud-api-version";
/// The newest release whose messages are served, major and minor.
const NEWEST: (u32, u32) = (0, 19);

/// Whether a client of the version that the headers name is served; one that names none is.
///
/// # Errors
/// `InvalidArgument` with the text that clients know.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Reject> {
    let Some(value) = headers.get(HEADER) else { return Ok(()) };
    let text = value.to_str().unwrap_or("?");
    if text.is_empty() || is_release(text) || is_day(text) {
        return Ok(());
    }
    Err(Reject::invalid("API version specified is invalid"))
}

fn is_release(text: &str) -> bool {
    let numbers: Option<Vec<u32>> =
        text.strip_prefix('v').unwrap_or(text).split('.').map(|number| number.parse().ok()).collect();
    matches!(numbers.as_deref(), Some([major, minor, _]) if (*major, *minor) <= NEWEST)
}

/// `YYYY-MM-DD-NN`.
fn is_day(text: &str) -> bool {
    let lengths = [4, 2, 2, 2];
    let parts: Vec<_> = text.split('-').collect();
    let are_numbers = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let number = |index: usize| parts.get(index).and_then(|part| part.parse::<u32>().ok()).unwrap_or_default();
    are_numbers
        && parts.iter().map(|part| part.len()).eq(lengths)
        && (1..=12).contains(&number(1))
        && (1..=31).contains(&number(2))
}

#[cfg(test)]
mod tests {
    use tonic::codegen::http::HeaderValue;

    use super::*;

    #[test]
    fn versions_that_clients_send_are_taken_and_others_refused() {
        let taken = ["v0.10.0", "v0.17.1", "v0.19.1", "0.18.0", "2025-07-09-00", "2024-05-13-00", ""];
        let refused =
            ["v1.0.0", "v0.20.0", "v0.19", "latest", "2024-13-13-00", "2024-05-13", "v0.x.1", "v0.1.2.3", "é"];
        assert_eq!(check(&HeaderMap::new()), Ok(()));
        for (versions, is_taken) in [(&taken[..], true), (&refused[..], false)] {
            for version in versions {
                let mut headers = HeaderMap::new();
                headers.insert(HEADER, HeaderValue::from_bytes(version.as_bytes()).unwrap());
                let text = check(&headers).map_err(|reject| reject.message);
                let expected = if is_taken { Ok(()) } else { Err("API version specified is invalid".to_owned()) };
                assert_eq!(text, expected, "{version}");
            }
        }
    }
}
