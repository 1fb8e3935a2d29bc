//! Who is at the other end of a connection, as far as the connection itself tells.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use auth::{Caller, CertificateDer, Plane};

use super::Standing;

/// The other end. It is made once for each connection and travels with every request that comes over it.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Which kind of port it came to.
    pub(crate) plane: Plane,
    pub(crate) address: SocketAddr,
    /// The connection does not leave this machine.
    pub(crate) is_local: bool,
    /// The name that the client asked for in the handshake (SNI), in lower case.
    pub(crate) server_name: Option<String>,
    /// The chain that the client showed, leaf first, each as DER. The client has proven that it holds the leaf's key;
    /// whose the chain is, the gate decides.
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    pub(super) standing: Arc<Standing>,
}

impl Peer {
    /// An end that nothing is known of but its address.
    pub(crate) fn plain(plane: Plane, address: SocketAddr) -> Self {
        Self { plane, address, is_local: false, server_name: None, certificates: Vec::new(), standing: Arc::default() }
    }

    /// Whether a caller has shown on this connection who it is.
    pub(crate) fn is_identified(&self) -> bool {
        self.standing.is_identified()
    }

    /// A request has come whole, of this caller. From then on its connection is not closed to make room for others.
    pub(crate) fn made_a_request(&self, caller: &Caller) {
        match caller {
            Caller::Anyone | Caller::Principal(_) | Caller::Certificate(_) => self.standing.identify(),
            Caller::Stranger | Caller::Excluded(_) => {}
        }
    }
}

impl Default for Peer {
    fn default() -> Self {
        Self::plain(Plane::Data, SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    }
}
