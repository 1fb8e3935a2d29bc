//! Making certificates: an authority, and leaves that it signs. Nothing here needs a server.
//!
//! The forms are those that a namespace's list of accepted authorities takes: an authority has `CA:true` and signs with
//! ECDSA and SHA-256, a leaf has `CA:false` and the key usage digitalSignature.

mod files;

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

pub(crate) use self::files::{create_folder, read, signing_key, write_public, write_secret};

/// How far back a certificate begins, so that a clock that is a little behind takes it, too.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// A certificate and its private key, both in PEM. Without `Debug`, because the key is a secret.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// From when and until when a certificate is good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    pub(crate) from: SystemTime,
    pub(crate) period: Duration,
}

impl Validity {
    /// From now on.
    pub(crate) fn starting_now(period: Duration) -> Self {
        Self { from: SystemTime::now() - CLOCK_TOLERANCE, period: period + CLOCK_TOLERANCE }
    }
}

/// What a leaf is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// To prove who a client is.
    Client,
    /// To prove who a server is.
    Server,
}

/// Whom a leaf names.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) common_name: String,
    pub(crate) organization: String,
    pub(crate) organizational_unit: Option<String>,
    /// DNS names and IP addresses.
    pub(crate) alternative_names: Vec<String>,
}

/// A new authority of its own.
///
/// # Errors
/// What the certificate library says; nothing that a user can bring about but by a name that is no text of X.509.
pub(crate) fn authority(organization: &str, validity: Validity) -> Result<Pair, String> {
    let mut params = params(validity)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("{organization} CA"));
    params.distinguished_name.push(DnType::OrganizationName, organization);
    let key = KeyPair::generate().map_err(told)?;
    let certificate = params.self_signed(&key).map_err(told)?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// A leaf that `authority` signs.
///
/// # Errors
/// An authority that is no certificate or whose key is not readable, and names that are none.
pub(crate) fn leaf(authority: &Pair, usage: Usage, subject: &Subject, validity: Validity) -> Result<Pair, String> {
    let issuer_key = KeyPair::from_pem(&authority.key)
        .map_err(|error| format!("the authority's key is not a private key in PEM: {error}"))?;
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, issuer_key)
        .map_err(|error| format!("the authority's certificate is not a certificate in PEM: {error}"))?;
    let mut params = params(validity)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![match usage {
        Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
        Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
    }];
    params.use_authority_key_identifier_extension = true;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject.common_name.as_str());
    params.distinguished_name.push(DnType::OrganizationName, subject.organization.as_str());
    if let Some(unit) = &subject.organizational_unit {
        params.distinguished_name.push(DnType::OrganizationalUnitName, unit.as_str());
    }
    for name in &subject.alternative_names {
        params.subject_alt_names.push(alternative_name(name)?);
    }
    let key = KeyPair::generate().map_err(told)?;
    let certificate = params.signed_by(&key, &issuer).map_err(told)?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn alternative_name(name: &str) -> Result<SanType, String> {
    match name.parse::<IpAddr>() {
        Ok(ip) => Ok(SanType::IpAddress(ip)),
        Err(_) => {
            let name = name.to_owned().try_into().map_err(|_| format!("{name:?} is not a DNS name"))?;
            Ok(SanType::DnsName(name))
        }
    }
}

fn params(validity: Validity) -> Result<CertificateParams, String> {
    let epoch = date_time_ymd(1970, 1, 1);
    let since_epoch =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| "a time before 1970".to_owned());
    let mut params = CertificateParams::default();
    params.not_before = epoch + since_epoch(validity.from)?;
    params.not_after = epoch + since_epoch(validity.from + validity.period)?;
    Ok(params)
}

fn told(error: rcgen::Error) -> String {
    format!("the certificate can't be made: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(names: &[&str]) -> Subject {
        Subject {
            common_name: "worker".to_owned(),
            organization: "Acme".to_owned(),
            organizational_unit: Some("Payments".to_owned()),
            alternative_names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn an_authority_signs_leaves() {
        let validity = Validity::starting_now(Duration::from_secs(3_600));
        let authority = authority("Acme", validity).unwrap();
        let leaf = leaf(&authority, Usage::Client, &subject(&["a.example.com", "127.0.0.1"]), validity).unwrap();
        for pem in [&authority.certificate, &leaf.certificate] {
            assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
        }
        assert!(leaf.key.starts_with("-----BEGIN PRIVATE KEY-----"));
        assert_ne!(leaf.key, authority.key);
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        let validity = Validity::starting_now(Duration::from_secs(3_600));
        let good = authority("Acme", validity).unwrap();
        let bad = Pair { certificate: good.certificate.clone(), key: "x".to_owned() };
        let refused = |pair: &Pair, names: &[&str]| leaf(pair, Usage::Server, &subject(names), validity).err().unwrap();
        assert!(refused(&bad, &[]).starts_with("the authority's key is not a private key in PEM"));
        let bad = Pair { certificate: "x".to_owned(), key: good.key.clone() };
        assert!(refused(&bad, &[]).starts_with("the authority's certificate is not a certificate in PEM"));
        assert_eq!(refused(&good, &["ä"]), "\"ä\" is not a DNS name");
    }
}
