//! Certificates in PEM as far as a client looks at them: whose, by whom, until when, and by which fingerprint a
//! namespace's list names them.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use x509_parser::{parse_x509_certificate, pem::Pem};

/// The label of a certificate in PEM.
const LABEL: &str = "CERTIFICATE";
/// Letters on a line of PEM.
const LINE: usize = 64;

/// A certificate, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub(crate) der: Vec<u8>,
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// Whether it may sign others.
    pub(crate) is_authority: bool,
}

impl Certificate {
    /// The SHA-1 of the certificate in lower-case hex: a name, not a proof.
    pub(crate) fn fingerprint(&self) -> String {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// In PEM, ended by a line feed.
    pub(crate) fn to_pem(&self) -> String {
        let text = STANDARD.encode(&self.der);
        let mut pem = format!("-----BEGIN {LABEL}-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, tail) = rest.split_at(rest.len().min(LINE));
            pem.push_str(line);
            pem.push('\n');
            rest = tail;
        }
        pem + &format!("-----END {LABEL}-----\n")
    }
}

/// The certificates of a PEM text, other blocks skipped.
///
/// # Errors
/// What is wrong with the text, if it has a block that can't be read.
pub(crate) fn read(pem: &[u8]) -> Result<Vec<Certificate>, String> {
    let mut certificates = Vec::new();
    for block in Pem::iter_from_buffer(pem) {
        let block = block.map_err(|error| format!("not PEM: {error}"))?;
        if block.label == LABEL {
            certificates.push(parse(&block.contents)?);
        }
    }
    Ok(certificates)
}

fn parse(der: &[u8]) -> Result<Certificate, String> {
    let (_, parsed) = parse_x509_certificate(der).map_err(|error| format!("not an X.509 certificate: {error}"))?;
    let time = |seconds: i64| Timestamp::from_second(seconds).map_err(|error| error.to_string());
    Ok(Certificate {
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        not_before: time(parsed.validity().not_before.timestamp())?,
        not_after: time(parsed.validity().not_after.timestamp())?,
        is_authority: parsed.is_ca(),
        der: der.to_vec(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An authority made for these tests; its key is lost.
    pub(crate) const AUTHORITY: &str = include_str!("certificate_of_tests.pem");

    #[test]
    fn a_certificate_is_read_and_written() {
        let certificates = read(AUTHORITY.as_bytes()).unwrap();
        let [authority] = certificates.as_slice() else { panic!("one certificate is in the file") };
        assert!(authority.is_authority && authority.subject.contains("O=Acme"), "{authority:?}");
        assert_eq!(authority.to_pem(), AUTHORITY);
        assert_eq!(authority.fingerprint().len(), 40);
        assert!(authority.not_before < authority.not_after);
    }

    #[test]
    fn what_is_no_certificate_is_told() {
        assert_eq!(read(b"").unwrap(), []);
        let text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(read(text.as_bytes()).unwrap_err().starts_with("not an X.509 certificate"));
    }
}
