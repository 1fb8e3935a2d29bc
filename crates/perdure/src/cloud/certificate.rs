//! `perdure cloud cert`: an authority and leaves for mutual TLS, made offline.
//!
//! Files that are not named stand in the user's directory for configuration, and not in the working directory: that is an
//! application's folder, and what is in it ends up in its repository and its image.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use crate::certificates::{self, Pair, Subject, Usage, Validity};

/// The shortest time that a certificate may be valid for.
const SHORTEST: Duration = Duration::from_secs(3_600);

/// Certificate and key of the authority of clients, and of a client, where no files are named: each has a name of its own.
const AUTHORITY: [&str; 2] = ["client-ca.pem", "client-ca.key"];
const CLIENT: [&str; 2] = ["client.pem", "client.key"];

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
    /// File to write the certificate to; client-ca.pem in the user's directory for configuration where it is not given.
    #[arg(long, alias = "ca-certificate-file", value_name = "FILE")]
    ca_cert: Option<PathBuf>,
    /// File to write the private key to, readable by its owner only; client-ca.key beside it where it is not given.
    #[arg(long, alias = "ca-key-file", value_name = "FILE")]
    ca_key: Option<PathBuf>,
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
    /// File of the authority's certificate; the one that generate-ca has made where it is not given.
    #[arg(long, alias = "ca-certificate-file", value_name = "FILE")]
    ca_cert: Option<PathBuf>,
    /// File of the authority's private key; the one that generate-ca has made where it is not given.
    #[arg(long, alias = "ca-key-file", value_name = "FILE")]
    ca_key: Option<PathBuf>,
    /// File to write the certificate to; client.pem in the user's directory for configuration where it is not given.
    #[arg(long, alias = "certificate-file", value_name = "FILE")]
    cert: Option<PathBuf>,
    /// File to write the private key to, readable by its owner only; client.key beside it where it is not given.
    #[arg(long, alias = "key-file", value_name = "FILE")]
    key: Option<PathBuf>,
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
    let [certificate, key] = [chosen(&args.ca_cert, AUTHORITY[0])?, chosen(&args.ca_key, AUTHORITY[1])?];
    let pair = certificates::authority(&args.organization, Validity::starting_now(period(args.validity_period)?))?;
    write(&pair, &certificate, &key)?;
    let (certificate, key) = (certificate.display(), key.display());
    Ok(format!(
        "Wrote the authority's certificate to {certificate} and its private key to {key}.\n\
         Let a new namespace accept it: perdure cloud namespace create --name NAME --ca-file {certificate}\n\
         or one that is there: perdure cloud namespace accepted-client-ca add --namespace NAME.ACCOUNT --ca-file \
         {certificate}\n",
    ))
}

/// The file that was named, or the one of this name in the user's own folder, which is made if it is not there.
fn chosen(named: &Option<PathBuf>, name: &str) -> Result<PathBuf, String> {
    if let Some(named) = named {
        return Ok(named.clone());
    }
    let folder = cli::own_folder().ok_or("neither HOME nor XDG_CONFIG_HOME says where the files go; name them")?;
    certificates::create_folder(&folder)?;
    Ok(folder.join(name))
}

fn leaf(args: &LeafArgs) -> Result<String, String> {
    if args.server && (args.cert.is_none() || args.key.is_none()) {
        return Err("a server's certificate has no usual place: name its files with --cert and --key".to_owned());
    }
    let period = period(args.validity_period)?;
    let mut validity = Validity::starting_now(period);
    if let Some(begun) = args.begun {
        validity = Validity { from: validity.from - begun, period };
    }
    if let Some(begins_in) = args.begins_in {
        validity = Validity { from: validity.from + begins_in, period };
    }
    let authority = Pair {
        certificate: certificates::read(&chosen(&args.ca_cert, AUTHORITY[0])?)?,
        key: certificates::read(&chosen(&args.ca_key, AUTHORITY[1])?)?,
    };
    let subject = Subject {
        common_name: args.common_name.clone().unwrap_or_else(|| args.organization.clone()),
        organization: args.organization.clone(),
        organizational_unit: args.organization_unit.clone(),
        alternative_names: args.alternative_name.clone(),
    };
    let usage = if args.server { Usage::Server } else { Usage::Client };
    let pair = certificates::leaf(&authority, usage, &subject, validity)?;
    let [certificate, key] = [chosen(&args.cert, CLIENT[0])?, chosen(&args.key, CLIENT[1])?];
    write(&pair, &certificate, &key)?;
    Ok(format!("Wrote the certificate to {} and its private key to {}.\n", certificate.display(), key.display()))
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
