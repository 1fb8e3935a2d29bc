//! What the gate reads of a request's headers.

use model::{Kind, Reject};
use tonic::codegen::http::{HeaderMap, header};

/// Longest `authorization` header of a secured server; tokens of identity providers stay far below it.
const LONGEST_AUTHORIZATION: usize = 16 * 1024;
/// Where a client says which namespace its calls are for.
const NAMESPACE: &str = "temporal-namespace";

/// What clients say of themselves; an empty text where they do not, or where it can't be read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ClientHeaders<'h> {
    pub(crate) client_name: &'h str,
    pub(crate) client_version: &'h str,
    pub(crate) supported_server_versions: &'h str,
    pub(crate) supported_features: &'h str,
    pub(crate) caller_type: &'h str,
}

/// What a client says of itself. One way through all headers costs less than a search for each of these.
pub(crate) fn client_headers(headers: &HeaderMap) -> ClientHeaders<'_> {
    let (mut found, mut has) = (ClientHeaders::default(), [false; 5]);
    for (name, value) in headers {
        let (place, has) = match name.as_str() {
            "client-name" => (&mut found.client_name, &mut has[0]),
            "client-version" => (&mut found.client_version, &mut has[1]),
            "supported-server-versions" => (&mut found.supported_server_versions, &mut has[2]),
            "supported-features" => (&mut found.supported_features, &mut has[3]),
            "caller-type" => (&mut found.caller_type, &mut has[4]),
            _ => continue,
        };
        // The first of several counts.
        if !std::mem::replace(has, true) {
            *place = value.to_str().unwrap_or_default();
        }
    }
    found
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

#[cfg(test)]
mod tests {
    use tonic::codegen::http::{HeaderName, HeaderValue};

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
        let expected = ClientHeaders {
            client_name: "temporal-go",
            caller_type: "operator",
            supported_features: "a,b",
            ..ClientHeaders::default()
        };
        assert_eq!(client_headers(&headers), expected);
    }
}
