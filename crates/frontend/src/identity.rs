//! Who calls: what the connection and the headers say, before anything of the message is read.

use std::{sync::Arc, time::Duration};

use auth::{Caller, Credentials, Policy};
use model::{Kind, Reject};
use tonic::codegen::http::{HeaderMap, Request, header};

use crate::{
    door::{Client, Door},
    listen::Peer,
    version,
};

/// Longest `authorization` header of a secured server; tokens of identity providers stay far below it.
const LONGEST_AUTHORIZATION: usize = 16 * 1024;
/// Where a client says which namespace its calls are for.
const NAMESPACE: &str = "temporal-namespace";

/// Who sends this request.
///
/// # Errors
/// `Unauthenticated` when what the caller shows is not good; `InvalidArgument` when its headers can't be read.
pub(crate) fn identify<B>(door: &Door, request: &Request<B>) -> Result<Client, Reject> {
    let headers = request.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let peer = request.extensions().get::<Arc<Peer>>().cloned().unwrap_or_default();
    let (authorization, namespace) = match door.policy {
        Policy::Open => (None, None),
        Policy::Secured(_) => (authorization(headers)?, namespace(headers)?),
    };
    let authority = request.uri().authority().map(|authority| authority.as_str()).or_else(|| text("host"));
    let credentials = Credentials {
        plane: peer.plane,
        authorization,
        peer_certificates: &peer.certificates,
        server_name: peer.server_name.as_deref(),
        authority,
        namespace_header: namespace,
    };
    let caller = door.policy.identify(&credentials, door.engine.now())?;
    let features = text("supported-features").unwrap_or_default();
    let header = |name: &str| text(name).unwrap_or_default();
    let version = version::check(
        header("client-name"),
        header("client-version"),
        header("supported-server-versions"),
        door.about.server_version,
    );
    Ok(Client {
        caller,
        version,
        namespace: namespace.map(str::to_owned),
        deadline: text("grpc-timeout").and_then(timeout).map(|timeout| door.engine.now() + timeout),
        follows_next_run: features.split(',').any(|feature| feature.trim() == "follows-next-run-id"),
    })
}

/// Whether the caller may have its message read: one that showed nothing only where nothing is asked for.
///
/// # Errors
/// `Unauthenticated`.
pub(crate) fn admit(door: &Door, client: &Client, path: &str) -> Result<(), Reject> {
    match &client.caller {
        Caller::Stranger => door.policy.authorize(&client.caller, auth::permission(path), None),
        Caller::Anyone | Caller::Principal(_) | Caller::Certificate(_) => Ok(()),
    }
}

/// The one `authorization` header. What is wrong with it is said: its sender knows it, and nothing is compared yet.
fn authorization(headers: &HeaderMap) -> Result<Option<&str>, Reject> {
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

fn namespace(headers: &HeaderMap) -> Result<Option<&str>, Reject> {
    let mut values = headers.get_all(NAMESPACE).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.any(|other| other != value) {
        return Err(Reject::invalid(format!("the {NAMESPACE} headers name different namespaces")));
    }
    let text = value.to_str().map_err(|_| Reject::invalid(format!("the {NAMESPACE} header is not text")))?;
    Ok((!text.is_empty()).then_some(text))
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
