//! Servers of this repository's own, on free ports of loopback, for as long as a test holds them: an open one in memory,
//! and the control plane of a secured one.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

pub(crate) struct Server {
    channel: Channel,
    // Killed when the test lets go of it.
    _process: Child,
}

impl Server {
    /// Returns when the server has said that it is ready.
    pub(crate) async fn start() -> Self {
        let port = free_port();
        let flags = ["start-dev", "--headless", "--ip", "127.0.0.1", "--port", &port.to_string()];
        let process = started(&flags, "Temporal Server:").await;
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).expect("an address");
        Self { channel: endpoint.connect_lazy(), _process: process }
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }
}

/// The control plane of a secured server.
pub(crate) struct ControlPlane {
    channel: Channel,
    /// The owner's.
    pub(crate) api_key: String,
    folder: PathBuf,
    // Killed when the test lets go of it.
    _process: Child,
}

impl ControlPlane {
    /// Makes an account and returns when its server has said that it is ready.
    pub(crate) async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("perdure-compatibility-{}", std::process::id()));
        let made = init(&folder).await;
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        let process = started(&["start", "--config", &text("config")], "Control plane:").await;
        let authority = std::fs::read(text("caCertificate")).expect("the authority is there");
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
        let address = format!("https://{}", text("controlPlaneAddress"));
        let endpoint = Endpoint::from_shared(address).expect("an address").tls_config(tls).expect("an authority");
        Self { channel: endpoint.connect_lazy(), api_key: text("apiKey"), folder, _process: process }
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A server that has said that it is ready: by its banner's line that begins with `ready`.
async fn started(flags: &[&str], ready: &str) -> Child {
    let mut process = Command::new(env!("CARGO_BIN_EXE_perdure"))
        .arg("server")
        .args(flags)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let stdout = process.stdout.take().expect("stdout is a pipe");
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await.expect("stdout is text") {
        if line.starts_with(ready) {
            return process;
        }
    }
    panic!("the server ended without its banner");
}

async fn init(folder: &Path) -> serde_json::Value {
    let [data, control, web] = [free_port(), free_port(), free_port()].map(|port| port.to_string());
    let output = Command::new(env!("CARGO_BIN_EXE_perdure"))
        .args(["cloud", "init", "-o", "json", "--directory"])
        .arg(folder)
        .args(["--data-port", &data, "--control-port", &control, "--web-port", &web])
        .output()
        .await
        .expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON was asked for")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
