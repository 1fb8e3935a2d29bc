//! `perdure cloud cert`: an authority and leaves for mutual TLS, made offline.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use crate::certificates::{self, Pair, Subject, Usage, Validity};

/// The shortest time that a certificate may be valid for.
const SHORTEST: Duration = Duration::from_secs(3_600);

/// `perdure cloud cert`.
#[derive(Args, Debug)]
pub(crate) struct CertificateArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Generate a certificate authority
    ///
    /// Makes an authority whose certificate a namespace can accept, and whose key signs the certificates of workers.
    #[command(name = "generate-ca", visible_alias = "ca")]
    Authority(AuthorityArgs),
    /// Generate a leaf certificate
    ///
    /// Makes a certificate and key for a worker or client, signed by an authority.
    #[command(name = "generate-leaf", visible_alias = "leaf")]
    Leaf(LeafArgs),
}

#[derive(Args, Debug)]
struct AuthorityArgs {
    /// Name of the organization.
    #[arg(long, visible_alias = "org", value_name = "string", required = true)]
    organization: String,
    /// How long the certificate is valid, as in 365d or 1y.
    #[arg(long, short = 'd', value_name = "duration", value_parser = cli::duration, default_value = "1y")]
    validity_period: Duration,
    /// File to write the certificate to.
    #[arg(long, alias = "ca-certificate-file", value_name = "FILE", default_value = "ca.pem")]
    ca_cert: PathBuf,
    /// File to write the private key to, readable by its owner only.
    #[arg(long, alias = "ca-key-file", value_name = "FILE", default_value = "ca.key")]
    ca_key: PathBuf,
}

#[derive(Args, Debug)]
struct LeafArgs {
    /// Name of the organization.
    #[arg(long, visible_alias = "org", value_name = "string", required = true)]
    organization: String,
    /// Name of the organizational unit.
    #[arg(long, visible_alias = "org-unit", value_name = "string")]
    organization_unit: Option<String>,
    /// Common name; the organization where it is not given.
    #[arg(long, value_name = "string")]
    common_name: Option<String>,
    /// DNS name or IP address to carry. Can be passed multiple times.
    #[arg(long = "san", value_name = "string")]
    alternative_name: Vec<String>,
    /// How long the certificate is valid, as in 364d.
    #[arg(long, short = 'd', value_name = "duration", value_parser = cli::duration, default_value = "364d")]
    validity_period: Duration,
    /// How long ago the certificate has begun to be valid.
    #[arg(long, value_name = "duration", value_parser = cli::duration, conflicts_with = "begins_in")]
    begun: Option<Duration>,
    /// How long it takes until the certificate begins to be valid.
    #[arg(long, value_name = "duration", value_parser = cli::duration)]
    begins_in: Option<Duration>,
    /// Certificate for a server instead of a client.
    #[arg(long)]
    server: bool,
    /// File of the authority's certificate.
    #[arg(long, alias = "ca-certificate-file", value_name = "FILE", default_value = "ca.pem")]
    ca_cert: PathBuf,
    /// File of the authority's private key.
    #[arg(long, alias = "ca-key-file", value_name = "FILE", default_value = "ca.key")]
    ca_key: PathBuf,
    /// File to write the certificate to.
    #[arg(long, alias = "certificate-file", value_name = "FILE", default_value = "client.pem")]
    cert: PathBuf,
    /// File to write the private key to, readable by its owner only.
    #[arg(long, alias = "key-file", value_name = "FILE", default_value = "client.key")]
    key: PathBuf,
}

/// Makes the files and tells what was made.
///
/// # Errors
/// One line with cause and remedy.
pub(super) fn run(args: &CertificateArgs) -> Result<String, String> {
    match &args.verb {
        Verb::Authority(args) => authority(args),
        Verb::Leaf(args) => leaf(args),
    }
}

fn authority(args: &AuthorityArgs) -> Result<String, String> {
    let pair = certificates::authority(&args.organization, Validity::starting_now(period(args.validity_period)?))?;
    write(&pair, &args.ca_cert, &args.ca_key)?;
    Ok(format!(
        "Wrote the authority's certificate to {} and its private key to {}.\n\
         Let a namespace accept it: perdure cloud namespace accepted-client-ca add --namespace NAME.ACCOUNT --ca-file {}\n",
        args.ca_cert.display(),
        args.ca_key.display(),
        args.ca_cert.display(),
    ))
}

fn leaf(args: &LeafArgs) -> Result<String, String> {
    let period = period(args.validity_period)?;
    let mut validity = Validity::starting_now(period);
    if let Some(begun) = args.begun {
        validity = Validity { from: validity.from - begun, period };
    }
    if let Some(begins_in) = args.begins_in {
        validity = Validity { from: validity.from + begins_in, period };
    }
    let authority = Pair { certificate: certificates::read(&args.ca_cert)?, key: certificates::read(&args.ca_key)? };
    let subject = Subject {
        common_name: args.common_name.clone().unwrap_or_else(|| args.organization.clone()),
        organization: args.organization.clone(),
        organizational_unit: args.organization_unit.clone(),
        alternative_names: args.alternative_name.clone(),
    };
    let usage = if args.server { Usage::Server } else { Usage::Client };
    let pair = certificates::leaf(&authority, usage, &subject, validity)?;
    write(&pair, &args.cert, &args.key)?;
    Ok(format!("Wrote the certificate to {} and its private key to {}.\n", args.cert.display(), args.key.display()))
}

fn period(period: Duration) -> Result<Duration, String> {
    match period < SHORTEST {
        true => Err("the validity period is too short; give 1h or more".to_owned()),
        false => Ok(period),
    }
}

/// The key first: a certificate without its key would look as if all were well.
fn write(pair: &Pair, certificate: &std::path::Path, key: &std::path::Path) -> Result<(), String> {
    certificates::write_secret(key, &pair.key)?;
    certificates::write_public(certificate, &pair.certificate)
}
