//! What a client's certificate must be for the handshake to succeed: one whose key the client holds, whichever authority signed it.
//!
//! Whose it is and whether it is good at this time the gate decides, with the first call that needs a right. There it can
//! say in words what is wrong; an alert has no words, and in TLS 1.3 it comes when the client has ended its side of the
//! handshake and has a call on the way, so that many clients tell only of the call that was cut. The gate also knows
//! which namespace is meant where the handshake names none. For foreign clients nothing is opened that way: one that shows no
//! certificate at all gets as far.

use tokio_rustls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

/// Takes every certificate that its holder shows, and none that another client shows.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Holder {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: the names of authorities would tell which namespaces there are.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _issuers: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
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
