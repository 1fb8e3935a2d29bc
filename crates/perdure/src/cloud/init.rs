//! `perdure cloud init`: a new account in a folder, with everything that `perdure server start` needs.
//!
//! The folder holds `perdure.toml`, the authority in `ca/`, the server's certificate in `tls/`, the key that API keys
//! are signed with in `keys/`, and the data in `data/`. What the owner logs in with is printed, and nowhere written.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use auth::SigningKey;
use clap::Args;
use control::{Created, NewAccount};
use store_sqlite::{OpenOptions, SqliteStore};
use uuid::Uuid;

use crate::{
    certificates::{self, Subject, Usage, Validity},
    config::{self, AccountId, Config, Domain},
    server::{control_settings, now_and_seed, secret},
};

pub(super) const DAY: Duration = Duration::from_secs(86_400);
/// For how long the authority is good.
const AUTHORITY_PERIOD: Duration = Duration::from_secs(3_650 * 86_400);
/// For how long the server's certificate is good.
const SERVER_PERIOD: Duration = Duration::from_secs(730 * 86_400);
/// For how long the login link is good.
pub(super) const LOGIN_PERIOD: Duration = Duration::from_secs(7 * 86_400);
/// Letters and digits of an id that nobody chose.
const ID_LENGTH: usize = 5;

/// The flags of `perdure cloud init`.
#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// Folder of the account, made if it is not there. Required.
    #[arg(long, required = true, value_name = "DIR")]
    directory: PathBuf,
    /// Account ID: 5 to 16 lower-case letters and digits. Drawn where it is not given.
    #[arg(long, value_name = "string", value_parser = account_id)]
    account: Option<AccountId>,
    /// DNS name that the endpoints stand under.
    #[arg(long, value_name = "string", value_parser = domain, default_value = "localhost.test")]
    domain: Domain,
    /// Email address of the owner.
    #[arg(long, value_name = "string")]
    email: Option<String>,
    /// How long the owner's first API key is good.
    #[arg(long, value_name = "duration", value_parser = cli::duration, default_value = "90d")]
    api_key_duration: Duration,
    /// IP address that the server is to listen on.
    #[arg(long, value_name = "string", default_value = "127.0.0.1")]
    ip: std::net::IpAddr,
    /// Port of the data plane.
    #[arg(long, value_name = "int", default_value_t = 7233)]
    data_port: u16,
    /// Port of the control plane.
    #[arg(long, value_name = "int", default_value_t = 7243)]
    control_port: u16,
    /// Port of the web page, on loopback.
    #[arg(long, value_name = "int", default_value_t = 8233)]
    web_port: u16,
}

fn account_id(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).ok_or_else(|| format!("expected {}", AccountId::ACCEPTED))
}

fn domain(text: &str) -> Result<Domain, String> {
    Domain::parse(text).ok_or_else(|| format!("expected {}", Domain::ACCEPTED))
}

/// What the command tells.
struct Outcome {
    file: PathBuf,
    authority: PathBuf,
    account: String,
    email: String,
    login_link: String,
    control_address: String,
    domain: String,
    ip: std::net::IpAddr,
    created: Created,
}

/// Makes the account and tells what its owner needs, as text or as JSON.
///
/// # Errors
/// One line with cause and remedy. What was made until then stays, for nothing there is of use without the rest.
pub(super) fn run(args: &InitArgs, json: bool) -> Result<String, String> {
    let file = args.directory.join("perdure.toml");
    if file.exists() {
        return Err(format!("there is an account already: {}; name another folder", file.display()));
    }
    let account = args.account.clone().unwrap_or_else(drawn_id);
    certificates::create_folder(&args.directory)?;
    let text = configuration(args, &account);
    let authority = make_certificates(args, &account)?;
    certificates::create_folder(&args.directory.join("keys"))?;
    certificates::create_folder(&args.directory.join("data"))?;
    let pem = SigningKey::generate_pem().map_err(|reject| reject.to_string())?;
    certificates::write_secret(&args.directory.join("keys/signing.pem"), &pem)?;
    certificates::write_public(&file, &text)?;
    let config = config::load(&file)?;
    let email = args.email.clone().unwrap_or_else(|| format!("owner@{}", args.domain.0));
    let created = create(&config, &account, &email, args.api_key_duration)?;
    let outcome = Outcome {
        file,
        // What is exported has to hold in every folder.
        authority: std::path::absolute(&authority).unwrap_or(authority),
        email,
        login_link: format!("http://localhost:{}/login?code={}", args.web_port, created.login_code),
        control_address: match args.ip.is_loopback() {
            true => format!("localhost:{}", args.control_port),
            false => format!("saas-api.{}:{}", args.domain.0, args.control_port),
        },
        domain: args.domain.0.clone(),
        ip: args.ip,
        account: account.0,
        created,
    };
    Ok(if json { outcome.json() } else { outcome.text() })
}

/// Five letters and digits, the first a letter, so that it can't be taken for a number anywhere.
fn drawn_id() -> AccountId {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
    const DIGITS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = Uuid::new_v4().as_u128();
    let mut id = String::new();
    for index in 0..ID_LENGTH {
        let from = if index == 0 { LETTERS } else { DIGITS };
        let count = from.len() as u128;
        id.push(char::from(from[(random % count) as usize]));
        random /= count;
    }
    AccountId(id)
}

fn configuration(args: &InitArgs, account: &AccountId) -> String {
    format!(
        "# An account of Perdure. `perdure config keys` shows every key, `perdure config explain KEY` what it means.\n\
         # Paths are relative to this file's folder.\n\n\
         [account]\nid = \"{}\"\ndomain = \"{}\"\n\n\
         [storage]\nfile = \"data/perdure.db\"\n\n\
         [data_plane]\nlisten = \"{}\"\n\n\
         [control_plane]\nlisten = \"{}\"\n\n\
         [web]\nlisten = \"127.0.0.1:{}\"\n\n\
         [tls]\ncertificate = \"tls/server.pem\"\nkey = \"tls/server.key\"\n\n\
         [api_keys]\nsigning_key = \"keys/signing.pem\"\n",
        account.0,
        args.domain.0,
        std::net::SocketAddr::new(args.ip, args.data_port),
        std::net::SocketAddr::new(args.ip, args.control_port),
        args.web_port,
    )
}

/// The authority and the server's certificate; returns the path of the authority's.
fn make_certificates(args: &InitArgs, account: &AccountId) -> Result<PathBuf, String> {
    let domain = &args.domain.0;
    let organization = format!("Perdure account {}", account.0);
    let authority = certificates::authority(&organization, Validity::starting_now(AUTHORITY_PERIOD))?;
    let mut alternative_names = vec![
        format!("*.{}.{domain}", account.0),
        format!("saas-api.{domain}"),
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    if !args.ip.is_loopback() && !args.ip.is_unspecified() {
        alternative_names.push(args.ip.to_string());
    }
    let subject = Subject {
        common_name: format!("saas-api.{domain}"),
        organization,
        organizational_unit: None,
        alternative_names,
    };
    let server = certificates::leaf(&authority, Usage::Server, &subject, Validity::starting_now(SERVER_PERIOD))?;
    let write = |folder: &str, name: &str, pair: &certificates::Pair| -> Result<PathBuf, String> {
        let folder = args.directory.join(folder);
        certificates::create_folder(&folder)?;
        certificates::write_secret(&folder.join(format!("{name}.key")), &pair.key)?;
        let path = folder.join(format!("{name}.pem"));
        certificates::write_public(&path, &pair.certificate)?;
        Ok(path)
    };
    write("tls", "server", &server)?;
    write("ca", "server-ca", &authority)
}

fn create(config: &Config, account: &AccountId, email: &str, api_key_duration: Duration) -> Result<Created, String> {
    let store = SqliteStore::open(&config.storage_file, OpenOptions::default()).map_err(|error| error.to_string())?;
    let at = now_and_seed();
    let new = NewAccount {
        account_id: account.0.clone(),
        owner_email: email.to_owned(),
        api_key_expires: at.now + api_key_duration,
        login_secret: secret(),
        login_expires: at.now + LOGIN_PERIOD,
    };
    control::create_account(&store, &new, &control_settings(config)?, &at).map_err(|error| error.to_string())
}

impl Outcome {
    fn text(&self) -> String {
        let shown = |path: &Path| path.display().to_string();
        let Self { account, control_address, .. } = self;
        let (file, authority) = (shown(&self.file), shown(&self.authority));
        let client_ca =
            cli::own_folder().map_or_else(|| "FILE".to_owned(), |folder| shown(&folder.join("client-ca.pem")));
        format!(
            "Account {account} is made.\n\n  \
             Configuration:  {file}\n  Authority:      {authority}\n  Owner:          {}\n\n\
             Shown this once; keep it where secrets are kept:\n\n  \
             Login link:     {}\n  (opens the web page once, within {} days)\n  API key:        {}\n\n\
             Next:\n\n  perdure server start --config {file}\n\n  \
             export TEMPORAL_CLOUD_API_KEY=<the API key> TEMPORAL_CLOUD_ENDPOINT={control_address}\n  \
             export SSL_CERT_FILE={authority}\n  \
             (what clients, SDKs and command lines trust; or --tls-ca-path, or TEMPORAL_TLS_SERVER_CA_CERT_PATH)\n  \
             perdure cloud cert generate-ca --organization NAME\n  \
             perdure cloud cert generate-leaf --organization NAME\n  \
             perdure cloud namespace create --name NAME --api-key-auth --ca-file {client_ca}\n\n\
             {}.\n",
            self.email,
            self.login_link,
            LOGIN_PERIOD.as_secs() / DAY.as_secs(),
            self.created.api_key,
            self.names(),
        )
    }

    /// What has to be known of names: nothing on one machine, where all is reached as localhost.
    fn names(&self) -> String {
        let Self { account, domain, ip, .. } = self;
        if ip.is_loopback() {
            return "From this machine all is reached as localhost. To use the names of namespaces, add to /etc/hosts what \
                    `perdure cloud namespace create` prints"
                .to_owned();
        }
        format!(
            "Names under {domain} must lead to this machine: put *.{account}.{domain} and saas-api.{domain} into DNS"
        )
    }

    fn json(&self) -> String {
        let value = serde_json::json!({
            "accountId": self.account,
            "config": self.file,
            "domain": self.domain,
            "caCertificate": self.authority,
            "controlPlaneAddress": self.control_address,
            "owner": { "id": self.created.owner_id, "email": self.email },
            "loginLink": self.login_link,
            "apiKeyId": self.created.api_key_id,
            "apiKey": self.created.api_key,
        });
        format!("{value:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_ids_are_ids() {
        for _ in 0..100 {
            let id = drawn_id().0;
            assert!(AccountId::parse(&id).is_some_and(|id| id.0.starts_with(|c: char| c.is_ascii_lowercase())), "{id}");
        }
    }
}
