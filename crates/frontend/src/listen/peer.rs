//! Who is at the other end of a connection, as far as the connection itself tells.

use std::net::{Ipv4Addr, SocketAddr};

use auth::{CertificateDer, Plane};

/// The other end. It is made once for each connection and travels with every request that comes over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Which kind of port it came to.
    pub(crate) plane: Plane,
    pub(crate) address: SocketAddr,
    /// The name that the client asked for in the handshake (SNI), in lower case.
    pub(crate) server_name: Option<String>,
    /// The chain that the client showed, leaf first, each as DER. The client has proven that it holds the leaf's key;
    /// whose the chain is, the gate decides.
    pub(crate) certificates: Vec<CertificateDer<'static>>,
}

impl Peer {
    /// An end that nothing is known of but its address.
    pub(crate) fn plain(plane: Plane, address: SocketAddr) -> Self {
        Self { plane, address, server_name: None, certificates: Vec::new() }
    }
}

impl Default for Peer {
    fn default() -> Self {
        Self::plain(Plane::Data, SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    }
}
