//! API keys as JSON web tokens, signed with ECDSA over P-256 (ES256). Source: RFC 7515, RFC 7518 section 3.4, RFC 7519.
//!
//! What is on record of a token is its hash, so neither the signing key alone nor the records alone make a token that
//! is taken.

use std::fmt;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use model::{Reject, Time};
use ring::{
    digest,
    rand::SystemRandom,
    signature::{self, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::{Map, Value, json};

/// Who issues tokens, and for whom: the same words, as clients of the API know them.
const ISSUER: &str = "temporal.io";
const ALGORITHM: &str = "ES256";
/// Longest token that is read, in bytes; ours have about 400.
const MOST_BYTES: usize = 4096;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// The claims of an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub account_id: String,
    /// The owner: a user's or a service account's id (`sub`).
    pub principal_id: String,
    /// The key's id (`jti`).
    pub key_id: String,
    /// To the second (`exp`); what is below a second is cut off.
    pub expires_at: Time,
}

/// SHA-256 of a token: what is stored of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// Of a secret that nobody can guess; not for passwords.
    pub fn of(token: &str) -> Self {
        Self(sha256(token.as_bytes()))
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// A token as it is given out, once. It does not show in `Debug`.
#[derive(Clone)]
pub struct Token {
    text: String,
}

impl Token {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What to store.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A private key that signs tokens. It does not show in `Debug`.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    verifying_key: VerifyingKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid())
    }
}

impl SigningKey {
    /// A new key as PKCS#8 in PEM: a secret, for a file that only its owner may read.
    ///
    /// # Errors
    /// `Internal` when the system gives no randomness.
    pub fn generate_pem() -> Result<String, Reject> {
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| no_randomness())?;
        let text = STANDARD.encode(key.as_ref());
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Ok(pem)
    }

    /// Reads what [`SigningKey::generate_pem`] wrote.
    ///
    /// # Errors
    /// `Internal` when it is not a private key for P-256 as PKCS#8 in PEM.
    pub fn from_pem(pem: &str) -> Result<Self, Reject> {
        let unreadable = || Reject::internal("the signing key is not a private key for P-256 as PKCS#8 in PEM");
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| unreadable())?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der(), &SystemRandom::new())
                .map_err(|_| unreadable())?;
        let verifying_key = VerifyingKey::from_bytes(pair.public_key().as_ref());
        Ok(Self { pair, verifying_key })
    }

    /// The key's id, derived from its public half.
    pub fn kid(&self) -> &str {
        &self.verifying_key.kid
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.verifying_key.clone()
    }
}

/// The public half of a [`SigningKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    kid: String,
    /// The uncompressed point.
    point: Vec<u8>,
}

impl VerifyingKey {
    /// From the uncompressed point (65 bytes), as [`VerifyingKey::as_bytes`] gives it. Any other bytes are a key that
    /// verifies nothing.
    pub fn from_bytes(point: &[u8]) -> Self {
        let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
        let kid = sha256(point).iter().take(16).flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect();
        Self { kid, point: point.to_vec() }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.point
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }
}

/// Makes the token of a new API key.
///
/// # Errors
/// `Internal` when the system gives no randomness.
pub fn mint(claims: &Claims, key: &SigningKey) -> Result<Token, Reject> {
    let header = json!({ "alg": ALGORITHM, "kid": key.kid() });
    let body = json!({
        "account_id": claims.account_id,
        "aud": [ISSUER],
        "exp": claims.expires_at.0.div_euclid(NANOS_PER_SECOND),
        "iss": ISSUER,
        "jti": claims.key_id,
        "sub": claims.principal_id,
    });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut text = format!("{}.{}", encode(&header), encode(&body));
    let signature = key.pair.sign(&SystemRandom::new(), text.as_bytes()).map_err(|_| no_randomness())?;
    text.push('.');
    text.push_str(&URL_SAFE_NO_PAD.encode(signature.as_ref()));
    Ok(Token { text })
}

fn no_randomness() -> Reject {
    Reject::internal("the system gives no randomness")
}

/// A token that somebody showed, read but not verified.
pub(crate) struct Shown<'a> {
    pub(crate) kid: String,
    pub(crate) claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Shown<'a> {
    /// `None` for what is no token of ours in form: other parts, algorithm, issuer or audience.
    pub(crate) fn read(token: &'a str) -> Option<Self> {
        if token.len() > MOST_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, body) = signed.split_once('.')?;
        let header = object(header)?;
        // An extension that must be understood ("crit") is one that is not.
        if text(&header, "alg")? != ALGORITHM || header.contains_key("crit") {
            return None;
        }
        let body = object(body)?;
        if text(&body, "iss")? != ISSUER || !is_for_us(body.get("aud")?) {
            return None;
        }
        let claims = Claims {
            account_id: text(&body, "account_id")?.to_owned(),
            principal_id: text(&body, "sub")?.to_owned(),
            key_id: text(&body, "jti")?.to_owned(),
            expires_at: Time(body.get("exp")?.as_i64()?.saturating_mul(NANOS_PER_SECOND)),
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self { kid: text(&header, "kid")?.to_owned(), claims, signed, signature })
    }

    pub(crate) fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.point)
            .verify(self.signed.as_bytes(), &self.signature)
            .is_ok()
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()? {
        Value::Object(fields) => Some(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name)?.as_str()
}

/// The audience is one word or a list of them.
fn is_for_us(audience: &Value) -> bool {
    match audience.as_array() {
        Some(all) => all.iter().any(|one| one == ISSUER),
        None => audience == ISSUER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            account_id: "a2dd6".into(),
            principal_id: "0123456789abcdef0123456789abcdef".into(),
            key_id: "K".repeat(32),
            expires_at: Time(1_900_000_000 * NANOS_PER_SECOND),
        }
    }

    fn key() -> SigningKey {
        SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap()
    }

    /// A token whose header and body are as given, well signed.
    fn signed(header: &Value, body: &Value, key: &SigningKey) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", encode(header), encode(body));
        let signature = key.pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn body() -> Value {
        json!({ "account_id": "a2dd6", "aud": ["temporal.io"], "exp": 1, "iss": "temporal.io", "jti": "k", "sub": "p" })
    }

    #[test]
    fn a_token_is_read_as_it_was_minted() {
        let key = key();
        let token = mint(&claims(), &key).unwrap();
        let shown = Shown::read(token.as_str()).unwrap();
        assert_eq!(shown.claims, claims());
        assert_eq!(shown.kid, key.kid());
        assert!(shown.is_signed_by(&key.verifying_key()));
        assert!(!shown.is_signed_by(&self::key().verifying_key()), "another key");
        assert!(!shown.is_signed_by(&VerifyingKey::from_bytes(b"no point")));
        assert!(!token.as_str().contains('='));
        let header = URL_SAFE_NO_PAD.decode(token.as_str().split('.').next().unwrap()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&header).unwrap(), json!({ "alg": "ES256", "kid": key.kid() }));
    }

    #[test]
    fn no_letter_of_a_token_can_be_changed() {
        let key = key();
        let token = mint(&claims(), &key).unwrap();
        for place in 0..token.as_str().len() {
            let mut changed = token.as_str().as_bytes().to_vec();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let is_taken = Shown::read(&changed).is_some_and(|shown| shown.is_signed_by(&key.verifying_key()));
            assert!(!is_taken, "letter {place}");
            assert_ne!(TokenHash::of(&changed), token.hash());
        }
    }

    #[test]
    fn a_token_of_another_form_is_none_of_ours() {
        let key = key();
        let header = json!({ "alg": "ES256", "kid": key.kid() });
        assert!(Shown::read(&signed(&header, &body(), &key)).is_some());
        let headers = [
            json!({ "alg": "none", "kid": key.kid() }),
            json!({ "alg": "HS256", "kid": key.kid() }),
            json!({ "alg": "es256", "kid": key.kid() }),
            json!({ "alg": "ES256" }),
            json!({ "alg": "ES256", "kid": 7 }),
            json!({ "alg": "ES256", "kid": key.kid(), "crit": ["exp"] }),
            json!([]),
        ];
        for header in headers {
            assert!(Shown::read(&signed(&header, &body(), &key)).is_none(), "{header}");
        }
        let changes = [
            ("aud", json!(["example.test"])),
            ("aud", json!("example.test")),
            ("aud", json!([])),
            ("aud", json!(7)),
            ("iss", json!("example.test")),
            ("exp", json!("tomorrow")),
            ("jti", json!(null)),
            ("sub", json!(7)),
            ("account_id", json!({})),
        ];
        for (name, value) in changes {
            let mut changed = body();
            changed[name] = value.clone();
            assert!(Shown::read(&signed(&header, &changed, &key)).is_none(), "{name} {value}");
            changed.as_object_mut().unwrap().remove(name);
            assert!(Shown::read(&signed(&header, &changed, &key)).is_none(), "without {name}");
        }
        let mut one_word = body();
        one_word["aud"] = json!("temporal.io");
        assert!(Shown::read(&signed(&header, &one_word, &key)).is_some());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let token = mint(&claims(), &key()).unwrap();
        let text = token.as_str();
        let long = format!("{}.{}", "A".repeat(5000), text);
        let without_signature = &text[..=text.rfind('.').unwrap()];
        for other in ["", ".", "..", "...", "a.b.c", "é.é.é", &format!("{text}="), &format!("{text}.x"), &long] {
            assert!(Shown::read(other).is_none(), "{other}");
        }
        let unsigned = Shown::read(without_signature);
        assert!(!unsigned.is_some_and(|shown| shown.is_signed_by(&key().verifying_key())));
    }

    #[test]
    fn secrets_do_not_show() {
        let pem = SigningKey::generate_pem().unwrap();
        let key = SigningKey::from_pem(&pem).unwrap();
        let token = mint(&claims(), &key).unwrap();
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.kid()));
        let again = VerifyingKey::from_bytes(key.verifying_key().as_bytes());
        assert_eq!((again.kid(), again.as_bytes().len()), (key.kid(), 65));
        for other in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", &pem[..pem.len() / 2]] {
            let reject = SigningKey::from_pem(other).unwrap_err();
            assert!(other.is_empty() || !reject.message.contains(other));
        }
    }
}
