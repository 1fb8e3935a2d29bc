//! `perdure cloud recover`: an API key and a login link for an owner who has lost both, made on the machine that has the
//! data. It asks for no credential but the right to write the file, and stands in the audit log.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use control::{Created, Recovery};
use store_sqlite::{OpenOptions, SqliteStore};

use super::init::{DAY, LOGIN_PERIOD};
use crate::{
    config,
    server::{control_settings, now_and_seed, secret},
};

/// The flags of `perdure cloud recover`.
#[derive(Args, Debug)]
pub(crate) struct RecoverArgs {
    /// Configuration of the server, which must not run. Required.
    #[arg(long, required = true, value_name = "FILE")]
    config: PathBuf,
    /// Email address of the owner, where there are several.
    #[arg(long, value_name = "string")]
    email: Option<String>,
    /// How long the new API key is good.
    #[arg(long, value_name = "duration", value_parser = cli::duration, default_value = "90d")]
    api_key_duration: Duration,
}

/// Makes the key and the link and tells them, as text or as JSON.
///
/// # Errors
/// One line with cause and remedy.
pub(super) fn run(args: &RecoverArgs, json: bool) -> Result<String, String> {
    let config = config::load(&args.config)?;
    if !config.storage_file.exists() {
        return Err(format!("there is no data at {}", config.storage_file.display()));
    }
    let settings = control_settings(&config)?;
    let store = SqliteStore::open(&config.storage_file, OpenOptions::default()).map_err(|error| error.to_string())?;
    let at = now_and_seed();
    let recovery = Recovery {
        email: args.email.clone(),
        operator: operator(),
        api_key_expires: at.now + args.api_key_duration,
        login_secret: secret(),
        login_expires: at.now + LOGIN_PERIOD,
    };
    let (email, created) =
        control::recover_owner(&store, &recovery, &settings, &at).map_err(|error| error.to_string())?;
    let link = match settings.web_address.as_str() {
        "" => None,
        web => Some(format!("{web}/login?code={}", created.login_code)),
    };
    Ok(if json { as_json(&email, &created, link.as_deref()) } else { as_text(&email, &created, link.as_deref()) })
}

/// Who does it, as the system says.
fn operator() -> String {
    let id = rustix::process::getuid().as_raw();
    match std::env::var("USER") {
        Ok(name) if !name.is_empty() => format!("{name} (user id {id})"),
        _ => format!("user id {id}"),
    }
}

fn as_text(email: &str, created: &Created, link: Option<&str>) -> String {
    let days = LOGIN_PERIOD.as_secs() / DAY.as_secs();
    let link = link.map(|link| format!("  Login link:     {link}\n  (opens the web page once, within {days} days)\n"));
    format!(
        "Owner {email} has a new API key. What the owner has had stays good; delete what is not to: perdure cloud apikey \
         list.\n\nShown this once; keep it where secrets are kept:\n\n{}  API key:        {}\n\nIt is written down in the \
         audit log as {}.\n",
        link.unwrap_or_default(),
        created.api_key,
        control::RECOVER_OWNER,
    )
}

fn as_json(email: &str, created: &Created, link: Option<&str>) -> String {
    let value = serde_json::json!({
        "owner": { "id": created.owner_id, "email": email },
        "loginLink": link,
        "apiKeyId": created.api_key_id,
        "apiKey": created.api_key,
    });
    format!("{value:#}\n")
}
