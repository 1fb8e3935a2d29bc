//! One port's TLS: one configuration for all its connections.

use std::{fmt, io, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        server::NoServerSessionStorage,
        version::{TLS12, TLS13},
    },
    server::TlsStream,
};

use super::{certificate::ServerTls, client::Holder};

/// Bytes of a refused client that are thrown away, so that it gets to read why.
const MOST_UNREAD: usize = 64 * 1024;

/// What is asked of clients at the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// A certificate, if they have one.
    MayShowCertificate,
    /// Nothing: certificates say nothing on this port.
    ShowNone,
}

/// The TLS of a port.
pub struct Acceptor(TlsAcceptor);

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

impl Acceptor {
    /// The TLS of a port that shows this certificate. `protocols`: those inside TLS (ALPN, RFC 7301), the best first.
    ///
    /// # Errors
    /// When the library has no cipher for these versions of TLS.
    pub fn new(shown: Arc<ServerTls>, clients: Clients, protocols: &[&[u8]]) -> Result<Self, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12])?;
        let builder = match clients {
            Clients::ShowNone => builder.with_no_client_auth(),
            Clients::MayShowCertificate => builder.with_client_cert_verifier(Arc::new(Holder { algorithms })),
        };
        let mut config = builder.with_cert_resolver(shown);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        // Clients keep their connections, so nothing is kept or sent to shorten a next handshake; and each proves anew
        // that it holds its key.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self(Arc::new(config).into()))
    }

    /// Does the handshake of one connection.
    ///
    /// # Errors
    /// When the client does not speak TLS as it should, or shows a certificate whose key it doesn't hold; it got an
    /// alert.
    pub(crate) async fn handshake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        match self.0.accept(stream).into_fallible().await {
            Ok(stream) => Ok(stream),
            Err((error, stream)) => {
                linger(stream).await;
                Err(error)
            }
        }
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
