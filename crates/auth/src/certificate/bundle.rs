//! The bundle of certificate authorities of a namespace.

use std::fmt;

/// The certificate authorities that a namespace trusts, parsed.
#[derive(Debug)]
pub struct ClientCa {
    fingerprints: Vec<String>,
}

/// What is wrong with a bundle; its text is for the person who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleViolation {
    Empty,
}

impl fmt::Display for BundleViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BundleViolation::Empty => f.write_str("the CA bundle holds no certificate"),
        }
    }
}

impl ClientCa {
    /// Most certificates in a bundle.
    pub const MOST_CERTIFICATES: usize = 16;
    /// Longest bundle, in bytes of PEM.
    pub const MOST_BYTES: usize = 32 * 1024;

    /// Reads a bundle in PEM.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(_pem: &[u8]) -> Result<Self, BundleViolation> {
        Err(BundleViolation::Empty)
    }

    /// The fingerprint of each certificate in the order of the bundle: SHA-1 of its DER, lower-case hexadecimal.
    pub fn fingerprints(&self) -> &[String] {
        &self.fingerprints
    }
}
