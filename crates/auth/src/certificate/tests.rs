//! Bundles and chains, against certificates made on the spot.

use rcgen::{DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType};

use super::{BundleViolation, CertificateRefusal, ClientCa};
use crate::{
    CertificateDer,
    fixture::{Authority, NOW, ca_params, day, leaf_params, params, valid},
};

fn parse(parts: &[&str]) -> Result<ClientCa, BundleViolation> {
    ClientCa::parse(parts.concat().as_bytes())
}

fn bundle(parts: &[&Authority]) -> ClientCa {
    parse(&parts.iter().map(|authority| authority.pem.as_str()).collect::<Vec<_>>()).unwrap()
}

#[test]
fn a_whole_bundle_is_taken() {
    let root = Authority::root("root");
    let middle = root.below(ca_params("middle"));
    let other = Authority::root("other");
    let text = format!("a note\n{}\n{}{}", middle.pem, root.pem, other.pem);
    let ca = ClientCa::parse(text.as_bytes()).unwrap();
    assert_eq!(ca.expires_at(), Some(day(100)));
    assert_eq!(ClientCa::nobody().expires_at(), None);
}

#[test]
fn each_broken_rule_of_a_bundle_is_named() {
    let root = Authority::root("root");
    let middle = root.below(ca_params("middle"));
    let no_ca = Authority::self_signed(params("leaf"));
    let mut mute = ca_params("mute");
    mute.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let mute = Authority::self_signed(mute);
    let ed25519 = ca_params("edwards").self_signed(&KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap()).unwrap();
    let impostor = Authority::root("root");
    let seventeen: Vec<String> = (0..17).map(|number| Authority::root(&format!("root {number}")).pem).collect();
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let name = |name: &str| format!("CN={name}");
    let edwards = ed25519.pem();
    let rows: Vec<(Vec<&str>, BundleViolation)> = vec![
        (vec![], BundleViolation::Empty),
        (vec![" \n "], BundleViolation::Empty),
        (vec!["not PEM"], BundleViolation::NotPem),
        (vec!["-----BEGIN CERTIFICATE-----\nAAAA\n"], BundleViolation::NotPem),
        (vec![junk], BundleViolation::Malformed { number: 1 }),
        (vec![&root.pem, junk], BundleViolation::Malformed { number: 2 }),
        (seventeen.iter().map(String::as_str).collect(), BundleViolation::TooMany { certificates: 17 }),
        (vec![&no_ca.pem], BundleViolation::NotAnAuthority { subject: name("leaf") }),
        (vec![&mute.pem], BundleViolation::MayNotSign { subject: name("mute") }),
        (vec![&edwards], BundleViolation::UnsupportedSignature { subject: name("edwards") }),
        (vec![&root.pem, &root.pem], BundleViolation::Repeated { subject: name("root") }),
        (vec![&middle.pem], BundleViolation::IssuerMissing { subject: name("middle"), issuer: name("root") }),
        (vec![&middle.pem, &impostor.pem], BundleViolation::BadSignature { subject: name("middle") }),
    ];
    for (parts, violation) in rows {
        assert_eq!(parse(&parts).unwrap_err(), violation, "{violation}");
    }
}

#[test]
fn what_is_no_certificate_does_not_belong_in_a_bundle() {
    let root = Authority::root("root");
    let key = KeyPair::generate().unwrap().serialize_pem();
    assert_eq!(parse(&[&root.pem, &key]).unwrap_err(), BundleViolation::PrivateKey);
    for label in ["X509 CRL", "PUBLIC KEY", "CERTIFICATE REQUEST", "TRUSTED CERTIFICATE"] {
        let section = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        assert_eq!(parse(&[&root.pem, &section]).unwrap_err(), BundleViolation::NotOnlyCertificates, "{label}");
    }
    let padding = "\n".repeat(ClientCa::MOST_BYTES);
    let bytes = root.pem.len() + padding.len();
    assert_eq!(parse(&[&root.pem, &padding]).unwrap_err(), BundleViolation::TooLong { bytes });
}

/// Made elsewhere, since no maintained library signs with SHA-1: a self-signed authority for P-256.
const SHA1: &str = include_str!("sha1.pem");

#[test]
fn a_weak_signature_is_not_taken() {
    let violation = ClientCa::parse(SHA1.as_bytes()).unwrap_err();
    assert_eq!(violation, BundleViolation::WeakSignature { subject: "CN=weak".into() });
}

#[test]
fn a_client_is_known_by_its_subject() {
    let root = Authority::root("root");
    let mut params = leaf_params("worker");
    params.distinguished_name.push(DnType::OrganizationName, "Bank");
    params.distinguished_name.push(DnType::OrganizationalUnitName, "Payments");
    params.subject_alt_names =
        vec![SanType::DnsName("worker.example.test".try_into().unwrap()), SanType::IpAddress([10, 0, 0, 7].into())];
    let leaf = root.leaf(&params);
    let certificate = bundle(&[&root]).verify(&[leaf], NOW).unwrap();
    assert_eq!(certificate.subject, "CN=worker, O=Bank, OU=Payments");
    assert_eq!(certificate.common_names, ["worker"]);
    assert_eq!(certificate.organizations, ["Bank"]);
    assert_eq!(certificate.organizational_units, ["Payments"]);
    assert_eq!(certificate.subject_alternative_names, ["worker.example.test", "10.0.0.7"]);
    assert_eq!((certificate.not_before, certificate.not_after), (day(-10), day(10)));
    assert_eq!(certificate.fingerprint.len(), 40);
}

#[test]
fn a_chain_may_go_by_authorities_of_the_bundle_or_of_the_client() {
    let root = Authority::root("root");
    let middle = root.below(ca_params("middle"));
    let leaf = middle.leaf(&leaf_params("worker"));
    assert!(bundle(&[&root, &middle]).verify(std::slice::from_ref(&leaf), NOW).is_ok());
    assert!(bundle(&[&root]).verify(&[leaf.clone(), middle.der.clone()], NOW).is_ok());
    assert_eq!(bundle(&[&root]).verify(&[leaf], NOW), Err(CertificateRefusal::UnknownIssuer));
}

#[test]
fn each_client_that_is_not_taken_is_told_why() {
    let root = Authority::root("root");
    let ca = bundle(&[&root]);
    let leaf = |change: &dyn Fn(&mut rcgen::CertificateParams)| {
        let mut params = leaf_params("worker");
        change(&mut params);
        root.leaf(&params)
    };
    let expired = leaf(&|params| valid(params, -10, -1));
    let early = leaf(&|params| valid(params, 1, 10));
    let authority = leaf(&|params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
    let server = leaf(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    let mute = leaf(&|params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
    let twice = leaf(&|params| {
        let name = |name: &str| SanType::DnsName(name.try_into().unwrap());
        params.subject_alt_names = vec![name("worker.example.test"), name("Worker.example.test")];
    });
    let foreign = Authority::root("root").leaf(&leaf_params("worker"));
    let rows = [
        ("expired", vec![expired], CertificateRefusal::Expired),
        ("early", vec![early], CertificateRefusal::NotYetValid),
        ("authority", vec![authority], CertificateRefusal::WrongPurpose),
        ("the root itself", vec![root.der.clone()], CertificateRefusal::WrongPurpose),
        ("server", vec![server], CertificateRefusal::WrongPurpose),
        ("mute", vec![mute], CertificateRefusal::WrongPurpose),
        ("a name twice", vec![twice], CertificateRefusal::Malformed),
        ("foreign, of the same name", vec![foreign], CertificateRefusal::UnknownIssuer),
        ("nothing", vec![], CertificateRefusal::Malformed),
        ("junk", vec![CertificateDer::from(vec![1, 2, 3])], CertificateRefusal::Malformed),
    ];
    for (name, chain, refusal) in rows {
        assert_eq!(ca.verify(&chain, NOW), Err(refusal), "{name}");
    }
}

#[test]
fn keys_without_limits_are_for_anything() {
    let root = Authority::root("root");
    let mut params = leaf_params("worker");
    (params.key_usages, params.extended_key_usages) = (Vec::new(), Vec::new());
    assert!(bundle(&[&root]).verify(&[root.leaf(&params)], NOW).is_ok());
}

#[test]
fn an_authority_that_has_expired_ends_its_chains() {
    let root = Authority::root("root");
    let mut params = leaf_params("worker");
    valid(&mut params, -10, 200);
    let leaf = root.leaf(&params);
    let ca = bundle(&[&root]);
    assert_eq!(ca.verify(std::slice::from_ref(&leaf), NOW).unwrap().not_after, day(100));
    assert_eq!(ca.verify(std::slice::from_ref(&leaf), day(101)), Err(CertificateRefusal::Expired));
}

#[test]
fn a_renewed_root_of_the_same_key_counts_beside_the_old_one() {
    let key = KeyPair::generate().unwrap();
    let old = ca_params("root").self_signed(&key).unwrap();
    let mut renewed = ca_params("root");
    valid(&mut renewed, 50, 500);
    let new = renewed.self_signed(&key).unwrap();
    let mut params = leaf_params("worker");
    valid(&mut params, -10, 400);
    let issuer = rcgen::Issuer::new(ca_params("root"), key);
    let leaf = params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().clone();
    for (first, second) in [(&old, &new), (&new, &old)] {
        let ca = parse(&[&first.pem(), &second.pem()]).unwrap();
        for (at, is_good) in [(NOW, true), (day(99), true), (day(300), true), (day(401), false)] {
            assert_eq!(ca.verify(std::slice::from_ref(&leaf), at).is_ok(), is_good, "{at:?}");
        }
    }
}

#[test]
fn a_foreign_certificate_is_told_the_same_whether_or_not_there_is_a_bundle() {
    let (root, foreign) = (Authority::root("root"), Authority::root("root"));
    let middle = root.below(ca_params("middle"));
    let ca = bundle(&[&root, &middle]);
    let forged = Authority::root("middle");
    let changes: [&dyn Fn(&mut rcgen::CertificateParams); 5] = [
        &|_| {},
        &|params| valid(params, -10, -1),
        &|params| valid(params, 1, 10),
        &|params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained),
        &|params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment],
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut params = leaf_params("worker");
        change(&mut params);
        for signer in [&foreign, &forged] {
            let chain = [signer.leaf(&params), signer.der.clone()];
            for shown in [&chain[..1], &chain] {
                assert_eq!(ca.verify(shown, NOW), ClientCa::nobody().verify(shown, NOW), "certificate {number}");
                assert!(ca.verify(shown, NOW).is_err());
            }
        }
    }
}
