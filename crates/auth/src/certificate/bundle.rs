//! The bundle of certificate authorities of a namespace, and the rules that it must keep.
//!
//! Whether an authority is a well-known public one can't be seen from its certificate; that such a bundle needs filters
//! is said where bundles are set.

use std::fmt;

use model::Time;
use rustls_pki_types::{
    TrustAnchor,
    pem::{PemObject, SectionKind},
};
use x509_parser::prelude::{FromDer, X509Certificate, X509Error, X509Version};

use super::fields::{self, Strength};
use crate::{CertificateDer, token::sha256};

/// The certificate authorities that a namespace trusts, parsed.
#[derive(Debug)]
pub struct ClientCa {
    pub(super) members: Vec<Member>,
    digest: [u8; 32],
}

/// One certificate of a bundle.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) der: CertificateDer<'static>,
    /// Where chains end: only what signed itself.
    pub(super) anchor: Option<TrustAnchor<'static>>,
    pub(super) not_before: Time,
    pub(super) not_after: Time,
    /// Lower case.
    pub(super) dns_names: Vec<String>,
}

/// What is wrong with a bundle; its text is for the person who sent it. Certificates are counted from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleViolation {
    TooLong {
        bytes: usize,
    },
    TooMany {
        certificates: usize,
    },
    /// It is not PEM, or damaged.
    NotPem,
    Empty,
    /// There is something else than certificates in it.
    NotOnlyCertificates,
    /// A private key is in it: whoever sent it has given away the authority.
    PrivateKey,
    Malformed {
        number: usize,
    },
    NotVersion3 {
        subject: String,
    },
    NotAnAuthority {
        subject: String,
    },
    MayNotSign {
        subject: String,
    },
    WeakSignature {
        subject: String,
    },
    UnsupportedSignature {
        subject: String,
    },
    Repeated {
        subject: String,
    },
    /// The certificate that signed this one is not in the bundle.
    IssuerMissing {
        subject: String,
        issuer: String,
    },
    /// The bundle has a certificate of the issuer's name, but it did not sign this one.
    BadSignature {
        subject: String,
    },
}

impl fmt::Display for BundleViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => {
                write!(f, "the CA bundle has {bytes} bytes, at most {} are allowed", ClientCa::MOST_BYTES)
            }
            Self::TooMany { certificates } => {
                let most = ClientCa::MOST_CERTIFICATES;
                write!(f, "the CA bundle has {certificates} certificates, at most {most} are allowed")
            }
            Self::NotPem => f.write_str("the CA bundle is not valid PEM"),
            Self::Empty => f.write_str("the CA bundle has no certificate"),
            Self::NotOnlyCertificates => f.write_str("the CA bundle may have nothing but certificates in it"),
            Self::PrivateKey => {
                f.write_str("the CA bundle has a private key in it. Send certificates only, and replace that key")
            }
            Self::Malformed { number } => {
                write!(f, "certificate {number} of the CA bundle is not an X.509 certificate")
            }
            Self::NotVersion3 { subject } => write!(f, "CA certificate \"{subject}\" is not X.509 version 3"),
            Self::NotAnAuthority { subject } => {
                write!(f, "certificate \"{subject}\" is not a CA certificate: its basic constraints lack CA:true")
            }
            Self::MayNotSign { subject } => {
                write!(f, "CA certificate \"{subject}\" may not sign certificates: its key usage lacks keyCertSign")
            }
            Self::WeakSignature { subject } => {
                write!(f, "CA certificate \"{subject}\" is signed with a hash that is weaker than SHA-256")
            }
            Self::UnsupportedSignature { subject } => {
                write!(f, "CA certificate \"{subject}\" is not signed with RSA or ECDSA over P-256 or P-384")
            }
            Self::Repeated { subject } => write!(f, "CA certificate \"{subject}\" is in the CA bundle more than once"),
            Self::IssuerMissing { subject, issuer } => {
                write!(f, "CA certificate \"{subject}\" is incomplete: its issuer \"{issuer}\" is not in the CA bundle")
            }
            Self::BadSignature { subject } => {
                write!(f, "the signature of CA certificate \"{subject}\" is not its issuer's")
            }
        }
    }
}

impl ClientCa {
    /// Most certificates in a bundle.
    pub const MOST_CERTIFICATES: usize = 16;
    /// Longest bundle, in bytes of PEM.
    pub const MOST_BYTES: usize = 32 * 1024;

    /// Reads a bundle in PEM. Whether its certificates are valid at the time does not count here: it does whenever a
    /// client shows a certificate.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(pem: &[u8]) -> Result<Self, BundleViolation> {
        let ders = read(pem)?;
        let mut certificates = Vec::with_capacity(ders.len());
        for (index, der) in ders.iter().enumerate() {
            match X509Certificate::from_der(der) {
                Ok(([], certificate)) => certificates.push(certificate),
                Ok(_) | Err(_) => return Err(BundleViolation::Malformed { number: index + 1 }),
            }
        }
        for certificate in &certificates {
            check_alone(certificate)?;
        }
        for (index, certificate) in certificates.iter().enumerate() {
            if ders[..index].contains(&ders[index]) {
                return Err(BundleViolation::Repeated { subject: certificate.subject().to_string() });
            }
            check_issuer(certificate, &certificates)?;
        }
        let members = ders.iter().zip(&certificates).enumerate();
        let members: Vec<_> = members
            .map(|(index, (der, certificate))| {
                member(der, certificate).ok_or(BundleViolation::Malformed { number: index + 1 })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { digest: sha256(&ders.concat()), members })
    }

    /// The authorities of nobody, behind which no certificate stands: what a namespace is asked for that does not
    /// exist, so that the answer is the same as of one that exists and is foreign.
    pub fn nobody() -> Self {
        Self { members: Vec::new(), digest: sha256(b"") }
    }

    /// When the first of its certificates expires: the time to warn of. `None` for [`ClientCa::nobody`].
    pub fn expires_at(&self) -> Option<Time> {
        self.members.iter().map(|member| member.not_after).min()
    }

    /// Tells two bundles apart.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// The certificates of a PEM text.
fn read(pem: &[u8]) -> Result<Vec<Vec<u8>>, BundleViolation> {
    if pem.len() > ClientCa::MOST_BYTES {
        return Err(BundleViolation::TooLong { bytes: pem.len() });
    }
    let mut ders = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
        match section {
            Ok((SectionKind::Certificate, der)) => ders.push(der),
            Ok((SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey, _)) => {
                return Err(BundleViolation::PrivateKey);
            }
            Ok(_) => return Err(BundleViolation::NotOnlyCertificates),
            Err(_) => return Err(BundleViolation::NotPem),
        }
    }
    // The reader passes over sections of a kind that it does not know.
    let sections = pem.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"-----BEGIN ")).count();
    if sections > ders.len() {
        return Err(BundleViolation::NotOnlyCertificates);
    }
    if ders.is_empty() {
        let is_blank = pem.iter().all(u8::is_ascii_whitespace);
        return Err(if is_blank { BundleViolation::Empty } else { BundleViolation::NotPem });
    }
    if ders.len() > ClientCa::MOST_CERTIFICATES {
        return Err(BundleViolation::TooMany { certificates: ders.len() });
    }
    Ok(ders)
}

/// The rules that a certificate keeps or breaks alone.
fn check_alone(certificate: &X509Certificate<'_>) -> Result<(), BundleViolation> {
    let subject = || certificate.subject().to_string();
    if certificate.version() != X509Version::V3 {
        return Err(BundleViolation::NotVersion3 { subject: subject() });
    }
    if !certificate.is_ca() {
        return Err(BundleViolation::NotAnAuthority { subject: subject() });
    }
    if fields::key_usage(certificate).is_some_and(|usage| !usage.key_cert_sign()) {
        return Err(BundleViolation::MayNotSign { subject: subject() });
    }
    match fields::strength(certificate) {
        Strength::Good => Ok(()),
        Strength::Weak => Err(BundleViolation::WeakSignature { subject: subject() }),
        Strength::Unsupported => Err(BundleViolation::UnsupportedSignature { subject: subject() }),
    }
}

/// Its issuer is in the bundle, and signed it: so the whole chain is.
fn check_issuer(certificate: &X509Certificate<'_>, all: &[X509Certificate<'_>]) -> Result<(), BundleViolation> {
    let mut named = all.iter().filter(|other| other.subject().as_raw() == certificate.issuer().as_raw()).peekable();
    let subject = certificate.subject().to_string();
    if named.peek().is_none() {
        return Err(BundleViolation::IssuerMissing { subject, issuer: certificate.issuer().to_string() });
    }
    let mut violation = BundleViolation::BadSignature { subject: subject.clone() };
    for issuer in named {
        match certificate.verify_signature(Some(issuer.public_key())) {
            Ok(()) => return Ok(()),
            Err(X509Error::SignatureUnsupportedAlgorithm) => {
                violation = BundleViolation::UnsupportedSignature { subject: subject.clone() };
            }
            Err(_) => {}
        }
    }
    Err(violation)
}

fn member(der: &[u8], certificate: &X509Certificate<'_>) -> Option<Member> {
    let der = CertificateDer::from(der.to_vec());
    let anchor = webpki::anchor_from_trusted_cert(&der).ok()?.to_owned();
    let is_root =
        certificate.subject().as_raw() == certificate.issuer().as_raw() && certificate.verify_signature(None).is_ok();
    let (not_before, not_after) = fields::validity(certificate);
    let names = fields::alternative_names(certificate);
    Some(Member { der, anchor: is_root.then_some(anchor), not_before, not_after, dns_names: names.dns })
}
