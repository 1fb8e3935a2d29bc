//! A secured server under observation: an account in a folder of its own, made and served with the commands that people
//! use, and its control plane as the account's owner sees it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::process::Command;
use tonic::{Code, Status};

use crate::{
    Fault,
    catalog::{Catalog, Method},
    server::{Launch, Server, free_port},
    wire::{Pass, Way, Wire},
};

/// The control plane's service.
pub(crate) const CLOUD: &str = "temporal.api.cloud.cloudservice.v1.CloudService";
/// The account's id, the last part of every namespace's name.
pub(crate) const ACCOUNT: &str = "a2dd6";
const DOMAIN: &str = "localhost.test";
/// The namespace of a server that is started to be measured.
const BENCH: &str = "bench.a2dd6";
/// Deadline of the owner's calls.
const DEADLINE: Duration = Duration::from_secs(20);
/// How long an operation of the account may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long keys are good that are made here, in seconds.
const KEY_SECONDS: u64 = 7 * 86_400;

/// An account and the server that serves it, gone when dropped.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) server: Server,
    pub(crate) control_port: u16,
    /// The authority of the server's certificates, as PEM.
    pub(crate) trusted: String,
    pub(crate) directory: PathBuf,
    catalog: Arc<Catalog>,
    binary: PathBuf,
    owner: Wire,
}

/// The owner of an account, on its control plane.
#[derive(Debug)]
pub(crate) struct Owner<'a> {
    wire: Wire,
    catalog: &'a Catalog,
}

impl Drop for Account {
    fn drop(&mut self) {
        // What is left over is a file in the folder for such things.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Account {
    /// Makes an account in `directory`, which must not be there, and serves it.
    pub(crate) async fn open(binary: &Path, directory: PathBuf, catalog: &Arc<Catalog>) -> Result<Account, Fault> {
        let [data_port, control_port, web_port] = [free_port()?, free_port()?, free_port()?];
        let made = init(binary, &directory, [data_port, control_port, web_port]).await?;
        let trusted = fs::read_to_string(directory.join("ca/server-ca.pem"))?;
        let key = made["apiKey"].as_str().ok_or("the new account has no API key")?.to_owned();
        let pass = Pass { trusted: trusted.clone(), key, ..Pass::default() };
        let mut command = Command::new(binary);
        command.args(["server", "start", "--config"]).arg(directory.join("perdure.toml"));
        let nobody = format!("nobody.{ACCOUNT}");
        let server = Server::spawn(command, data_port, &Wire::secured(data_port, &pass)?, &nobody, catalog).await?;
        let owner = Wire::secured(control_port, &pass)?;
        let (catalog, binary) = (Arc::clone(catalog), binary.to_owned());
        Ok(Account { server, control_port, trusted, directory, catalog, binary, owner })
    }

    /// Where a namespace is reached by its own name.
    pub(crate) fn endpoint(namespace: &str) -> String {
        format!("{namespace}.{DOMAIN}")
    }

    /// Its owner.
    pub(crate) fn owner(&self) -> Owner<'_> {
        Owner { wire: self.owner.clone(), catalog: &self.catalog }
    }

    /// Makes an authority and a client's certificate that it signed: the authority, the certificate and its key, as PEM.
    pub(crate) async fn certificates(&self, name: &str) -> Result<(String, String, String), Fault> {
        let file = |kind: &str| self.directory.join(format!("{name}-{kind}")).display().to_string();
        let words = |verb: &str, flags: &[&str]| {
            let mut words: Vec<String> = ["cloud", "cert", verb, "--organization", name].map(str::to_owned).to_vec();
            words.extend(flags.iter().map(|flag| (*flag).to_owned()));
            words
        };
        let signer = ["--ca-cert", &file("ca.pem"), "--ca-key", &file("ca.key")];
        said(&self.binary, &words("generate-ca", &signer)).await?;
        let leaf = ["--cert", &file("leaf.pem"), "--key", &file("leaf.key"), "--common-name", name];
        said(&self.binary, &words("generate-leaf", &[signer, [leaf[0], leaf[1], leaf[2], leaf[3]]].concat())).await?;
        let read = |kind: &str| fs::read_to_string(file(kind));
        Ok((read("ca.pem")?, read("leaf.pem")?, read("leaf.key")?))
    }

    /// What somebody with this key sees of the data plane.
    pub(crate) fn data(&self, key: &str) -> Result<Wire, Fault> {
        let pass = Pass { trusted: self.trusted.clone(), key: key.to_owned(), ..Pass::default() };
        Wire::secured(self.server.port, &pass)
    }
}

impl Owner<'_> {
    /// Calls a method of the control plane, and waits until what it began is done.
    pub(crate) async fn call(&self, rpc: &str, request: Value) -> Result<Value, Fault> {
        let method = self.method(rpc)?;
        let body = self.catalog.encode(&method, &request)?;
        let reply = unhurried(&self.wire, &method, body)
            .await
            .map_err(|status| format!("{rpc} as the owner: {:?} {} in {request}", status.code(), status.message()))?;
        let reply = self.catalog.decode(&method, reply)?;
        self.settled(&reply).await?;
        Ok(reply)
    }

    /// A method of the control plane.
    pub(crate) fn method(&self, rpc: &str) -> Result<Method, Fault> {
        let methods = self.catalog.service(CLOUD)?;
        let found = methods.into_iter().find(|(name, _)| name == rpc);
        found.map(|(_, method)| method).ok_or_else(|| format!("no method {rpc:?} in {CLOUD}").into())
    }

    /// Waits until the operation in a reply, if there is one, has ended.
    pub(crate) async fn settled(&self, reply: &Value) -> Result<(), Fault> {
        let Some(id) = reply["asyncOperation"]["id"].as_str() else {
            return Ok(());
        };
        let method = self.method("GetAsyncOperation")?;
        let body = self.catalog.encode(&method, &json!({"asyncOperationId": id}))?;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let reply = unhurried(&self.wire, &method, body.clone()).await?;
            let reply = self.catalog.decode(&method, reply)?;
            match reply["asyncOperation"]["state"].as_str() {
                Some("STATE_PENDING" | "STATE_IN_PROGRESS") => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => return Ok(()),
            }
        }
        Err(format!("operation {id:?} does not end").into())
    }

    /// Makes a namespace that takes API keys and, if there is one, certificates of an authority; its full name.
    pub(crate) async fn namespace(&self, name: &str, authority: Option<&str>) -> Result<String, Fault> {
        let mut spec = json!({
            "name": name, "regions": ["local"], "retentionDays": 7, "apiKeyAuth": {"enabled": true},
        });
        if let Some(authority) = authority {
            spec["mtlsAuth"] = json!({"enabled": true, "acceptedClientCa": base64(authority.as_bytes())});
        }
        let made = self.call("CreateNamespace", json!({"spec": spec})).await?;
        text(&made, "namespace")
    }

    /// Makes a service account with an account role and permissions in namespaces; its id.
    pub(crate) async fn robot(&self, name: &str, role: &str, rights: &[(&str, &str)]) -> Result<String, Fault> {
        let right = |(namespace, permission): &(&str, &str)| {
            ((*namespace).to_owned(), json!({"permission": format!("PERMISSION_{permission}")}))
        };
        let rights: serde_json::Map<String, Value> = rights.iter().map(right).collect();
        let access = json!({"accountAccess": {"role": format!("ROLE_{role}")}, "namespaceAccesses": rights});
        let made = self.call("CreateServiceAccount", json!({"spec": {"name": name, "access": access}})).await?;
        text(&made, "serviceAccountId")
    }

    /// Makes an API key for a service account; its id and the key.
    pub(crate) async fn key(&self, name: &str, owner_id: &str) -> Result<(String, String), Fault> {
        let spec = json!({
            "ownerId": owner_id, "ownerType": "OWNER_TYPE_SERVICE_ACCOUNT", "displayName": name,
            "expiryTime": expiry(),
        });
        let made = self.call("CreateApiKey", json!({"spec": spec})).await?;
        Ok((text(&made, "keyId")?, text(&made, "token")?))
    }
}

/// The rates of a namespace, lifted as on a development server, and that of wrong credentials, of which whole suites are made.
const LIFTED: &str = "
[limits]
wrong_credentials = 1000000
requests_per_second = 1000000
lists_per_second = 1000000
waiting_calls = 100000
namespace_changes_per_second_cluster = 1000000
server_namespace_changes_per_second = 1000000
";

/// Makes an account for a server on these ports: data plane, control plane, web page.
async fn init(binary: &Path, directory: &Path, ports: [u16; 3]) -> Result<Value, Fault> {
    let mut words = vec!["cloud".to_owned(), "init".to_owned(), "-o".to_owned(), "json".to_owned()];
    words.extend(["--account", ACCOUNT, "--domain", DOMAIN].map(str::to_owned));
    for (flag, port) in ["--data-port", "--control-port", "--web-port"].into_iter().zip(ports) {
        words.extend([flag.to_owned(), port.to_string()]);
    }
    words.extend(["--directory".to_owned(), directory.display().to_string()]);
    let made = serde_json::from_slice(&said(binary, &words).await?)?;
    let config = directory.join("perdure.toml");
    fs::write(&config, fs::read_to_string(&config)? + LIFTED)?;
    Ok(made)
}

/// Starts a secured server: an account beside the database that is named, with one
/// namespace. An account that is there already is served again.
pub(crate) async fn start(launch: &Launch, catalog: &Catalog) -> Result<Server, Fault> {
    let database = launch.database.as_ref().ok_or("a secured server stores durably")?;
    let directory = database.with_extension("account");
    let noted = directory.join("probe.json");
    if !noted.exists() {
        let ports = [free_port()?, free_port()?, free_port()?];
        let made = init(&launch.binary, &directory, ports).await?;
        // As many shards as the development server has, so that TLS and the gate are what differs.
        let config = directory.join("perdure.toml");
        let like_open = fs::read_to_string(&config)?.replace("[storage]\n", "[storage]\nshards = 1\n");
        fs::write(&config, like_open)?;
        let note = json!({"dataPort": ports[0], "controlPort": ports[1], "apiKey": made["apiKey"]});
        fs::write(&noted, note.to_string())?;
        let server = again(launch, &directory, catalog).await?;
        make_namespace(&directory, catalog).await?;
        return Ok(server);
    }
    again(launch, &directory, catalog).await
}

/// What an account's server on its own was started with.
fn note(directory: &Path) -> Result<(Value, Pass), Fault> {
    let note: Value = serde_json::from_slice(&fs::read(directory.join("probe.json"))?)?;
    let trusted = fs::read_to_string(directory.join("ca/server-ca.pem"))?;
    let pass = Pass { trusted, key: text(&note, "apiKey")?, ..Pass::default() };
    Ok((note, pass))
}

fn port(note: &Value, field: &str) -> Result<u16, Fault> {
    Ok(u16::try_from(note[field].as_u64().unwrap_or_default())?)
}

async fn again(launch: &Launch, directory: &Path, catalog: &Catalog) -> Result<Server, Fault> {
    let (note, pass) = note(directory)?;
    let port = port(&note, "dataPort")?;
    let mut command = Command::new(&launch.binary);
    command.args(["server", "start", "--config"]).arg(directory.join("perdure.toml")).args(&launch.arguments);
    let wire = Wire::secured(port, &pass)?;
    let mut server = Server::spawn(command, port, &wire, BENCH, catalog).await?;
    server.way = Way::secured(port, BENCH, pass);
    Ok(server)
}

async fn make_namespace(directory: &Path, catalog: &Catalog) -> Result<(), Fault> {
    let (note, pass) = note(directory)?;
    let wire = Wire::secured(port(&note, "controlPort")?, &pass)?;
    let owner = Owner { wire, catalog };
    let (name, _) = BENCH.split_once('.').unwrap_or((BENCH, ""));
    owner.namespace(name, None).await.map(drop)
}

/// When keys that are made now expire.
pub(crate) fn expiry() -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    prost_types::Timestamp { seconds: (now + KEY_SECONDS) as i64, nanos: 0 }.to_string()
}

/// The standard alphabet with padding, as proto3's JSON mapping writes bytes.
pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A text in a reply.
pub(crate) fn text(reply: &Value, field: &str) -> Result<String, Fault> {
    Ok(reply[field].as_str().ok_or_else(|| format!("no {field:?} in {reply}"))?.to_owned())
}

/// A call that waits where the rate limits ask for it.
pub(crate) async fn unhurried(wire: &Wire, method: &Method, body: Bytes) -> Result<Bytes, Status> {
    let began = Instant::now();
    loop {
        match wire.call(&method.path, body.clone(), DEADLINE).await {
            Err(status) if status.code() == Code::ResourceExhausted && began.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            answer => return answer,
        }
    }
}

/// Runs a command to its end and returns what it printed.
async fn said(binary: &Path, words: &[String]) -> Result<Vec<u8>, Fault> {
    let ended = Command::new(binary).args(words).stdin(Stdio::null()).output().await?;
    if ended.status.success() {
        return Ok(ended.stdout);
    }
    Err(format!("{words:?} ended with {}: {}", ended.status, String::from_utf8_lossy(&ended.stderr)).into())
}
