//! The servers under attack, and how a client that comes anew fares with them.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
    time::timeout,
};

use crate::{
    Fault,
    catalog::Catalog,
    secured::Account,
    server::{Server, free_port},
    wire::{Pass, Wire},
};

/// What a server may take, of which the bounds of attacks are shares; by default that depends on the machine.
const MEMORY: &str = "1GiB";
/// How long a client waits for its answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Clients that come anew, one after the other.
pub(super) const NEWCOMERS: usize = 10;

/// A port, and how it is spoken to.
#[derive(Clone, Debug)]
pub(super) enum Port {
    /// gRPC in plain text.
    Plain(u16),
    /// gRPC behind TLS.
    Secured(u16, Pass),
    /// HTTP/1.
    Page(u16),
}

impl Port {
    pub(super) fn number(&self) -> u16 {
        match self {
            Port::Plain(port) | Port::Secured(port, _) | Port::Page(port) => *port,
        }
    }

    /// Comes anew and asks for something; how long that took.
    async fn ask(&self, catalog: &Catalog) -> Result<Duration, Fault> {
        let began = Instant::now();
        let asking = async {
            let wire = match self {
                Port::Plain(port) => Wire::to(*port)?,
                Port::Secured(port, pass) => Wire::secured(*port, pass)?,
                Port::Page(port) => return get(*port).await,
            };
            wire.call(&catalog.method("GetSystemInfo")?.path, Bytes::new(), PATIENCE).await?;
            Ok(())
        };
        timeout(PATIENCE, asking).await.map_err(|_| "no answer")??;
        Ok(began.elapsed())
    }

    /// How clients fare that come one after the other: how many got an answer, and the slowest of them.
    pub(super) async fn newcomers(&self, catalog: &Catalog) -> (usize, Duration) {
        let (mut answered, mut slowest) = (0, Duration::ZERO);
        for _ in 0..NEWCOMERS {
            if let Ok(took) = self.ask(catalog).await {
                answered += 1;
                slowest = slowest.max(took);
            }
        }
        (answered, slowest)
    }
}

/// Asks for a page, whichever.
async fn get(port: u16) -> Result<(), Fault> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 ") { Ok(()) } else { Err("no page".into()) }
}

/// A server of its own for each attack.
pub(super) struct Stage {
    host: Host,
    pub(super) ports: Vec<(&'static str, Port)>,
}

enum Host {
    Open(Box<Server>),
    Secured(Box<Account>),
}

impl Stage {
    /// A development server with all its ports. The reference takes the same flags.
    pub(super) async fn open(binary: &Path, catalog: &Catalog) -> Result<Self, Fault> {
        let [grpc, ui, http, metrics] = [free_port()?, free_port()?, free_port()?, free_port()?];
        let mut command = Command::new(binary);
        command.args(["server", "start-dev", "--ip", "127.0.0.1", "--memory", MEMORY]);
        let ports = [("--port", grpc), ("--ui-port", ui), ("--http-port", http), ("--metrics-port", metrics)];
        for (flag, port) in ports {
            command.arg(flag).arg(port.to_string());
        }
        let server = Server::spawn(command, grpc, &Wire::to(grpc)?, "default", catalog).await?;
        let ports = vec![
            ("gRPC", Port::Plain(grpc)),
            ("UI", Port::Page(ui)),
            ("HTTP API", Port::Page(http)),
            ("metrics", Port::Page(metrics)),
        ];
        Ok(Self { host: Host::Open(Box::new(server)), ports })
    }

    /// A secured server with both its planes.
    pub(super) async fn secured(binary: &Path, catalog: &Arc<Catalog>) -> Result<Self, Fault> {
        let directory = std::env::temp_dir().join(format!("perdure-strangers-{}", std::process::id()));
        let account = Account::open(binary, directory, catalog).await?;
        let pass = Pass { trusted: account.trusted.clone(), ..Pass::default() };
        let ports = vec![
            ("data plane", Port::Secured(account.server.port, pass.clone())),
            ("control plane", Port::Secured(account.control_port, pass)),
        ];
        Ok(Self { host: Host::Secured(Box::new(account)), ports })
    }

    pub(super) fn server(&self) -> &Server {
        match &self.host {
            Host::Open(server) => server,
            Host::Secured(account) => &account.server,
        }
    }

    /// The first port.
    pub(super) fn port(&self) -> u16 {
        self.ports.first().map_or(0, |(_, port)| port.number())
    }

    /// Tells the server to end, and waits until it has; how long that took.
    pub(super) async fn end(&mut self) -> Result<Duration, Fault> {
        let began = Instant::now();
        match &mut self.host {
            Host::Open(server) => server.end().await?,
            Host::Secured(account) => account.server.end().await?,
        }
        Ok(began.elapsed())
    }
}
