//! What a client's certificate must be for the handshake to succeed.
//!
//! Where the server name stands for a namespace, the namespace's authorities decide here, and the client is told by the
//! alert of the protocol. A name without a namespace behind it takes no certificate, with the alerts that a foreign one
//! gets elsewhere: nobody learns that way which namespaces there are. For the same reason the server names no
//! authorities when it asks. Where no namespace is named, the client only proves that it holds the key; the gate looks
//! at the chain when the call says which namespace it is for.

use std::sync::Arc;

use auth::{CertificateRefusal, ClientCa};
use model::Time;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

/// Certificates in a chain; more are refused before any of them is read.
const LONGEST_CHAIN: usize = 10;

/// Whose certificates pass the handshake.
#[derive(Debug)]
pub(super) enum Trust {
    /// The gate decides later.
    Later,
    /// Those that these authorities of a namespace stand behind; the authorities of nobody where there is no namespace.
    Namespace(Arc<ClientCa>),
}

/// Looks at the certificate of one connection's client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) trust: Trust,
    pub(super) now: Time,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Client {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if issuers.len() >= LONGEST_CHAIN {
            return Err(CertificateError::BadEncoding.into());
        }
        match &self.trust {
            Trust::Later => {}
            Trust::Namespace(authorities) => {
                let chain: Vec<_> = std::iter::once(leaf).chain(issuers).cloned().collect();
                authorities.verify(&chain, self.now).map_err(refusal)?;
            }
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The library's name of a refusal, which decides the alert: `unknown_ca`, `certificate_expired` (RFC 8446 means not yet
/// valid ones by it, too), `unsupported_certificate` or `bad_certificate`.
fn refusal(refusal: CertificateRefusal) -> Error {
    let error = match refusal {
        CertificateRefusal::Malformed => CertificateError::BadEncoding,
        CertificateRefusal::UnknownIssuer => CertificateError::UnknownIssuer,
        CertificateRefusal::Expired => CertificateError::Expired,
        CertificateRefusal::NotYetValid => CertificateError::NotValidYet,
        CertificateRefusal::WrongPurpose => CertificateError::InvalidPurpose,
    };
    error.into()
}
