//! Who is at the other end of a connection, as far as the connection itself tells.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use model::Plane;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::connections::Standing;

/// The other end. It is made once for each connection and travels with every request that comes over it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Which kind of port it came to.
    pub plane: Plane,
    pub address: SocketAddr,
    /// The connection does not leave this machine.
    pub is_local: bool,
    /// The name that the client asked for in the handshake (SNI), in lower case.
    pub server_name: Option<String>,
    /// The chain that the client showed, leaf first, each as DER. The client has proven that it holds the leaf's key;
    /// whose the chain is, it has not.
    pub certificates: Vec<CertificateDer<'static>>,
    pub(super) standing: Arc<Standing>,
}

impl Peer {
    /// An end that nothing is known of but its address.
    pub fn plain(plane: Plane, address: SocketAddr) -> Self {
        Self { plane, address, is_local: false, server_name: None, certificates: Vec::new(), standing: Arc::default() }
    }

    /// Whether a caller has shown on this connection who it is.
    pub(crate) fn is_identified(&self) -> bool {
        self.standing.is_identified()
    }

    /// A caller has shown who it is, in a request that came whole. From then on its connection is not closed to make room
    /// for others, and may make the server hold more.
    pub fn identify(&self) {
        self.standing.identify();
    }
}

impl Default for Peer {
    fn default() -> Self {
        Self::plain(Plane::Data, SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    }
}
