//! One port's TLS: for each connection a configuration of its own, because what is asked of the client depends on the
//! name that it asks for.

use std::{fmt, io, sync::Arc};

use auth::{ClientCa, Directory, namespace_of_host};
use model::Time;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    LazyConfigAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::{CryptoProvider, ring},
        server::{Acceptor, NoServerSessionStorage},
        version::{TLS12, TLS13},
    },
    server::TlsStream,
};

use super::{
    ServerTls,
    client::{Client, Trust},
};

/// Bytes of a refused client that are thrown away, so that it gets to read why.
const MOST_UNREAD: usize = 64 * 1024;

/// What is asked of clients at the handshake.
pub(crate) enum Clients {
    /// A certificate, if they have one.
    MayShowCertificate { directory: Arc<dyn Directory>, now: Box<dyn Fn() -> Time + Send + Sync> },
    /// Nothing: certificates say nothing on this port.
    ShowNone,
}

/// The TLS of a port.
pub(crate) struct Lock {
    shown: Arc<ServerTls>,
    clients: Clients,
    /// Protocols inside TLS, the best first.
    protocols: Vec<Vec<u8>>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("shown", &self.shown).finish_non_exhaustive()
    }
}

impl Lock {
    pub(crate) fn new(shown: Arc<ServerTls>, clients: Clients, protocols: &[&[u8]]) -> Self {
        let protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Self { shown, clients, protocols, provider: Arc::new(ring::default_provider()) }
    }

    /// Does the handshake of one connection.
    ///
    /// # Errors
    /// When the client does not speak TLS as it should, or shows a certificate that is not good; it got an alert.
    pub(crate) async fn handshake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let config = self.config(begun.client_hello().server_name()).map_err(io::Error::other)?;
        match begun.into_stream(Arc::new(config)).into_fallible().await {
            Ok(stream) => Ok(stream),
            Err((error, stream)) => {
                linger(stream).await;
                Err(error)
            }
        }
    }

    fn config(&self, server_name: Option<&str>) -> Result<ServerConfig, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone());
        let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?;
        let builder = match &self.clients {
            Clients::ShowNone => builder.with_no_client_auth(),
            Clients::MayShowCertificate { directory, now } => builder.with_client_cert_verifier(Arc::new(Client {
                trust: trust(&**directory, server_name),
                now: now(),
                algorithms: self.provider.signature_verification_algorithms,
            })),
        };
        let mut config = builder.with_cert_resolver(self.shown.clone());
        config.alpn_protocols.clone_from(&self.protocols);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

/// Waits until a refused client closes: with TLS 1.3 it may be sending already, and closing on what it sends would take
/// the alert away from it. How long it may take, who opens the connection decides.
async fn linger(mut stream: TcpStream) {
    let mut unread = [0; 1024];
    let mut left = MOST_UNREAD;
    if stream.shutdown().await.is_err() {
        return;
    }
    while let Ok(length @ 1..) = stream.read(&mut unread).await {
        left = left.saturating_sub(length);
        if left == 0 {
            return;
        }
    }
}

fn trust(directory: &dyn Directory, server_name: Option<&str>) -> Trust {
    let Some(namespace) = server_name.and_then(|host| namespace_of_host(host, directory.account_id())) else {
        return Trust::Later;
    };
    let security = directory.namespace(&namespace).filter(|security| security.mtls_enabled);
    let authorities = security.and_then(|security| security.client_ca.clone());
    Trust::Namespace(authorities.unwrap_or_else(|| Arc::new(ClientCa::nobody())))
}
