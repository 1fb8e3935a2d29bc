//! From a listener to connections that are ready for requests: the first byte tells TLS from plain text, a wrong one is
//! answered in words, and a handshake that does not come to an end is given up.
//!
//! All ports share one book of who is connected ([`Registry`]). What a request may do is decided at the gate; here only the
//! connection is opened.

mod connection;
mod corked;
mod peer;
mod registry;
mod wrong_door;

use std::{fs::File, future::pending, io, net::SocketAddr, sync::Arc, time::Duration};

use auth::Plane;
use model::{Budget, Limits};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

pub(crate) use self::{connection::Connection, corked::Corked, peer::Peer, registry::Registry};
use self::{
    connection::Wire,
    registry::{Place, Standing},
};
use crate::{loops::Homes, tls::Lock};

/// How long the listener rests when the system has no room for another connection.
const REST: Duration = Duration::from_millis(10);

/// The first byte of a TLS connection: a record that carries a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;

/// A port where connections come in.
pub(crate) struct Port {
    listener: TcpListener,
    entrance: Arc<Entrance>,
    homes: Homes,
    /// A descriptor to give up when there is no other, so that a connection can be taken in order to be closed.
    spare: Option<File>,
}

/// What a connection passes when it comes.
pub(crate) struct Entrance {
    lock: Option<Lock>,
    plane: Plane,
}

/// A connection that has come, and has a place among the others.
pub(crate) struct Arrived {
    stream: std::net::TcpStream,
    address: SocketAddr,
    place: Place,
}

impl Port {
    /// `lock`: its TLS; without, it speaks plain text.
    pub(crate) fn new(listener: TcpListener, lock: Option<Lock>, plane: Plane, homes: Homes) -> Self {
        Self { listener, entrance: Arc::new(Entrance { lock, plane }), homes, spare: spare() }
    }

    pub(crate) fn entrance(&self) -> &Arc<Entrance> {
        &self.entrance
    }

    pub(crate) fn homes(&self) -> &Homes {
        &self.homes
    }

    /// The next connection for which there is room; others are closed.
    pub(crate) async fn accept(&mut self, limits: &Limits, memory: &Arc<Budget>) -> Arrived {
        loop {
            // From here on it is watched by the loop that it lives on.
            let accepted = self.listener.accept().await;
            match accepted.and_then(|(stream, address)| Ok((stream.into_std()?, address))) {
                Ok((stream, address)) => match self.homes.registry().admit(address.ip(), limits, memory) {
                    Some(place) => return Arrived { stream, address, place },
                    None => tracing::warn!(%address, "a connection was refused: there are as many as there may be"),
                },
                Err(error) => self.make_room(&error).await,
            }
        }
    }

    /// A connection waits and can't be accepted, since the process has no descriptor left or the system no memory.
    async fn make_room(&mut self, error: &io::Error) {
        if self.homes.registry().evict() {
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

impl Arrived {
    pub(crate) fn standing(&self) -> Arc<Standing> {
        self.place.standing().clone()
    }

    /// Opens the connection; `None`, and it was told why if there was a reason, when it can't be served.
    pub(crate) async fn open(self, entrance: &Entrance, limits: &Limits) -> Option<Connection> {
        let Self { stream, address, place } = self;
        match timeout(limits.handshake_time, enter(stream, address, place, entrance)).await {
            Ok(Ok(connection)) => return connection,
            Ok(Err(error)) => tracing::info!(%address, %error, "a connection was not opened"),
            Err(_) => tracing::info!(%address, "a connection was given up before it was open"),
        }
        None
    }
}

/// Opens a connection; `None` when it came to the wrong door and was told so, or went away without a word.
async fn enter(
    stream: std::net::TcpStream,
    address: SocketAddr,
    place: Place,
    entrance: &Entrance,
) -> io::Result<Option<Connection>> {
    let stream = TcpStream::from_std(stream)?;
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    let mut peer = Peer::plain(entrance.plane, address);
    peer.is_local = stream.local_addr().is_ok_and(|own| own.ip().is_loopback());
    peer.standing = place.standing().clone();
    match (&entrance.lock, first[0] == HANDSHAKE) {
        (None, false) => Ok(Some(Connection { wire: Wire::Plain(stream), peer: Arc::new(peer), _place: place })),
        (Some(lock), true) => {
            let stream = lock.handshake(stream).await?;
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
            wrong_door::tell_tls(stream).await.map(|()| None)
        }
        (Some(_), false) => {
            tracing::warn!(%address, "a client speaks plain text to a port with TLS");
            wrong_door::tell_plain(stream).await;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests;
