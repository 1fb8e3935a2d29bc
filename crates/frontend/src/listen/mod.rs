//! From a listener to connections that are ready for requests: the first byte tells TLS from plain text, a wrong one is
//! answered in words, and a handshake that does not come to an end is given up.
//!
//! What a request may do is decided at the gate; here only the connection is opened.

mod connection;
mod corked;
mod peer;
mod wrong_door;

use std::{future::pending, io, net::SocketAddr, sync::Arc, time::Duration};

use auth::Plane;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::timeout,
};
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;

use self::connection::Wire;
pub(crate) use self::{connection::Connection, corked::Corked, peer::Peer};
use crate::{
    loops::{Home, Homes},
    tls::Lock,
};

/// How long a client may take until its connection is open, or until it has read why it is not.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections that are being opened at the same time; more wait before they are accepted.
const OPENING: usize = 1_024;
/// How long the listener rests when the system has no room for another connection.
const REST: Duration = Duration::from_millis(100);

/// The first byte of a TLS connection: a record that carries a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;

/// Connections as they become ready, and the work that opens them; it ends when nobody takes connections any more.
pub(crate) fn open(
    listener: TcpListener,
    lock: Option<Lock>,
    plane: Plane,
    homes: Homes,
) -> (ReceiverStream<io::Result<Connection>>, impl Future<Output = ()> + Send) {
    let (ready, connections) = mpsc::channel(1);
    (ReceiverStream::new(connections), accept(listener, lock.map(Arc::new), plane, homes, ready))
}

async fn accept(
    listener: TcpListener,
    lock: Option<Arc<Lock>>,
    plane: Plane,
    homes: Homes,
    ready: mpsc::Sender<io::Result<Connection>>,
) {
    let room = Arc::new(Semaphore::new(OPENING));
    let mut opening = JoinSet::new();
    loop {
        let next = async {
            // The semaphore is never closed, so a permit always comes.
            let permit = room.clone().acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = ready.closed() => return,
            next = next => next,
        };
        while opening.try_join_next().is_some() {}
        // From here on it is watched by the loop that it lives on.
        let (stream, address) = match accepted.and_then(|(stream, address)| Ok((stream.into_std()?, address))) {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection can't be accepted");
                let _ = timeout(REST, pending::<()>()).await;
                continue;
            }
        };
        let (lock, ready, home) = (lock.clone(), ready.clone(), homes.find());
        let handle = home.handle.clone();
        let open = async move {
            let opened = timeout(PATIENCE, enter(stream, address, plane, lock.as_deref(), home)).await;
            drop(permit);
            match opened {
                Ok(Ok(Some(connection))) => {
                    let _ = ready.send(Ok(connection)).await;
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => tracing::info!(%address, %error, "a connection was not opened"),
                Err(_) => tracing::info!(%address, "a connection was given up before it was open"),
            }
        };
        opening.spawn_on(open, &handle);
    }
}

/// Opens a connection; `None` when it came to the wrong door and was told so, or went away without a word.
async fn enter(
    stream: std::net::TcpStream,
    address: SocketAddr,
    plane: Plane,
    lock: Option<&Lock>,
    home: Home,
) -> io::Result<Option<Connection>> {
    let stream = TcpStream::from_std(stream)?;
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    match (lock, first[0] == HANDSHAKE) {
        (None, false) => {
            Ok(Some(Connection { wire: Wire::Plain(stream), peer: Arc::new(Peer::plain(plane, address)), home }))
        }
        (Some(lock), true) => {
            let stream = lock.handshake(stream).await?;
            let (_, session) = stream.get_ref();
            let peer = Peer {
                plane,
                address,
                server_name: session.server_name().map(str::to_ascii_lowercase),
                certificates: session
                    .peer_certificates()
                    .map(|chain| chain.iter().map(|certificate| certificate.clone().into_owned()).collect())
                    .unwrap_or_default(),
            };
            Ok(Some(Connection { wire: Wire::Tls(Box::new(stream)), peer: Arc::new(peer), home }))
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
