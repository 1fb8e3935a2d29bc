//! A secured server: both planes behind TLS, the account's work in the engine, and the watch over the
//! certificates, as one future.

use std::{fmt, io, sync::Arc};

use control::Control;
use model::Plane;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use transport::{Acceptor, Clients, LoopHandles, ServerTls};

use crate::{
    cloud::{self, Cloud},
    context::ServerContext,
    grpc,
};

/// Protocols inside TLS, the best first (RFC 7301).
const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// A port: where it listens, and its TLS.
#[derive(Debug)]
pub struct Port {
    pub listener: TcpListener,
    /// `None`: plain text, for a server behind a proxy of its own. Whether that is allowed, who configures it decides.
    pub tls: Option<Arc<ServerTls>>,
}

/// What a secured server is made of, beside context and account.
pub struct Secured {
    /// Where workflows are started and workers poll: API keys and client certificates.
    pub data: Port,
    /// Where the account is run: API keys.
    pub cloud: Port,
    /// Where the connections of both live.
    pub loops: LoopHandles,
    /// Draws fresh randomness.
    pub seed: fn() -> u128,
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured").field("data", &self.data).field("cloud", &self.cloud).finish_non_exhaustive()
    }
}

/// Serves until `stop` is done; then no new connection is taken, and the calls that are under way are waited for.
///
/// # Errors
/// When a certificate can't be used.
pub async fn serve_secured(
    context: Arc<ServerContext>,
    control: Control,
    ports: Secured,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let Secured { data, cloud: control_port, loops, seed } = ports;
    let tls: Vec<_> = data.tls.iter().chain(&control_port.tls).cloned().collect();
    let (stopping, stopped) = watch::channel(());
    let ended = || {
        let mut stopped = stopped.clone();
        // The channel is dropped when it is time.
        async move { while stopped.changed().await.is_ok() {} }
    };
    let acceptor = data.tls.map(|shown| Acceptor::new(shown, Clients::MayShowCertificate, &[HTTP_2]));
    let acceptor = acceptor.transpose().map_err(io::Error::other)?;
    let port = transport::Port::new(data.listener, acceptor, Plane::Data, loops.clone());
    let serving_data = grpc::serve_data(context.clone(), port, ended());
    let acceptor = control_port.tls.map(|shown| Acceptor::new(shown, Clients::ShowNone, &[HTTP_2, HTTP_1]));
    let acceptor = acceptor.transpose().map_err(io::Error::other)?;
    let port = transport::Port::new(control_port.listener, acceptor, Plane::Control, loops);
    let cloud = Cloud::new(context, control, seed);
    let serving_cloud = cloud::serve_cloud(cloud.clone(), port, ended());
    let mut background = JoinSet::new();
    background.spawn(cloud.work());
    for certificate in tls {
        background.spawn(async move { certificate.watch().await });
    }
    let stopping = async move {
        stop.await;
        drop(stopping);
    };
    tokio::join!(stopping, serving_data, serving_cloud);
    Ok(())
}
