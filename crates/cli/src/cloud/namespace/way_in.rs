//! The way into a new namespace: a profile for the command line and the SDKs, and a file of variables to source for code that
//! reads the tutorial's. Nothing is put into the folder of an application, and no key is written.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use proto::temporal::api::cloud::{cloudservice::v1::GetNamespaceRequest, namespace::v1::Namespace};

use super::super::present;
use crate::{
    connect::{
        CloudSession, profile,
        settings::{Address, Files},
    },
    context::Context,
    failure::{Attempt, Failure},
};

/// The pair that `perdure cloud cert generate-leaf` makes where no files are named.
const DEFAULT_PAIR: [&str; 2] = ["client.pem", "client.key"];

/// How the clients of a namespace get in from this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WayIn {
    namespace: String,
    /// `host:port`.
    address: String,
    /// The name of the namespace's endpoint, where the address has another one.
    server_name: Option<String>,
    files: Files,
    takes_api_keys: bool,
}

/// Writes the profile and the file to source, and tells what to do with them. The namespace is made already: what can't
/// be written is told, and is no failure.
pub(super) async fn show(context: &mut Context, session: &mut CloudSession, namespace: &str) -> Result<(), Failure> {
    match write(context, session, namespace).await {
        Ok(lines) => lines.iter().try_for_each(|line| context.printer.line(line)),
        Err(failure) => {
            context.warn(&format!("No profile is written for {namespace}: {failure}"));
            Ok(())
        }
    }
}

async fn write(context: &Context, session: &mut CloudSession, name: &str) -> Result<Vec<String>, Failure> {
    let answer = session.get_namespace(GetNamespaceRequest { namespace: name.to_owned() }).await;
    let namespace = present(answer.attempt("its address is not known")?.into_inner().namespace, "namespace")?;
    let endpoint = endpoint(&namespace)?;
    let (way, hosts) = way_in(context, &namespace, &endpoint).await?;
    let nowhere = || Failure::told("neither HOME nor XDG_CONFIG_HOME says where");
    let file = context.profile_file().ok_or_else(nowhere)?;
    let sourced = context.own_folder().ok_or_else(nowhere)?.join(format!("{name}.env"));
    let mut lines = Vec::new();
    lines.push(match add_profile(&file, &way)? {
        true => format!("Its profile is in {}: pass --profile {name}.", file.display()),
        false => format!("The profile {name} in {} stays as it was.", file.display()),
    });
    replace(&sourced, &way.to_source())?;
    lines.push(format!("For workers and clients: source {}", quoted(&sourced.display().to_string())));
    if way.takes_api_keys && way.files.client.is_none() {
        lines.push("API keys are in neither of them: set TEMPORAL_API_KEY.".to_owned());
    }
    if let Some(hosts) = hosts {
        lines.push(format!(
            "{} is not known on this machine, so they say {}. To use the name, add to /etc/hosts: {hosts}",
            endpoint.host, way.address
        ));
    }
    Ok(lines)
}

fn endpoint(namespace: &Namespace) -> Result<Address, Failure> {
    let endpoints = namespace.endpoints.clone().unwrap_or_default();
    let address =
        if endpoints.mtls_grpc_address.is_empty() { endpoints.grpc_address } else { endpoints.mtls_grpc_address };
    Address::parse(&address).map_err(Failure::told)
}

/// The way in, and the line of a hosts file that would make the endpoint's name known, if it is not. Until then the
/// address is the host by which the control plane was reached: one server serves both, and finds the namespace by the
/// name that clients ask for in TLS or name in their calls.
async fn way_in(
    context: &Context,
    namespace: &Namespace,
    endpoint: &Address,
) -> Result<(WayIn, Option<String>), Failure> {
    let spec = namespace.spec.clone().unwrap_or_default();
    let mut files = context.certificate_files()?;
    let takes_certificates = spec.mtls_auth.is_some_and(|auth| auth.enabled);
    files.client = files.client.or_else(|| default_pair(context)).filter(|_| takes_certificates);
    let mut way = WayIn {
        namespace: namespace.namespace.clone(),
        address: endpoint.authority(),
        server_name: None,
        files: absolute(files),
        takes_api_keys: spec.api_key_auth.is_some_and(|auth| auth.enabled),
    };
    if first_address(&endpoint.host, endpoint.port).await.is_some() {
        return Ok((way, None));
    }
    let host = context.cloud_host()?;
    let Some(ip) = first_address(&host, endpoint.port).await else { return Ok((way, None)) };
    way.address = Address { host, ..endpoint.clone() }.authority();
    way.server_name = Some(endpoint.host.clone());
    Ok((way, Some(format!("{ip} {}", endpoint.host))))
}

/// Where a name leads to from here; an address of the older protocol first, as hosts files usually have.
async fn first_address(host: &str, port: u16) -> Option<std::net::IpAddr> {
    let mut found: Vec<_> = tokio::net::lookup_host((host, port)).await.ok()?.map(|address| address.ip()).collect();
    found.sort();
    found.first().copied()
}

fn default_pair(context: &Context) -> Option<(String, String)> {
    let folder = context.own_folder()?;
    let [certificate, key] = DEFAULT_PAIR.map(|name| folder.join(name));
    let text = |path: PathBuf| path.is_file().then(|| path.into_os_string().into_string().ok()).flatten();
    text(certificate).zip(text(key))
}

fn absolute(files: Files) -> Files {
    let whole = |path: String| match std::path::absolute(&path) {
        Ok(whole) => whole.display().to_string(),
        Err(_) => path,
    };
    Files {
        client: files.client.map(|(certificate, key)| (whole(certificate), whole(key))),
        authority: files.authority.map(whole),
    }
}

/// Adds the profile behind what is in the file; `false` where there is one of its name already.
fn add_profile(file: &Path, way: &WayIn) -> Result<bool, Failure> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::told(format!("cannot read file {file:?}: {error}"))),
    };
    if profile::has(&text, &way.namespace)? {
        return Ok(false);
    }
    let gap = match text.as_str() {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    let options = OpenOptions::new().append(true).create(true).mode(0o600).to_owned();
    save(file, &options, &(gap.to_owned() + &way.to_profile()))?;
    Ok(true)
}

fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    save(file, &OpenOptions::new().write(true).truncate(true).create(true).mode(0o600).to_owned(), text)
}

fn save(file: &Path, options: &OpenOptions, text: &str) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let saved = DirBuilder::new().recursive(true).mode(0o700).create(folder).and_then(|()| {
        let mut file = options.open(file)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    saved.map_err(|error| Failure::told(format!("cannot write file {file:?}: {error}")))
}

impl WayIn {
    /// The profile as a part of `temporal.toml`.
    fn to_profile(&self) -> String {
        let mut text = format!("[profile.{}]\n", basic(&self.namespace));
        let mut line = |key: &str, value: &str| text.push_str(&format!("{key} = {}\n", basic(value)));
        line("address", &self.address);
        line("namespace", &self.namespace);
        text.push_str(&format!("[profile.{}.tls]\n", basic(&self.namespace)));
        let mut line = |key: &str, value: &str| text.push_str(&format!("{key} = {}\n", basic(value)));
        if let Some((certificate, key)) = &self.files.client {
            line("client_cert_path", certificate);
            line("client_key_path", key);
        }
        if let Some(authority) = &self.files.authority {
            line("server_ca_cert_path", authority);
        }
        if let Some(name) = &self.server_name {
            line("server_name", name);
        }
        text
    }

    /// The tutorial's variables, for a shell.
    fn to_source(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| text.push_str(&format!("export {name}={}\n", quoted(value)));
        line("TEMPORAL_HOST_URL", &format!("https://{}", self.address));
        line("TEMPORAL_NAMESPACE", &self.namespace);
        if let Some((certificate, key)) = &self.files.client {
            line("TEMPORAL_MTLS_TLS_CERT", certificate);
            line("TEMPORAL_MTLS_TLS_KEY", key);
        }
        if let Some(authority) = &self.files.authority {
            line("SSL_CERT_FILE", authority);
        }
        text
    }
}

/// A text as a basic string of TOML.
fn basic(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-:@".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way() -> WayIn {
        WayIn {
            namespace: "payments.a2dd6".to_owned(),
            address: "localhost:7233".to_owned(),
            server_name: Some("payments.a2dd6.localhost.test".to_owned()),
            files: Files {
                client: Some(("/home/ada b/client.pem".to_owned(), "/k\"\\.key".to_owned())),
                authority: Some("/ca.pem".to_owned()),
            },
            takes_api_keys: false,
        }
    }

    #[test]
    fn a_profile_is_added_behind_what_is_there_and_once() {
        let folder = std::env::temp_dir().join(format!("way-in-{}", uuid::Uuid::new_v4()));
        let file = folder.join("temporalio/temporal.toml");
        assert!(add_profile(&file, &way()).unwrap());
        let first = std::fs::read_to_string(&file).unwrap();
        assert!(first.starts_with("[profile.\"payments.a2dd6\"]\naddress = \"localhost:7233\"\n"), "{first}");
        assert!(first.contains("client_key_path = \"/k\\\"\\\\.key\"\n"), "{first}");
        assert!(!add_profile(&file, &WayIn { address: "other:1".to_owned(), ..way() }).unwrap());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), first);
        std::fs::write(&file, "[profile.default]\naddress = \"a:1\"").unwrap();
        assert!(add_profile(&file, &way()).unwrap());
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, format!("[profile.default]\naddress = \"a:1\"\n\n{first}"));
        assert!(profile::has(&text, "default").unwrap() && profile::has(&text, "payments.a2dd6").unwrap());
        std::fs::write(&file, "= broken").unwrap();
        assert!(add_profile(&file, &way()).is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_sourced_are_the_tutorials_variables() {
        let wanted = "export TEMPORAL_HOST_URL=https://localhost:7233\n\
                      export TEMPORAL_NAMESPACE=payments.a2dd6\n\
                      export TEMPORAL_MTLS_TLS_CERT='/home/ada b/client.pem'\n\
                      export TEMPORAL_MTLS_TLS_KEY='/k\"\\.key'\n\
                      export SSL_CERT_FILE=/ca.pem\n";
        assert_eq!(way().to_source(), wanted);
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
