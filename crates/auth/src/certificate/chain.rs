//! From a client's certificate to an authority of the bundle.
//!
//! What a client is told never depends on the bundle unless the bundle stands behind its certificate: otherwise a
//! foreign caller could try out which namespaces exist.

use std::{fmt, time::Duration};

use model::Time;
use rustls_pki_types::{SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, VerifiedPath, ring as algorithm};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    bundle::{ClientCa, Member},
    fields,
};
use crate::CertificateDer;

/// Signatures in a chain: RSA and ECDSA, with SHA-256 or stronger.
const SIGNATURES: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithm::ECDSA_P256_SHA256,
    algorithm::ECDSA_P256_SHA384,
    algorithm::ECDSA_P384_SHA256,
    algorithm::ECDSA_P384_SHA384,
    algorithm::RSA_PKCS1_2048_8192_SHA256,
    algorithm::RSA_PKCS1_2048_8192_SHA384,
    algorithm::RSA_PKCS1_2048_8192_SHA512,
    algorithm::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithm::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithm::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

/// A client's certificate that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The subject as one line, for logs.
    pub subject: String,
    /// SHA-1 of its DER, lower-case hexadecimal.
    pub fingerprint: String,
    pub common_names: Vec<String>,
    pub organizations: Vec<String>,
    pub organizational_units: Vec<String>,
    /// DNS names, e-mail and IP addresses, URIs, directory names.
    pub subject_alternative_names: Vec<String>,
    /// From when the whole chain is valid.
    pub not_before: Time,
    /// Until when the whole chain is valid.
    pub not_after: Time,
}

/// Why a client's certificate is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateRefusal {
    /// It is no certificate that can be read, or its DNS names break a rule.
    Malformed,
    /// No authority of the namespace stands behind it; also the answer when there is no namespace or bundle.
    UnknownIssuer,
    /// It, or one of its issuers, has expired.
    Expired,
    /// It, or one of its issuers, is not valid yet.
    NotYetValid,
    /// It is an authority's own, or not for clients, or may not sign.
    WrongPurpose,
}

impl fmt::Display for CertificateRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CertificateRefusal::Malformed => "the client certificate is malformed, or a DNS name is in its chain twice",
            CertificateRefusal::UnknownIssuer => "the client certificate is not signed by a CA of the namespace",
            CertificateRefusal::Expired => "the client certificate has expired",
            CertificateRefusal::NotYetValid => "the client certificate is not valid yet",
            CertificateRefusal::WrongPurpose => "the client certificate is not one for clients",
        })
    }
}

impl ClientCa {
    /// Verifies the certificates that a client showed, its own first.
    ///
    /// # Errors
    /// Why they are not taken. Of a certificate that no authority of the bundle stands behind, nothing but what
    /// [`ClientCa::nobody`] says of it.
    pub fn verify(&self, chain: &[CertificateDer<'_>], now: Time) -> Result<ClientCertificate, CertificateRefusal> {
        let Some((own, issuers)) = chain.split_first() else {
            return Err(CertificateRefusal::Malformed);
        };
        if issuers.len() > Self::MOST_CERTIFICATES {
            return Err(CertificateRefusal::Malformed);
        }
        let leaf = parse(own)?;
        let entity = EndEntityCert::try_from(own).map_err(|_| CertificateRefusal::Malformed)?;
        let at = unix(now);
        // First what its own certificates say, without the bundle; only then whether the bundle stands behind them.
        let verify = |anchors, issuers| -> Result<(), Error> {
            entity.verify_for_usage(SIGNATURES, anchors, issuers, at, KeyUsage::client_auth(), None, None).map(|_| ())
        };
        if let Err(error) = verify(&[], issuers) {
            refusal_of(&error)?;
        }
        if fields::key_usage(&leaf).is_some_and(|usage| !usage.digital_signature()) {
            return Err(CertificateRefusal::WrongPurpose);
        }
        let roots: Vec<&Member> = self.members.iter().filter(|member| member.anchor.is_some()).collect();
        let anchors: Vec<TrustAnchor<'_>> = roots.iter().filter_map(|root| root.anchor.clone()).collect();
        let between = self.members.iter().filter(|member| member.anchor.is_none()).map(|member| member.der.clone());
        let issuers: Vec<CertificateDer<'_>> = issuers.iter().cloned().chain(between).collect();
        let path = entity
            .verify_for_usage(SIGNATURES, &anchors, &issuers, at, KeyUsage::client_auth(), None, None)
            .map_err(|_| CertificateRefusal::UnknownIssuer)?;
        // A renewed root keeps its name and key: then the one that is valid counts.
        let ends = anchors.iter().zip(&roots).filter(|(anchor, _)| *anchor == path.anchor()).map(|(_, root)| *root);
        let root = ends.max_by_key(|root| (root.not_before <= now, root.not_after));
        certificate(own, &leaf, &path, root, now)
    }
}

/// The rules for a chain that an authority of the bundle stands behind.
fn certificate(
    own: &[u8],
    leaf: &X509Certificate<'_>,
    path: &VerifiedPath<'_>,
    root: Option<&Member>,
    now: Time,
) -> Result<ClientCertificate, CertificateRefusal> {
    let (mut not_before, mut not_after) = fields::validity(leaf);
    let names = fields::alternative_names(leaf);
    let mut dns_names = names.dns;
    for issuer in path.intermediate_certificates() {
        let der = issuer.der();
        let issuer = parse(&der)?;
        let (from, until) = fields::validity(&issuer);
        (not_before, not_after) = (not_before.max(from), not_after.min(until));
        dns_names.extend(fields::alternative_names(&issuer).dns);
    }
    if let Some(root) = root {
        (not_before, not_after) = (not_before.max(root.not_before), not_after.min(root.not_after));
        dns_names.extend(root.dns_names.iter().cloned());
    }
    // The library does not look at an anchor's own time.
    if now < not_before {
        return Err(CertificateRefusal::NotYetValid);
    }
    if now > not_after {
        return Err(CertificateRefusal::Expired);
    }
    dns_names.sort_unstable();
    if dns_names.windows(2).any(|two| two[0] == two[1]) {
        return Err(CertificateRefusal::Malformed);
    }
    let subject = leaf.subject();
    Ok(ClientCertificate {
        subject: subject.to_string(),
        fingerprint: fields::fingerprint(own),
        common_names: fields::texts(subject.iter_common_name()),
        organizations: fields::texts(subject.iter_organization()),
        organizational_units: fields::texts(subject.iter_organizational_unit()),
        subject_alternative_names: names.all,
        not_before,
        not_after,
    })
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateRefusal> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(CertificateRefusal::Malformed),
    }
}

fn unix(now: Time) -> UnixTime {
    let seconds = u64::try_from(now.0.div_euclid(1_000_000_000)).unwrap_or(0);
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// What a certificate says against itself. `Ok`: nothing, only that nobody was asked to stand behind it.
fn refusal_of(error: &Error) -> Result<(), CertificateRefusal> {
    match error {
        Error::UnknownIssuer => Ok(()),
        Error::CertExpired { .. } => Err(CertificateRefusal::Expired),
        Error::CertNotValidYet { .. } => Err(CertificateRefusal::NotYetValid),
        Error::CaUsedAsEndEntity
        | Error::EndEntityUsedAsCa
        | Error::PathLenConstraintViolated
        | Error::RequiredEkuNotFoundContext(_) => Err(CertificateRefusal::WrongPurpose),
        // The library adds errors over time; whatever else it says, the certificate can't be taken.
        _ => Err(CertificateRefusal::Malformed),
    }
}
