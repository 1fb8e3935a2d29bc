//! TLS at the doors: the server's certificate, which may change while streams go on, and what is asked of clients.
//!
//! Versions 1.2 and 1.3. Sessions are not resumed: a client's certificate is looked at for every connection, so that a
//! CA that was taken away opens none.

mod certificate;
mod client;
mod lock;

pub use self::certificate::{ServerTls, TlsFault};
pub(crate) use self::lock::{Clients, Lock};
