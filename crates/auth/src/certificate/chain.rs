//! From a client's certificate to an authority of the bundle.

use std::fmt;

use model::Time;

use super::bundle::ClientCa;
use crate::CertificateDer;

/// A client's certificate that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The subject as RFC 4514 writes it, for logs.
    pub subject: String,
    /// SHA-1 of its DER, lower-case hexadecimal.
    pub fingerprint: String,
    pub common_names: Vec<String>,
    pub organizations: Vec<String>,
    pub organizational_units: Vec<String>,
    /// DNS names, e-mail and IP addresses, URIs.
    pub subject_alternative_names: Vec<String>,
    pub not_before: Time,
    pub not_after: Time,
}

/// Why a client's certificate is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateRefusal {
    /// It is no certificate, or a rule for client certificates is broken.
    Malformed,
    /// No authority of the namespace stands behind it; also the answer when there is no namespace or bundle.
    UnknownIssuer,
    /// An authority of the namespace stands behind it, but it, or an issuer, has expired.
    Expired,
    /// An authority of the namespace stands behind it, but it, or an issuer, is not valid yet.
    NotYetValid,
    /// An authority of the namespace stands behind it, but it is an authority's own, or not for clients.
    WrongPurpose,
}

impl fmt::Display for CertificateRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CertificateRefusal::Malformed => "client certificate is malformed",
            CertificateRefusal::UnknownIssuer => "client certificate is not signed by a known authority",
            CertificateRefusal::Expired => "client certificate has expired",
            CertificateRefusal::NotYetValid => "client certificate is not valid yet",
            CertificateRefusal::WrongPurpose => "client certificate may not be used for this purpose",
        })
    }
}

impl ClientCa {
    /// Verifies the certificates that a client showed, its own first.
    ///
    /// # Errors
    /// Why they are not taken. Of a certificate that no authority of the bundle stands behind, nothing but that.
    pub fn verify(&self, _chain: &[CertificateDer<'_>], _now: Time) -> Result<ClientCertificate, CertificateRefusal> {
        Err(CertificateRefusal::UnknownIssuer)
    }
}
