//! What can be seen without a server: whether key, certificate, namespace and address fit each other.

use jiff::Timestamp;

use super::{
    Finding,
    credential::{self, Fault},
};
use crate::{certificate, connect::settings::Settings, output::time};

/// Makes a certificate.
pub(super) const GENERATE_LEAF: &str =
    "perdure cloud cert generate-leaf --organization NAME --ca-cert client-ca.pem --ca-key client-ca.key";
/// For a certificate and a key that are no pair.
pub(super) const PAIR_REMEDY: &str = "Make a certificate and its key together: perdure cloud cert generate-leaf \
                                      --organization NAME --ca-cert client-ca.pem --ca-key client-ca.key.";
/// For a certificate that is good for nothing, at least not now.
pub(super) const NEW_LEAF: &str = "Make a new one, with an authority that the namespace accepts: perdure cloud cert \
                                   generate-leaf --organization NAME --ca-cert client-ca.pem --ca-key client-ca.key.";
/// For a key that is good for nothing any more.
pub(super) const NEW_KEY: &str = "Make a new key: perdure cloud apikey create --name NAME --service-account-id ID.";

/// Everything that can be said before connecting.
pub(super) fn findings(settings: &Settings, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(settings.api_key.as_deref().map(|key| api_key(key, &settings.namespace, now)));
    let client = settings.tls.as_ref().and_then(|tls| tls.client.as_ref());
    findings.extend(client.map(|client| client_certificate(&client.certificate, now)));
    findings.extend(names(settings));
    findings
}

fn api_key(key: &str, namespace: &str, now: Timestamp) -> Finding {
    const SUBJECT: &str = "API key";
    match credential::fault(key, namespace, now) {
        None => {
            let claims = credential::claims(key).unwrap_or_default();
            let id = claims.key_id.unwrap_or_else(|| "without an ID".to_owned());
            let until = claims.expires.map(|expires| format!(", good until {}", time::iso(expires)));
            Finding::good(SUBJECT, format!("{id}{}", until.unwrap_or_default()))
        }
        Some(Fault::Malformed) => Finding::bad(
            SUBJECT,
            "this is no API key: it was cut, or it is something else",
            format!("Copy it again as it was printed. {NEW_KEY}"),
        ),
        Some(Fault::Expired(expired)) => {
            Finding::bad(SUBJECT, format!("it has expired on {}", time::iso(expired)), NEW_KEY)
        }
        Some(Fault::OtherAccount { key, namespace }) => Finding::bad(
            SUBJECT,
            format!("it is of account {key}, and the namespace is of account {namespace}"),
            format!("Correct --namespace, or pass a key of account {namespace}. {NEW_KEY}"),
        ),
    }
}

fn client_certificate(pem: &[u8], now: Timestamp) -> Finding {
    const SUBJECT: &str = "client certificate";
    let certificates = match certificate::read(pem) {
        Ok(certificates) => certificates,
        Err(error) => return Finding::bad(SUBJECT, error, PAIR_REMEDY),
    };
    let Some(leaf) = certificates.first() else {
        return Finding::bad(SUBJECT, "there is no certificate in the file", PAIR_REMEDY);
    };
    let subject = &leaf.subject;
    if now > leaf.not_after {
        return Finding::bad(SUBJECT, format!("{subject} has expired on {}", time::iso(leaf.not_after)), NEW_LEAF);
    }
    if now < leaf.not_before {
        let text = format!("{subject} is not valid before {}", time::iso(leaf.not_before));
        return Finding::bad(SUBJECT, text, format!("Check this machine's clock. {NEW_LEAF}"));
    }
    if leaf.is_authority {
        let text = format!("{subject} is an authority's certificate, which proves nobody's identity");
        return Finding::bad(SUBJECT, text, NEW_LEAF);
    }
    let until = time::iso(leaf.not_after);
    Finding::good(SUBJECT, format!("{subject}, signed by {}, good until {until}", leaf.issuer))
}

/// An address of the form `<namespace>.<account>.<domain>` that is not the namespace's own.
fn names(settings: &Settings) -> Option<Finding> {
    let namespace = &settings.namespace;
    let host = settings.tls.as_ref().and_then(|tls| tls.server_name.as_ref()).unwrap_or(&settings.address.host);
    let (name, account) = namespace.split_once('.')?;
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [first, second, _, ..] if *second == account && *first != name => Some(Finding::bad(
            "namespace",
            format!("the address is that of namespace {first}.{second}, and --namespace says {namespace}"),
            format!("Use the address {} or the namespace {first}.{second}.", host.replacen(first, name, 1)),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};
    use crate::certificate::tests::AUTHORITY;

    #[test]
    fn certificates_are_judged_by_time_and_kind() {
        let certificate = &certificate::read(AUTHORITY.as_bytes()).unwrap()[0];
        let second = jiff::SignedDuration::from_secs(1);
        let told = |now| client_certificate(AUTHORITY.as_bytes(), now).text;
        assert!(told(certificate.not_after + second).contains("has expired on"));
        assert!(told(certificate.not_before - second).contains("is not valid before"));
        assert!(told(certificate.not_before).contains("is an authority's certificate"));
        assert_eq!(client_certificate(b"", certificate.not_before).verdict, Verdict::Bad);
    }

    #[test]
    fn keys_are_judged() {
        let finding = api_key("x", "a.b", Timestamp::UNIX_EPOCH);
        assert_eq!(finding.verdict, Verdict::Bad);
        assert!(finding.remedy.contains("perdure cloud apikey create"), "{}", finding.remedy);
    }
}
