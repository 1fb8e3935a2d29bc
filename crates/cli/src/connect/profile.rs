//! The profile of the configuration file that the SDKs and the command line share: `temporalio/temporal.toml` in the
//! user's directory for configuration.
//!
//! A profile says what variables say, so it is read into variables that stand behind those of the process. What each of
//! them means is not decided here, see `settings`. Keys that are not known are passed over, as the SDKs do: a file may be
//! written for a newer client.

use std::{fs, io::ErrorKind, path::PathBuf};

use toml::de::{DeTable, DeValue};

use super::environment::{Environment, HEADER_PREFIX};
use crate::{failure::Failure, flags::globals::Globals};

const DEFAULT_PROFILE: &str = "default";
/// Under the directory for configuration.
const FILE: [&str; 2] = ["temporalio", "temporal.toml"];
/// Variables of this prefix are ours.
const OWN_PREFIX: &str = "TEMPORAL_";

/// Keys of a profile that hold a text, and their variables.
const TEXTS: [(&str, &str); 4] = [
    ("address", "TEMPORAL_ADDRESS"),
    ("namespace", "TEMPORAL_NAMESPACE"),
    ("api_key", "TEMPORAL_API_KEY"),
    ("authority", "TEMPORAL_CLIENT_AUTHORITY"),
];
/// The same of its table `tls`. Of what can be given as a file or in itself, a variable of either kind hides both.
const TLS_TEXTS: [(&str, &str, &[&str]); 7] = [
    ("client_cert_path", "TEMPORAL_TLS_CLIENT_CERT_PATH", &CERTIFICATE),
    ("client_cert_data", "TEMPORAL_TLS_CLIENT_CERT_DATA", &CERTIFICATE),
    ("client_key_path", "TEMPORAL_TLS_CLIENT_KEY_PATH", &KEY),
    ("client_key_data", "TEMPORAL_TLS_CLIENT_KEY_DATA", &KEY),
    ("server_ca_cert_path", "TEMPORAL_TLS_SERVER_CA_CERT_PATH", &AUTHORITY),
    ("server_ca_cert_data", "TEMPORAL_TLS_SERVER_CA_CERT_DATA", &AUTHORITY),
    ("server_name", "TEMPORAL_TLS_SERVER_NAME", &[]),
];
const CERTIFICATE: [&str; 4] =
    ["TEMPORAL_TLS_CERT", "TEMPORAL_TLS_CERT_DATA", "TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_TLS_CLIENT_CERT_DATA"];
const KEY: [&str; 4] =
    ["TEMPORAL_TLS_KEY", "TEMPORAL_TLS_KEY_DATA", "TEMPORAL_TLS_CLIENT_KEY_PATH", "TEMPORAL_TLS_CLIENT_KEY_DATA"];
const AUTHORITY: [&str; 4] =
    ["TEMPORAL_TLS_CA", "TEMPORAL_TLS_CA_DATA", "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "TEMPORAL_TLS_SERVER_CA_CERT_DATA"];
/// The same of its table `codec`.
const CODEC_TEXTS: [(&str, &str); 2] = [("endpoint", "TEMPORAL_CODEC_ENDPOINT"), ("auth", "TEMPORAL_CODEC_AUTH")];

/// The environment that a connection is made from: the process's own, without our variables under
/// `--disable-config-env`, and behind it the profile, unless `--disable-config-file` is given.
///
/// # Errors
/// The file can't be read or understood, or has no profile of the name that was given. A file that does not exist says
/// nothing.
pub(super) fn layered(globals: &Globals, environment: &Environment) -> Result<Environment, Failure> {
    let general = &globals.general;
    let given = |flag: &Option<String>, variable: &str| {
        let variable = environment.get(variable).filter(|value| !value.is_empty());
        flag.clone().filter(|value| !value.is_empty()).or_else(|| variable.cloned())
    };
    let mut layered = environment.clone();
    if general.disable_config_env {
        layered.retain(|name, _| !name.starts_with(OWN_PREFIX));
    }
    if general.disable_config_file {
        return Ok(layered);
    }
    let file = given(&general.config_file, "TEMPORAL_CONFIG_FILE").map(PathBuf::from);
    let text = match file.or_else(|| default_file(environment)) {
        Some(file) => read(&file)?,
        None => String::new(),
    };
    let named = given(&general.profile, "TEMPORAL_PROFILE");
    for (variable, value, hidden_by) in variables(&text, named.as_deref())? {
        let is_set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
        let is_hidden = !general.disable_config_env && (is_set(&variable) || hidden_by.iter().any(|name| is_set(name)));
        if !is_hidden {
            layered.insert(variable, value);
        }
    }
    Ok(layered)
}

/// The properties of a profile, and whether each is a truth value.
pub(crate) const KEYS: [(&str, bool); 16] = [
    ("address", false),
    ("api_key", false),
    ("authority", false),
    ("codec.auth", false),
    ("codec.endpoint", false),
    ("namespace", false),
    ("tls", true),
    ("tls.client_cert_data", false),
    ("tls.client_cert_path", false),
    ("tls.client_key_data", false),
    ("tls.client_key_path", false),
    ("tls.disable_host_verification", true),
    ("tls.disabled", true),
    ("tls.server_ca_cert_data", false),
    ("tls.server_ca_cert_path", false),
    ("tls.server_name", false),
];

/// The text of a file of profiles.
///
/// # Errors
/// The text is not TOML.
pub(crate) fn table(text: &str) -> Result<toml::Spanned<DeTable<'_>>, Failure> {
    DeTable::parse(text).map_err(|error| Document { text }.failure(error.span(), error.message()))
}

/// The profiles of such a table, by name.
pub(crate) fn profiles<'t, 'i>(table: &'t DeTable<'i>) -> Option<&'t DeTable<'i>> {
    table.get("profile").and_then(|value| value.get_ref().as_table())
}

/// Where the file is if neither a flag nor a variable says.
fn default_file(environment: &Environment) -> Option<PathBuf> {
    user_folder(environment).map(|directory| FILE.iter().fold(directory, |path, part| path.join(part)))
}

/// Where the older environments are kept if nothing says.
pub(super) fn file_of_environments(environment: &Environment) -> Option<PathBuf> {
    user_folder(environment).map(|directory| directory.join(FILE[0]).join("temporal.yaml"))
}

/// The file that these flags and this environment name, or the default one.
pub(crate) fn file(globals: &Globals, environment: &Environment) -> Option<PathBuf> {
    let named = environment.get("TEMPORAL_CONFIG_FILE").filter(|value| !value.is_empty());
    let named = globals.general.config_file.as_ref().filter(|value| !value.is_empty()).or(named);
    named.map(PathBuf::from).or_else(|| default_file(environment))
}

/// Whether the text of a file has a profile of this name.
///
/// # Errors
/// The text is not TOML.
pub(crate) fn has(text: &str, name: &str) -> Result<bool, Failure> {
    let table = table(text)?;
    Ok(profiles(table.get_ref()).is_some_and(|profiles| profiles.contains_key(name)))
}

/// The directory that the operating system has for a user's configuration. Source: the XDG base directory specification;
/// what the SDKs take on other systems.
pub(crate) fn user_folder(environment: &Environment) -> Option<PathBuf> {
    let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if cfg!(windows) {
        variable("AppData")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library").join("Application Support"))
    } else {
        variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")))
    }
}

pub(crate) fn read(file: &PathBuf) -> Result<String, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Failure::told(format!("failed loading client config: cannot read file {file:?}: {error}"))),
    }
}

/// A variable, its value, and the variables that hide it though they have other names.
type Variable = (String, String, &'static [&'static str]);

/// What the profile of this name says, as variables; without a name the default one, which need not be there.
fn variables(text: &str, named: Option<&str>) -> Result<Vec<Variable>, Failure> {
    let document = Document { text };
    let table = table(text)?;
    let name = named.unwrap_or(DEFAULT_PROFILE);
    let profiles = profiles(table.get_ref());
    let Some(profile) = profiles.and_then(|profiles| profiles.get(name)) else {
        return match named {
            Some(name) => {
                let text = format!("failed loading client config: unable to find profile {name} in config data");
                Err(Failure::told(text))
            }
            None => Ok(Vec::new()),
        };
    };
    let profile = document.table(profile)?;
    let mut found = Vec::new();
    for (key, variable) in TEXTS {
        found.extend(document.text(profile, key)?.map(|value| (variable.to_owned(), value, &[][..])));
    }
    if let Some(tls) = profile.get("tls") {
        let tls = document.table(tls)?;
        let disabled = document.truth(tls, "disabled")?.unwrap_or(false);
        // The table alone turns TLS on.
        found.push(("TEMPORAL_TLS".to_owned(), (!disabled).to_string(), &[]));
        let unverified = document.truth(tls, "disable_host_verification")?.unwrap_or(false);
        found.push(("TEMPORAL_TLS_DISABLE_HOST_VERIFICATION".to_owned(), unverified.to_string(), &[]));
        for (key, variable, hidden_by) in TLS_TEXTS {
            found.extend(document.text(tls, key)?.map(|value| (variable.to_owned(), value, hidden_by)));
        }
    }
    if let Some(codec) = profile.get("codec") {
        let codec = document.table(codec)?;
        for (key, variable) in CODEC_TEXTS {
            found.extend(document.text(codec, key)?.map(|value| (variable.to_owned(), value, &[][..])));
        }
    }
    if let Some(headers) = profile.get("grpc_meta") {
        let headers = document.table(headers)?;
        for key in headers.keys() {
            let variable = format!("{HEADER_PREFIX}{}", key.get_ref().to_ascii_uppercase().replace('-', "_"));
            found.extend(document.text(headers, key.get_ref())?.map(|value| (variable, value, &[][..])));
        }
    }
    Ok(found)
}

/// The text of the file, to tell the line of what is wrong with it.
struct Document<'a> {
    text: &'a str,
}

impl Document<'_> {
    /// The text at a key; an empty one is none.
    fn text(&self, table: &DeTable<'_>, key: &str) -> Result<Option<String>, Failure> {
        let Some(value) = table.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::String(text) if text.is_empty() => Ok(None),
            DeValue::String(text) => Ok(Some(text.to_string())),
            other => Err(self.mistyped(value.span(), key, "a string", other)),
        }
    }

    fn truth(&self, table: &DeTable<'_>, key: &str) -> Result<Option<bool>, Failure> {
        let Some(value) = table.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Boolean(truth) => Ok(Some(*truth)),
            other => Err(self.mistyped(value.span(), key, "a boolean", other)),
        }
    }

    fn table<'t, 'v>(&self, value: &'t toml::Spanned<DeValue<'v>>) -> Result<&'t DeTable<'v>, Failure> {
        let not_one =
            || self.failure(Some(value.span()), &format!("expected a table, found {}", value.get_ref().type_str()));
        value.get_ref().as_table().ok_or_else(not_one)
    }

    fn mistyped(&self, span: std::ops::Range<usize>, key: &str, wanted: &str, found: &DeValue<'_>) -> Failure {
        self.failure(Some(span), &format!("{key} is to be {wanted}, found {}", found.type_str()))
    }

    fn failure(&self, span: Option<std::ops::Range<usize>>, what: &str) -> Failure {
        let line = span.map_or(1, |span| self.text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1);
        Failure::told(format!("failed loading client config: failed parsing config: toml: line {line}: {what}"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        globals: Globals,
    }

    const FILE_TEXT: &str = r#"
        color = "of a newer client"
        [profile.default]
        address = "default:1"
        [profile.prod]
        address = "prod:1"
        namespace = "bank"
        api_key = "secret"
        unknown = 5
        [profile.prod.tls]
        client_cert_path = "/c.pem"
        client_key_data = "key"
        server_name = "prod"
        [profile.prod.grpc_meta]
        team-name = "payments"
        empty = ""
        [profile.plain]
        api_key = "secret"
        tls = { disabled = true, disable_host_verification = true }
        codec = { endpoint = "http://codec" }
    "#;

    fn said(text: &str, named: Option<&str>) -> Result<Vec<String>, String> {
        let found = variables(text, named).map_err(|failure| failure.to_string())?;
        Ok(found.into_iter().map(|(variable, value, _)| format!("{variable}={value}")).collect())
    }

    #[test]
    fn a_profile_says_what_variables_say() {
        assert_eq!(said(FILE_TEXT, None).unwrap(), ["TEMPORAL_ADDRESS=default:1"]);
        assert_eq!(
            said(FILE_TEXT, Some("prod")).unwrap(),
            [
                "TEMPORAL_ADDRESS=prod:1",
                "TEMPORAL_NAMESPACE=bank",
                "TEMPORAL_API_KEY=secret",
                "TEMPORAL_TLS=true",
                "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION=false",
                "TEMPORAL_TLS_CLIENT_CERT_PATH=/c.pem",
                "TEMPORAL_TLS_CLIENT_KEY_DATA=key",
                "TEMPORAL_TLS_SERVER_NAME=prod",
                "TEMPORAL_GRPC_META_TEAM_NAME=payments",
            ]
        );
        assert_eq!(
            said(FILE_TEXT, Some("plain")).unwrap(),
            [
                "TEMPORAL_API_KEY=secret",
                "TEMPORAL_TLS=false",
                "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION=true",
                "TEMPORAL_CODEC_ENDPOINT=http://codec",
            ]
        );
    }

    #[test]
    fn only_a_profile_that_was_named_has_to_be_there() {
        assert_eq!(said("", None).unwrap(), [""; 0]);
        assert_eq!(said("profile = 3", None).unwrap(), [""; 0]);
        let text = "failed loading client config: unable to find profile Prod in config data";
        assert_eq!(said(FILE_TEXT, Some("Prod")).unwrap_err(), text);
        assert_eq!(said("", Some("default")).unwrap_err(), text.replace("Prod", "default"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let begin = "failed loading client config: failed parsing config: toml: line";
        for (text, wanted) in [
            ("[profile.default]\naddress = 3", "2: address is to be a string, found integer"),
            ("[profile]\ndefault = \"x\"", "2: expected a table, found string"),
            ("[profile.default]\ntls = 1", "2: expected a table, found integer"),
            ("[profile.default]\n\ntls.disabled = \"yes\"", "3: disabled is to be a boolean, found string"),
        ] {
            assert_eq!(said(text, None).unwrap_err(), format!("{begin} {wanted}"));
        }
        assert!(said("\na = = 3", None).unwrap_err().starts_with(&format!("{begin} 2: ")));
    }

    /// The environment in which a command line is read, in a home of its own that has the file.
    fn layer(line: &str, own: &[(&str, &str)]) -> Result<Environment, String> {
        let home = std::env::temp_dir().join(format!("profile-{}", uuid::Uuid::new_v4()));
        let file = default_file(&Environment::from([home_variable(&home)])).unwrap();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, FILE_TEXT).unwrap();
        let globals = Line::try_parse_from(line.split_whitespace()).unwrap().globals;
        let mut environment = Environment::from([home_variable(&home)]);
        environment.extend(own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let layered = layered(&globals, &environment).map_err(|failure| failure.to_string());
        fs::remove_dir_all(home).unwrap();
        layered
    }

    fn home_variable(home: &std::path::Path) -> (String, String) {
        let name = if cfg!(windows) { "AppData" } else { "HOME" };
        (name.to_owned(), home.to_str().unwrap().to_owned())
    }

    #[test]
    fn variables_stand_before_the_profile() {
        for (line, own, address) in [
            ("x", &[][..], Some("default:1")),
            ("x --profile prod", &[], Some("prod:1")),
            ("x", &[("TEMPORAL_PROFILE", "prod")], Some("prod:1")),
            ("x --profile default", &[("TEMPORAL_PROFILE", "prod")], Some("default:1")),
            ("x", &[("TEMPORAL_ADDRESS", "own:2")], Some("own:2")),
            ("x", &[("TEMPORAL_ADDRESS", "")], Some("default:1")),
            // The variables that say which profile are heard even so, as by the official command line.
            ("x --disable-config-env", &[("TEMPORAL_ADDRESS", "own:2"), ("TEMPORAL_PROFILE", "prod")], Some("prod:1")),
            ("x --disable-config-file", &[], None),
            ("x --disable-config-file --profile nosuch", &[], None),
            ("x --config-file /nonexistent.toml", &[], None),
        ] {
            let layered = layer(line, own).unwrap();
            assert_eq!(layered.get("TEMPORAL_ADDRESS").map(String::as_str), address, "{line} {own:?}");
        }
        assert!(layer("x --profile nosuch", &[]).unwrap_err().contains("unable to find profile nosuch"));
    }

    #[test]
    fn a_certificate_of_ones_own_hides_the_profiles_in_either_form() {
        let layered = layer("x --profile prod", &[("TEMPORAL_TLS_CLIENT_CERT_DATA", "own")]).unwrap();
        assert_eq!(layered.get("TEMPORAL_TLS_CLIENT_CERT_PATH"), None);
        assert_eq!(layered.get("TEMPORAL_TLS_CLIENT_CERT_DATA").map(String::as_str), Some("own"));
        assert_eq!(layered.get("TEMPORAL_TLS_CLIENT_KEY_DATA").map(String::as_str), Some("key"));
    }
}
