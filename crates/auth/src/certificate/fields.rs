//! What is read from a certificate.

use std::net::{Ipv4Addr, Ipv6Addr};

use model::Time;
use ring::digest;
use x509_parser::{
    extensions::{GeneralName, KeyUsage},
    prelude::{ASN1Time, X509Certificate, X509Name},
    x509::AttributeTypeAndValue,
};

/// How a certificate is signed, by what the rules for bundles say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strength {
    Good,
    /// RSA or ECDSA with a hash below SHA-256.
    Weak,
    Unsupported,
}

/// RSA (PKCS#1 and PSS) and ECDSA, with SHA-256 or stronger.
const GOOD: [&str; 6] = [
    "1.2.840.113549.1.1.10",
    "1.2.840.113549.1.1.11",
    "1.2.840.113549.1.1.12",
    "1.2.840.113549.1.1.13",
    "1.2.840.10045.4.3.2",
    "1.2.840.10045.4.3.3",
];

/// RSA with MD2, MD4, MD5, SHA-1 and SHA-224; ECDSA with SHA-1 and SHA-224.
const WEAK: [&str; 9] = [
    "1.2.840.113549.1.1.2",
    "1.2.840.113549.1.1.3",
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.2.840.113549.1.1.14",
    "1.3.14.3.2.25",
    "1.3.14.3.2.29",
    "1.2.840.10045.4.1",
    "1.2.840.10045.4.3.1",
];

pub(super) fn strength(certificate: &X509Certificate<'_>) -> Strength {
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    if GOOD.contains(&algorithm.as_str()) {
        Strength::Good
    } else if WEAK.contains(&algorithm.as_str()) {
        Strength::Weak
    } else {
        Strength::Unsupported
    }
}

/// SHA-1 of the DER, lower-case hexadecimal: a name and no proof.
pub(super) fn fingerprint(der: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der);
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `None`: the certificate does not limit what its key is for.
pub(super) fn key_usage(certificate: &X509Certificate<'_>) -> Option<KeyUsage> {
    certificate.key_usage().ok()?.map(|extension| *extension.value)
}

/// From when, and until when.
pub(super) fn validity(certificate: &X509Certificate<'_>) -> (Time, Time) {
    let time = |time: ASN1Time| Time(time.timestamp().saturating_mul(1_000_000_000));
    let validity = certificate.validity();
    (time(validity.not_before), time(validity.not_after))
}

/// The texts of one kind of a subject's attributes.
pub(super) fn texts<'a>(attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> Vec<String> {
    attributes.filter_map(|attribute| attribute.as_str().ok()).map(str::to_owned).collect()
}

/// What a certificate's subject is called besides.
#[derive(Debug, Default)]
pub(super) struct AlternativeNames {
    /// All that have a text: DNS names, e-mail and IP addresses, URIs, directory names.
    pub(super) all: Vec<String>,
    /// Lower case.
    pub(super) dns: Vec<String>,
}

pub(super) fn alternative_names(certificate: &X509Certificate<'_>) -> AlternativeNames {
    let mut names = AlternativeNames::default();
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return names;
    };
    for name in &extension.value.general_names {
        if let GeneralName::DNSName(dns) = name {
            names.dns.push(dns.to_ascii_lowercase());
        }
        names.all.extend(text_of(name));
    }
    names
}

fn text_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => Some((*text).to_owned()),
        GeneralName::DirectoryName(name) => Some(X509Name::to_string(name)),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(|octets| Ipv4Addr::from(octets).to_string());
            four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(|octets| Ipv6Addr::from(octets).to_string())).ok()
        }
        GeneralName::OtherName(..)
        | GeneralName::X400Address(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    }
}
