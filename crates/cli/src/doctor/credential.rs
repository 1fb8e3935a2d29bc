//! What can be said of an API key by reading it. Its signature can't be checked here, and whether it is disabled only
//! its server knows.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::Value;

/// The claims of a key, as far as they are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) key_id: Option<String>,
    pub(crate) account_id: Option<String>,
    pub(crate) expires: Option<Timestamp>,
}

/// What is wrong with a key by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no token of this kind: a part is missing, or it was cut.
    Malformed,
    Expired(Timestamp),
    /// It is of this account, and the namespace is of another one.
    OtherAccount {
        key: String,
        namespace: String,
    },
}

/// Reads a key: three parts with dots between, of which the second are the claims.
pub(crate) fn claims(key: &str) -> Option<Claims> {
    let parts: Vec<&str> = key.split('.').collect();
    let [header, body, signature] = parts.as_slice() else {
        return None;
    };
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    read(header)?;
    if URL_SAFE_NO_PAD.decode(signature).ok()?.is_empty() {
        return None;
    }
    let body = read(body)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let expires = body.get("exp").and_then(Value::as_i64).and_then(|seconds| Timestamp::from_second(seconds).ok());
    Some(Claims { key_id: text("jti"), account_id: text("account_id"), expires })
}

/// What is wrong with a key on the way to a namespace.
pub(crate) fn fault(key: &str, namespace: &str, now: Timestamp) -> Option<Fault> {
    let Some(claims) = claims(key) else {
        return Some(Fault::Malformed);
    };
    if let Some(expires) = claims.expires.filter(|expires| *expires <= now) {
        return Some(Fault::Expired(expires));
    }
    let (_, account) = namespace.rsplit_once('.')?;
    match claims.account_id {
        Some(key) if key != account => Some(Fault::OtherAccount { key, namespace: account.to_owned() }),
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part("{\"alg\":\"ES256\"}"), part(claims), part("signature"))
    }

    #[test]
    fn keys_are_judged_by_their_claims() {
        let now = Timestamp::from_second(1_000).unwrap();
        let good = key(r#"{"account_id":"a2dd6","jti":"k1","exp":2000}"#);
        assert_eq!(fault(&good, "ns.a2dd6", now), None);
        assert_eq!(fault(&good, "default", now), None);
        assert_eq!(claims(&good).unwrap().key_id.as_deref(), Some("k1"));
        let other = Fault::OtherAccount { key: "a2dd6".to_owned(), namespace: "b3ee7".to_owned() };
        assert_eq!(fault(&good, "ns.b3ee7", now), Some(other));
        let later = Timestamp::from_second(2_000).unwrap();
        assert_eq!(fault(&good, "ns.a2dd6", later), Some(Fault::Expired(later)));
        let cut: String = good.chars().take(30).collect();
        for bad in ["", "x", "a.b", "a.b.c", cut.as_str()] {
            assert_eq!(fault(bad, "ns.a2dd6", now), Some(Fault::Malformed), "{bad}");
        }
    }
}
