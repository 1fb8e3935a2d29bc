//! TLS at the doors: the server's certificate, which may change while streams go on, and what is asked of clients.
//!
//! Versions 1.2 and 1.3. Sessions are not resumed: every connection proves that the client holds its key. Who the client
//! is, the gate decides.

mod certificate;
mod client;
mod lock;

pub use self::certificate::{ServerTls, TlsFault};
pub(crate) use self::lock::{Clients, Lock};
