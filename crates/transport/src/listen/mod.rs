//! From a listener to connections that are ready for requests: the first byte tells TLS from plain text, a wrong one is
//! answered in words, and a handshake that does not come to an end is given up.
//!
//! All ports share one registry of who is connected ([`Registry`]). What a request may do is decided behind the endpoint;
//! here only the connection is opened.

mod coalesce;
mod connection;
mod mismatch;
mod peer;

use std::{fs::File, future::pending, io, net::SocketAddr, sync::Arc, time::Duration};

use model::{Budget, Limits, Plane};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

use self::connection::Wire;
pub(crate) use self::{coalesce::Coalesced, connection::Connection};
pub use self::{
    mismatch::{SPEAK_PLAIN, SPEAK_TLS},
    peer::Peer,
};
use crate::{
    connections::{Place, Registry, Standing},
    loops::LoopHandles,
    tls::Acceptor,
};

/// How long the listener rests when the system has no room for another connection.
const REST: Duration = Duration::from_millis(10);

/// The first byte of a TLS connection: a record that carries a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;

/// A port where connections come in.
pub struct Port {
    listener: TcpListener,
    settings: Arc<Settings>,
    loops: LoopHandles,
    /// A descriptor to give up when there is no other, so that a connection can be taken in order to be closed.
    spare: Option<File>,
}

/// What all connections of a port have in common.
pub(crate) struct Settings {
    tls: Option<Acceptor>,
    plane: Plane,
}

/// A connection that was accepted, and has a place among the others.
pub(crate) struct Accepted {
    stream: std::net::TcpStream,
    address: SocketAddr,
    place: Place,
}

impl Port {
    /// A port of this plane, whose connections live on `loops`. Without `tls` it speaks plain text.
    pub fn new(listener: TcpListener, tls: Option<Acceptor>, plane: Plane, loops: LoopHandles) -> Self {
        Self { listener, settings: Arc::new(Settings { tls, plane }), loops, spare: spare() }
    }

    pub(crate) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    pub(crate) fn loops(&self) -> &LoopHandles {
        &self.loops
    }

    /// The next connection for which there is room; others are closed.
    pub(crate) async fn accept(&mut self, limits: &Limits, memory: &Arc<Budget>) -> Accepted {
        loop {
            // From here on it is watched by the loop that it lives on.
            let accepted = self.listener.accept().await;
            match accepted.and_then(|(stream, address)| Ok((stream.into_std()?, address))) {
                Ok((stream, address)) => match self.registry().admit(address.ip(), limits, memory) {
                    Some(place) => return Accepted { stream, address, place },
                    None => tracing::warn!(%address, "a connection was refused: there are as many as there may be"),
                },
                Err(error) => self.make_room(&error).await,
            }
        }
    }

    fn registry(&self) -> &Arc<Registry> {
        self.loops.registry()
    }

    /// A connection waits and can't be accepted, since the process has no descriptor left or the system no memory.
    async fn make_room(&mut self, error: &io::Error) {
        if self.registry().evict() {
            tracing::warn!(%error, "a connection can't be accepted; one without a caller is closed for it");
            let _ = timeout(REST, pending::<()>()).await;
            return;
        }
        tracing::warn!(%error, "a connection can't be accepted and is closed");
        self.spare = None;
        if let Ok(Ok(closed)) = timeout(REST, self.listener.accept()).await {
            drop(closed);
        }
        self.spare = spare();
    }
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

impl Accepted {
    pub(crate) fn standing(&self) -> Arc<Standing> {
        self.place.standing().clone()
    }

    /// Opens the connection; `None`, and it was told why if there was a reason, when it can't be served.
    pub(crate) async fn open(self, settings: &Settings, limits: &Limits) -> Option<Connection> {
        let Self { stream, address, place } = self;
        match timeout(limits.handshake_time, enter(stream, address, place, settings)).await {
            Ok(Ok(connection)) => return connection,
            Ok(Err(error)) => tracing::info!(%address, %error, "a connection was not opened"),
            Err(_) => tracing::info!(%address, "a connection was given up before it was open"),
        }
        None
    }
}

/// Opens a connection; `None` when it speaks another protocol than the port and was told so, or went away without a word.
async fn enter(
    stream: std::net::TcpStream,
    address: SocketAddr,
    place: Place,
    settings: &Settings,
) -> io::Result<Option<Connection>> {
    let stream = TcpStream::from_std(stream)?;
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    let mut peer = Peer::plain(settings.plane, address);
    peer.is_local = stream.local_addr().is_ok_and(|own| own.ip().is_loopback());
    peer.standing = place.standing().clone();
    match (&settings.tls, first[0] == HANDSHAKE) {
        (None, false) => Ok(Some(Connection { wire: Wire::Plain(stream), peer: Arc::new(peer), _place: place })),
        (Some(acceptor), true) => {
            let stream = acceptor.handshake(stream).await?;
            let (_, session) = stream.get_ref();
            peer.server_name = session.server_name().map(str::to_ascii_lowercase);
            peer.certificates = session
                .peer_certificates()
                .map(|chain| chain.iter().map(|certificate| certificate.clone().into_owned()).collect())
                .unwrap_or_default();
            Ok(Some(Connection { wire: Wire::Tls(Box::new(stream)), peer: Arc::new(peer), _place: place }))
        }
        (None, true) => {
            tracing::warn!(%address, "a client speaks TLS to a port without TLS");
            mismatch::tell_tls(stream).await.map(|()| None)
        }
        (Some(_), false) => {
            tracing::warn!(%address, "a client speaks plain text to a port with TLS");
            mismatch::tell_plain(stream).await;
            Ok(None)
        }
    }
}
