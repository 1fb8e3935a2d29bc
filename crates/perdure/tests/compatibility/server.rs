//! A server of this repository's own, in memory, on a free port of loopback, for as long as a test holds it.

use std::{net::TcpListener, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use tonic::transport::{Channel, Endpoint};

pub(crate) struct Server {
    channel: Channel,
    // Killed when the test lets go of it.
    _process: Child,
}

impl Server {
    /// Returns when the server has said that it is ready.
    pub(crate) async fn start() -> Self {
        let port = free_port();
        let mut process = Command::new(env!("CARGO_BIN_EXE_perdure"))
            .args(["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", &port.to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let stdout = process.stdout.take().expect("stdout is a pipe");
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await.expect("stdout is text") {
            if line.starts_with("Temporal Server:") {
                let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).expect("an address");
                return Self { channel: endpoint.connect_lazy(), _process: process };
            }
        }
        panic!("the server ended without its banner");
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
