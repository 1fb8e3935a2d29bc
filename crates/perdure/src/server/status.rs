//! `perdure server status`: what a server on this machine says of itself, read from the port of its metrics.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::PathBuf,
    time::Duration,
};

use clap::Args;

use crate::config;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The flags of `server status`.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// Port of the server's metrics, as `start-dev` prints it.
    #[arg(long, value_name = "int", required_unless_present = "config", conflicts_with = "config")]
    metrics_port: Option<u16>,
    /// Configuration that the server was started with. It has to set metrics.listen.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Asks the server.
///
/// # Errors
/// One line that names cause and remedy.
pub(super) fn run(args: &StatusArgs) -> Result<String, String> {
    let address = address(args)?;
    let answer = ask(address).map_err(|error| {
        format!("no server answers on {address}: {error}. Name the port that its \"Metrics\" line has shown")
    })?;
    let (head, page) = answer.split_once("\r\n\r\n").unwrap_or_default();
    match head.starts_with("HTTP/1.1 200 ") {
        true => Ok(page.to_owned()),
        false => Err(format!("what listens on {address} has no status page; is that the port of a server's metrics?")),
    }
}

fn address(args: &StatusArgs) -> Result<SocketAddr, String> {
    let Some(file) = &args.config else {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, args.metrics_port.unwrap_or_default())));
    };
    let listen = config::load(file)?.metrics_listen;
    listen.ok_or_else(|| format!("{} has no metrics.listen: set it, and start the server again", file.display()))
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /status HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
