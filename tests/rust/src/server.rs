//! The server under test as a child process, in memory, on a free loopback port.

use std::{
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, Url};
use tokio::process::{Child, Command};

const START: Duration = Duration::from_secs(30);

/// A server that is killed when this value is dropped.
pub struct Server {
    address: String,
    child: Child,
}

impl Server {
    /// Starts the binary and returns when it accepts a client; fails when it exits or stays silent for `START`.
    pub async fn start() -> io::Result<Self> {
        let port = free_port();
        let binary = binary();
        let child = Command::new(&binary)
            .args(["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port"])
            .arg(port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("server '{}': {error}", binary.display())))?;
        let mut server = Self { address: format!("http://127.0.0.1:{port}"), child };
        let begun = Instant::now();
        while server.client().await.is_err() {
            if let Some(status) = server.child.try_wait()? {
                return Err(io::Error::other(format!("server '{}' ended with {status}", binary.display())));
            }
            if begun.elapsed() > START {
                return Err(io::Error::other(format!("server '{}' did not answer", binary.display())));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// A new connection to the namespace that every dev server has.
    pub async fn client(&self) -> Result<Client, Box<dyn std::error::Error>> {
        let target: Url = self.address.parse()?;
        let connection =
            Connection::connect(ConnectionOptions::new(target).identity("rust".to_owned()).build()).await?;
        Ok(Client::new(connection, ClientOptions::new("default").build())?)
    }
}

/// `PERDURE_BIN`, or the release build of the repository that this package lies in.
fn binary() -> PathBuf {
    std::env::var_os("PERDURE_BIN")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/perdure"), PathBuf::from)
}

/// A loopback port nobody listens on, below the range from which the system picks ports for outgoing connections, so
/// that no client that dials the server too early is handed the server's own port.
fn free_port() -> u16 {
    loop {
        let port = 20_000 + (uuid::Uuid::new_v4().as_u128() % 12_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
