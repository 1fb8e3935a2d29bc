//! The ports: bound before anything else, so that a busy one is told at once.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use tokio::net::{TcpListener, TcpSocket};

use super::flags::{StartArgs, StartDevArgs};

/// The Web UI's default port is this far above the server's.
const UI_DISTANCE: u16 = 1_000;

/// All listeners of a server.
pub(super) struct Ports {
    pub(super) grpc: TcpListener,
    pub(super) metrics: TcpListener,
    pub(super) http: TcpListener,
    /// `None` when headless.
    pub(super) ui: Option<TcpListener>,
}

/// Binds the ports that the flags ask for.
///
/// # Errors
/// One line with the port that can't be had, why, and what to do.
pub(super) fn bind(args: &StartDevArgs) -> Result<Ports, String> {
    let ip = address(&args.ip)?;
    let grpc = listen(ip, args.port, &format!("can't set frontend port {}", args.port), "--port")?;
    let ui = if args.headless {
        None
    } else {
        let ui_ip = args.ui_ip.as_deref().map_or(Ok(ip), address)?;
        let port = args.ui_port.unwrap_or_else(|| args.port.saturating_add(UI_DISTANCE));
        let problem = match args.ui_port {
            Some(port) => format!("can't set UI port {port}"),
            None => format!("can't use default UI port {port} ({} + {UI_DISTANCE})", args.port),
        };
        Some(listen(ui_ip, port, &problem, "--ui-port, or --headless to do without")?)
    };
    let http = args.http_port.unwrap_or(0);
    let http = listen(ip, http, &format!("can't set HTTP port {http}"), "--http-port")?;
    let metrics = args.metrics_port.unwrap_or(0);
    let metrics = listen(ip, metrics, &format!("can't set metrics port {metrics}"), "--metrics-port")?;
    Ok(Ports { grpc, metrics, http, ui })
}

/// Refuses to open a server to the network that asks nobody who they are, unless the operator names that risk.
///
/// # Errors
/// The flag, the risk and both ways out.
pub(super) fn check_open(args: &StartArgs) -> Result<(), String> {
    let development = &args.development;
    let given = [("--ip", Some(development.ip.as_str())), ("--ui-ip", development.ui_ip.as_deref())];
    for (flag, ip) in given {
        let Some(ip) = ip else { continue };
        if !address(ip)?.is_loopback() && !args.allow_open_network {
            return Err(format!(
                "{flag} {ip}: without --config there is neither TLS nor anybody asked who they are, so everybody who can \
                 reach {ip} may do everything; start a secured server with --config perdure.toml (`perdure cloud init` \
                 makes one), or accept the risk with --allow-open-network"
            ));
        }
    }
    Ok(())
}

fn address(ip: &str) -> Result<IpAddr, String> {
    if ip == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    ip.parse().map_err(|_| format!("invalid IP address {ip:?}: give an address such as 127.0.0.1, not a name"))
}

/// Connections that the system holds until they are taken; it may hold fewer.
const BACKLOG: u32 = 4_096;

/// Listens on an address.
pub(super) fn bound(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the process before, which the system still remembers, do not hinder it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn listen(ip: IpAddr, port: u16, problem: &str, flag: &str) -> Result<TcpListener, String> {
    let address = SocketAddr::new(ip, port);
    bound(address).map_err(|error| {
        let flag = if error.kind() == ErrorKind::AddrNotAvailable { "--ip" } else { flag };
        format!("{problem}: listen tcp {address}: bind: {} with {flag}", why_not(&error))
    })
}

/// Why a port can't be had, and a way out, to which may be added where another is chosen.
pub(super) fn why_not(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => "address already in use; stop the process that uses it or choose another".to_owned(),
        ErrorKind::PermissionDenied => "permission denied; choose a port above 1023".to_owned(),
        ErrorKind::AddrNotAvailable => "cannot assign requested address; choose an address of this machine".to_owned(),
        _ => format!("{error}; choose another"),
    }
}

/// How an address is shown: the loopback address by its name.
pub(super) fn shown(address: SocketAddr) -> String {
    if address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}
