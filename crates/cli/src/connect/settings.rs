//! From flags and environment to what a connection needs. A flag wins over a variable, a variable over the profile of the
//! configuration file, and that over the default.
//!
//! Empty variables count as absent. TLS is on if anything asks for it (`--tls`, an `https://` address, a certificate,
//! a key, a CA, an API key) and nothing says `--tls=false` or `TEMPORAL_TLS=false`.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

pub(crate) use super::address::Address;
use super::{
    environment::{Environment, HEADER_PREFIX},
    identity::default_identity,
    pem::{Pem, holds_certificate},
    profile,
};
use crate::{
    failure::{Attempt, Failure},
    flags::{
        globals::{ConnectionArgs, Globals},
        values::{boolean, key_value},
    },
};

const DEFAULT_ADDRESS: &str = "localhost:7233";
const DEFAULT_CLOUD_ADDRESS: &str = "localhost:7243";
/// Where the control plane is, by the names that other clients of it read.
const CLOUD_ADDRESSES: [&str; 2] = ["TEMPORAL_CLOUD_ENDPOINT", "TEMPORAL_CLOUD_API_SERVER"];
const CLOUD_API_KEYS: [&str; 2] = ["TEMPORAL_CLOUD_API_KEY", "TEMPORAL_API_KEY"];
const DEFAULT_NAMESPACE: &str = "default";
/// Replaced by the namespace wherever it occurs in an address.
const NAMESPACE_PLACEHOLDER: &str = "${namespace}";
/// How long connecting may take where nothing is said.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a connection needs.
// Without `Debug`: there are secrets in it.
#[derive(Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) address: Address,
    pub(crate) namespace: String,
    pub(crate) identity: String,
    pub(crate) authority: Option<String>,
    pub(crate) api_key: Option<String>,
    /// Request headers, names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// `None` for plaintext.
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) connect_timeout: Duration,
}

/// Certificate chain and private key of the client, in PEM.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Client {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
    /// What each is called where something is wrong with them: its path, or that it was given in itself.
    pub(crate) names: [String; 2],
}

/// Keys and names of a TLS connection, all in PEM.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct TlsSettings {
    pub(crate) client: Option<Client>,
    /// What the server's certificate must be signed by; the system's roots if absent.
    pub(crate) authority: Option<Vec<u8>>,
    /// The name that the server's certificate must carry; the host if absent.
    pub(crate) server_name: Option<String>,
}

/// The namespace that commands act on.
pub(crate) fn namespace(globals: &Globals, environment: &Environment) -> Result<String, Failure> {
    Ok(named_namespace(globals, environment)?.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()))
}

/// The namespace that was named, be it by flag, by variable or in the profile.
pub(crate) fn named_namespace(globals: &Globals, environment: &Environment) -> Result<Option<String>, Failure> {
    let environment = profile::layered(globals, environment)?;
    Ok(Source::new(globals, &environment).flag_or(&globals.connection.namespace, "TEMPORAL_NAMESPACE"))
}

/// Resolves flags and environment for the control plane. It always speaks TLS unless told otherwise, wants an API key,
/// and has no use for a client certificate or a namespace.
pub(crate) fn resolve_cloud(globals: &Globals, environment: &Environment) -> Result<Settings, Failure> {
    let environment = profile::layered(globals, environment)?;
    let source = Source::new(globals, &environment);
    source.refuse_what_is_missing()?;
    let args = &globals.connection;
    let variable = |names: [&str; 2]| names.iter().find_map(|name| source.variable(name));
    let address = args.address.clone().or_else(|| variable(CLOUD_ADDRESSES));
    let address = source.address(&address.unwrap_or_else(|| DEFAULT_CLOUD_ADDRESS.to_owned()))?;
    let api_key = args.api_key.clone().or_else(|| variable(CLOUD_API_KEYS));
    if api_key.is_none() {
        return Err(Failure::told(
            "no API key is given: pass --api-key or set TEMPORAL_CLOUD_API_KEY. The first key of an account is the one \
             that `perdure cloud init` prints; `perdure cloud apikey create` makes more",
        ));
    }
    let plain = address.tls == Some(false);
    let tls = source.tls(&address, !plain)?.map(|tls| TlsSettings { client: None, ..tls });
    Ok(Settings { namespace: String::new(), tls, api_key, ..source.common(address)? })
}

/// The files that a connection's certificates are in, as far as they are files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// Certificate and private key of the client.
    pub(crate) client: Option<(String, String)>,
    /// The authority that servers must be signed by, which the system may have been told by `SSL_CERT_FILE`.
    pub(crate) authority: Option<String>,
}

/// Which files flags and environment name for certificates.
///
/// # Errors
/// The configuration file can't be read.
pub(crate) fn files(globals: &Globals, environment: &Environment) -> Result<Files, Failure> {
    let environment = profile::layered(globals, environment)?;
    let source = Source::new(globals, &environment);
    let named = |flag: &Option<String>, variables: [&str; 2]| {
        flag.clone().or_else(|| variables.iter().find_map(|name| source.variable(name)))
    };
    let args = &globals.connection;
    let certificate = named(&args.tls_cert_path, ["TEMPORAL_TLS_CERT", "TEMPORAL_TLS_CLIENT_CERT_PATH"]);
    let key = named(&args.tls_key_path, ["TEMPORAL_TLS_KEY", "TEMPORAL_TLS_CLIENT_KEY_PATH"]);
    let authority = named(&args.tls_ca_path, ["TEMPORAL_TLS_CA", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"]);
    Ok(Files { client: certificate.zip(key), authority: authority.or_else(|| source.variable("SSL_CERT_FILE")) })
}

/// Resolves flags and environment.
pub(crate) fn resolve(globals: &Globals, environment: &Environment) -> Result<Settings, Failure> {
    let environment = profile::layered(globals, environment)?;
    let source = Source::new(globals, &environment);
    source.refuse_what_is_missing()?;
    let args = &globals.connection;
    let namespace =
        source.flag_or(&args.namespace, "TEMPORAL_NAMESPACE").unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
    let address = source.flag_or(&args.address, "TEMPORAL_ADDRESS").unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
    let address = source.address(&address.replace(NAMESPACE_PLACEHOLDER, &namespace))?;
    let api_key = source.flag_or(&args.api_key, "TEMPORAL_API_KEY");
    let tls = source.tls(&address, api_key.is_some())?;
    Ok(Settings { namespace, tls, api_key, ..source.common(address)? })
}

struct Source<'a> {
    args: &'a ConnectionArgs,
    globals: &'a Globals,
    environment: &'a Environment,
}

impl<'a> Source<'a> {
    fn new(globals: &'a Globals, environment: &'a Environment) -> Self {
        Self { args: &globals.connection, globals, environment }
    }

    /// A variable that is set to something.
    fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn flag_or(&self, flag: &Option<String>, variable: &str) -> Option<String> {
        flag.clone().or_else(|| self.variable(variable))
    }

    fn truth(&self, variable: &str) -> Result<Option<bool>, Failure> {
        let value = self.variable(variable);
        let parsed = value.map(|value| boolean(&value)).transpose();
        parsed.map_err(|error| Failure::told(format!("failed loading client config: invalid {variable}: {error}")))
    }

    /// Options that are known but not served: refusing them is better than to print what was to be decoded, or to
    /// connect where the environment file says otherwise.
    fn refuse_what_is_missing(&self) -> Result<(), Failure> {
        let general = &self.globals.general;
        let missing = [
            ("--codec-endpoint", self.flag_or(&self.args.codec_endpoint, "TEMPORAL_CODEC_ENDPOINT").is_some()),
            ("--env", general.env.as_ref().is_some_and(|name| name != "default")),
            ("--env-file", general.env_file.is_some()),
            ("--tls-disable-host-verification", {
                let variable = self.truth("TEMPORAL_TLS_DISABLE_HOST_VERIFICATION")?;
                self.args.tls_disable_host_verification || variable == Some(true)
            }),
        ];
        match missing.iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(Failure::told(format!("{flag} is not available yet; leave it out"))),
            None => self.refuse_environment_that_is_there(),
        }
    }

    /// The variable `TEMPORAL_ENV` is set for other reasons too, and then names nothing. Where a file has an environment of that
    /// name, the commands are meant to go where it says.
    fn refuse_environment_that_is_there(&self) -> Result<(), Failure> {
        let Some(name) = self.variable("TEMPORAL_ENV").filter(|name| name != "default") else { return Ok(()) };
        let file = self.variable("TEMPORAL_ENV_FILE").map(PathBuf::from);
        let Some(file) = file.or_else(|| profile::file_of_environments(self.environment)) else { return Ok(()) };
        let text = fs::read_to_string(&file).unwrap_or_default();
        let is_key =
            |line: &str| line.trim().strip_suffix(':').is_some_and(|key| key.trim_matches(['"', '\'']) == name);
        if !text.lines().any(is_key) {
            return Ok(());
        }
        Err(Failure::told(format!(
            "TEMPORAL_ENV names environment {name:?} of {file:?}, and such files are not read yet: make it a profile of \
             temporal.toml, name that by --profile, and unset TEMPORAL_ENV"
        )))
    }

    fn address(&self, text: &str) -> Result<Address, Failure> {
        Address::parse(text).map_err(Failure::told).attempt(&format!("failed connecting to Temporal server at {text}"))
    }

    /// What does not depend on whom to talk to; no namespace, no key and no TLS.
    fn common(&self, address: Address) -> Result<Settings, Failure> {
        let connect_timeout = match self.globals.general.client_connect_timeout {
            Some(timeout) if timeout.is_positive() => timeout.unsigned_abs(),
            Some(_) | None => DEFAULT_CONNECT_TIMEOUT,
        };
        let identity = self.args.identity.clone();
        Ok(Settings {
            address,
            namespace: String::new(),
            identity: identity.unwrap_or_else(|| default_identity(|name| self.environment.get(name).cloned())),
            authority: self.flag_or(&self.args.client_authority, "TEMPORAL_CLIENT_AUTHORITY"),
            api_key: None,
            headers: self.headers()?,
            tls: None,
            connect_timeout,
        })
    }

    fn headers(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut headers = BTreeMap::new();
        for (name, value) in self.environment {
            if let Some(key) = name.strip_prefix(HEADER_PREFIX) {
                headers.insert(key.to_ascii_lowercase().replace('_', "-"), value.clone());
            }
        }
        for item in &self.args.grpc_meta {
            let (key, value) = key_value(item).map_err(|_| {
                Failure::told(format!("invalid gRPC meta: invalid format {item:?}, expected KEY=VALUE"))
            })?;
            headers.insert(key.to_ascii_lowercase(), value.to_owned());
        }
        Ok(headers)
    }

    fn tls(&self, address: &Address, api_key: bool) -> Result<Option<TlsSettings>, Failure> {
        let args = self.args;
        let certificate = self.pem(
            "client cert",
            [&args.tls_cert_path, &args.tls_cert_data],
            [
                ["TEMPORAL_TLS_CERT", "TEMPORAL_TLS_CLIENT_CERT_PATH"],
                ["TEMPORAL_TLS_CERT_DATA", "TEMPORAL_TLS_CLIENT_CERT_DATA"],
            ],
        )?;
        let key = self.pem(
            "client key",
            [&args.tls_key_path, &args.tls_key_data],
            [
                ["TEMPORAL_TLS_KEY", "TEMPORAL_TLS_CLIENT_KEY_PATH"],
                ["TEMPORAL_TLS_KEY_DATA", "TEMPORAL_TLS_CLIENT_KEY_DATA"],
            ],
        )?;
        let authority = self.pem(
            "server CA cert",
            [&args.tls_ca_path, &args.tls_ca_data],
            [
                ["TEMPORAL_TLS_CA", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"],
                ["TEMPORAL_TLS_CA_DATA", "TEMPORAL_TLS_SERVER_CA_CERT_DATA"],
            ],
        )?;
        let server_name = self.flag_or(&args.tls_server_name, "TEMPORAL_TLS_SERVER_NAME");
        let said = args.tls.or(self.truth("TEMPORAL_TLS")?).or(address.tls.filter(|tls| *tls));
        let implied = api_key || certificate.is_some() || key.is_some() || authority.is_some();
        if !said.unwrap_or(implied) {
            return Ok(None);
        }
        let client = match (certificate, key) {
            (Some(certificate), Some(key)) => {
                let names = [certificate.name(), key.name()];
                Some(Client { certificate: certificate.read()?, key: key.read()?, names })
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(Failure::told(
                    "failed to build client options: invalid TLS config: if either client cert or key path is \
                     present, other must be present too",
                ));
            }
        };
        let authority = authority.map(Pem::read).transpose()?;
        if authority.as_ref().is_some_and(|pem| !holds_certificate(pem)) {
            let text = "failed to build client options: invalid TLS config: failed adding server CA to CA pool";
            return Err(Failure::told(text));
        }
        Ok(Some(TlsSettings { client, authority, server_name }))
    }

    /// What is given by flags, else by variables; as a path or in itself.
    ///
    /// # Errors
    /// Both are given, and the user can have meant only one.
    fn pem(&self, what: &str, flags: [&Option<String>; 2], variables: [[&str; 2]; 2]) -> Result<Option<Pem>, Failure> {
        let of_flags = Pem::given(what, flags[0].clone(), flags[1].clone())?;
        let variable = |names: [&str; 2]| names.iter().find_map(|name| self.variable(name));
        match of_flags {
            Some(pem) => Ok(Some(pem)),
            None => Pem::given(what, variable(variables[0]), variable(variables[1])),
        }
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

    fn settings(line: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
        let globals = Line::try_parse_from(line.split_whitespace()).unwrap().globals;
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        resolve(&globals, &environment).map_err(|failure| failure.to_string())
    }

    #[test]
    fn defaults() {
        let settings = settings("x", &[]).unwrap();
        assert_eq!(settings.address.authority(), "localhost:7233");
        assert_eq!(settings.namespace, "default");
        assert!(settings.tls.is_none());
        assert_eq!(settings.connect_timeout, Duration::from_secs(5));
    }

    #[test]
    fn flags_win_over_variables() {
        let environment = [("TEMPORAL_ADDRESS", "env:1"), ("TEMPORAL_NAMESPACE", "env"), ("TEMPORAL_API_KEY", "")];
        let from_environment = settings("x", &environment).unwrap();
        assert_eq!((from_environment.address.authority(), from_environment.namespace), ("env:1".into(), "env".into()));
        assert_eq!(from_environment.api_key, None);
        let from_flags = settings("x --address flag:2 -n flag", &environment).unwrap();
        assert_eq!((from_flags.address.authority(), from_flags.namespace), ("flag:2".into(), "flag".into()));
        let off = settings("x --disable-config-env", &environment).unwrap();
        assert_eq!(off.namespace, "default");
    }

    #[test]
    fn what_turns_tls_on() {
        for (line, environment, wanted) in [
            ("x --tls", &[][..], true),
            ("x --tls=false --address https://a:1", &[], false),
            ("x --address https://a:1", &[], true),
            ("x --address http://a:1 --api-key k", &[], true),
            ("x --api-key k", &[], true),
            ("x --api-key k --tls=false", &[], false),
            ("x", &[("TEMPORAL_TLS", "true")], true),
            ("x --api-key k", &[("TEMPORAL_TLS", "false")], false),
            ("x", &[("TEMPORAL_TLS_SERVER_CA_CERT_DATA", "-----BEGIN CERTIFICATE-----")], true),
        ] {
            assert_eq!(settings(line, environment).unwrap().tls.is_some(), wanted, "{line}");
        }
    }

    fn cloud(line: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
        let globals = Line::try_parse_from(line.split_whitespace()).unwrap().globals;
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        resolve_cloud(&globals, &environment).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_control_plane_has_an_address_and_a_key_of_its_own() {
        let environment = [
            ("TEMPORAL_ADDRESS", "data:1"),
            ("TEMPORAL_CLOUD_ENDPOINT", "cloud:2"),
            ("TEMPORAL_API_KEY", "data-key"),
            ("TEMPORAL_NAMESPACE", "a.b"),
        ];
        let settings = cloud("x", &environment).unwrap();
        assert_eq!((settings.address.authority(), settings.api_key), ("cloud:2".into(), Some("data-key".into())));
        assert!(settings.tls.is_some() && settings.namespace.is_empty());
        let settings = cloud("x --api-key k", &[]).unwrap();
        assert_eq!((settings.address.authority(), settings.api_key), ("localhost:7243".into(), Some("k".into())));
        assert!(cloud("x --api-key k --tls=false", &[]).unwrap().tls.is_none());
        assert!(cloud("x --api-key k --address http://a:1", &[]).unwrap().tls.is_none());
        assert!(cloud("x", &[]).err().unwrap().starts_with("no API key is given: pass --api-key"));
    }

    #[test]
    fn a_certificate_is_a_path_or_data_and_not_both() {
        let both = |what: &str| {
            format!("failed to build client options: invalid TLS config: cannot have {what} path with data")
        };
        let ca = ["TEMPORAL_TLS_SERVER_CA_CERT_PATH", "TEMPORAL_TLS_SERVER_CA_CERT_DATA"].map(|name| (name, "x"));
        let old_and_new = ["TEMPORAL_TLS_CERT", "TEMPORAL_TLS_CLIENT_CERT_DATA"].map(|name| (name, "x"));
        let rows = [
            ("x --tls-cert-path c --tls-cert-data d", &[][..], "client cert"),
            ("x --tls-key-path c --tls-key-data d", &[], "client key"),
            ("x", &ca, "server CA cert"),
            ("x", &old_and_new, "client cert"),
        ];
        for (line, environment, what) in rows {
            assert_eq!(settings(line, environment).err(), Some(both(what)), "{line}");
        }
        let file = std::env::temp_dir().join(format!("both-{}.toml", uuid::Uuid::new_v4()));
        fs::write(&file, "[profile.default.tls]\nclient_cert_path = \"c\"\nclient_cert_data = \"d\"\n").unwrap();
        let of_profile = settings(&format!("x --config-file {}", file.display()), &[]).err();
        // A flag of either kind stands before both.
        let of_flag = settings(&format!("x --config-file {} --tls-cert-path /nowhere", file.display()), &[]).err();
        fs::remove_file(file).unwrap();
        assert_eq!(of_profile, Some(both("client cert")));
        assert!(of_flag.unwrap().contains("if either client cert or key path is present"));
    }

    #[test]
    fn an_environment_that_no_file_has_breaks_nothing() {
        let file = std::env::temp_dir().join(format!("environments-{}.yaml", uuid::Uuid::new_v4()));
        fs::write(&file, "env:\n  prod:\n    address: a:1\n").unwrap();
        let path = file.to_str().unwrap();
        for name in ["staging", "default"] {
            let settings = settings("x", &[("TEMPORAL_ENV", name), ("TEMPORAL_ENV_FILE", path)]).unwrap();
            assert_eq!(settings.address.authority(), "localhost:7233");
        }
        let refused = settings("x", &[("TEMPORAL_ENV", "prod"), ("TEMPORAL_ENV_FILE", path)]).err().unwrap();
        fs::remove_file(&file).unwrap();
        assert!(
            refused.contains("TEMPORAL_ENV") && refused.contains(path) && refused.contains("--profile"),
            "{refused}"
        );
        assert!(
            settings("x", &[("TEMPORAL_ENV", "prod"), ("TEMPORAL_ENV_FILE", path)]).is_ok(),
            "there is no such file"
        );
        assert_eq!(settings("x --env prod", &[]).err().unwrap(), "--env is not available yet; leave it out");
    }

    #[test]
    fn headers_come_from_flags_and_variables() {
        let environment = [("TEMPORAL_GRPC_META_X_A", "env"), ("TEMPORAL_GRPC_META_B", "env")];
        let headers = settings("x --grpc-meta x-a=flag=1", &environment).unwrap().headers;
        let wanted = [("b".to_owned(), "env".to_owned()), ("x-a".to_owned(), "flag=1".to_owned())];
        assert_eq!(headers, BTreeMap::from(wanted));
    }

    #[test]
    fn the_namespace_may_be_part_of_the_address() {
        let settings = settings("x --address ${namespace}.tmprl.cloud:7233 -n a.b", &[]).unwrap();
        assert_eq!(settings.address.host, "a.b.tmprl.cloud");
    }

    #[test]
    fn complaints() {
        for (line, environment, wanted) in [
            (
                "x --tls-cert-path /nonexistent/c.pem",
                &[][..],
                "failed to build client options: invalid TLS config: if either client cert or key path is present, \
                 other must be present too",
            ),
            (
                "x --tls-ca-path /nonexistent/c.pem",
                &[],
                "failed preparing Temporal server connection: cannot read file \"/nonexistent/c.pem\": No such file or \
                 directory (os error 2)\n\n  Cannot read \"/nonexistent/c.pem\" — check that the path exists and is \
                 readable.",
            ),
            ("x --grpc-meta a", &[], "invalid gRPC meta: invalid format \"a\", expected KEY=VALUE"),
            ("x --codec-endpoint http://c", &[], "--codec-endpoint is not available yet; leave it out"),
            (
                "x",
                &[("TEMPORAL_PROFILE", "prod")],
                "failed loading client config: unable to find profile prod in config data",
            ),
            (
                "x --address a:b",
                &[],
                "failed connecting to Temporal server at a:b: invalid target address a:b: invalid port \"b\"",
            ),
        ] {
            assert_eq!(settings(line, environment).err().as_deref(), Some(wanted));
        }
    }
}
