//! API keys as JSON web tokens, signed with ECDSA over P-256 (ES256). Source: RFC 7515, RFC 7518 section 3.4, RFC 7519.

use std::fmt;

use model::{Kind, Reject, Time};

/// The header and claims of an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub account_id: String,
    /// The owner: a user's or a service account's id (`sub`).
    pub principal_id: String,
    /// The key's id (`jti`).
    pub key_id: String,
    /// To the second (`exp`).
    pub expires_at: Time,
}

/// SHA-256 of a token: what is stored of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

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
        TokenHash([0; 32])
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A private key that signs tokens. It does not show in `Debug`.
pub struct SigningKey {
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
        Err(Reject::new(Kind::Internal, "no signing key"))
    }

    /// Reads what [`SigningKey::generate_pem`] wrote.
    ///
    /// # Errors
    /// `Internal` when it is not a private key for P-256.
    pub fn from_pem(_pem: &str) -> Result<Self, Reject> {
        Err(Reject::new(Kind::Internal, "no signing key"))
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
    /// From the uncompressed point (65 bytes), as [`VerifyingKey::as_bytes`] gives it.
    pub fn from_bytes(point: &[u8]) -> Self {
        Self { kid: String::new(), point: point.to_vec() }
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
pub fn mint(_claims: &Claims, _key: &SigningKey) -> Result<Token, Reject> {
    Err(Reject::new(Kind::Internal, "no token"))
}
