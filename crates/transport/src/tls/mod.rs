//! TLS of the ports: the server's certificate, which may change while streams go on, and what is asked of clients.
//!
//! Versions 1.2 and 1.3. Sessions are not resumed: every connection proves that the client holds its key. Who the client
//! is, nothing here decides.

mod acceptor;
mod certificate;
mod client;

pub use self::{
    acceptor::{Acceptor, Clients},
    certificate::{ServerTls, TlsFault},
};
