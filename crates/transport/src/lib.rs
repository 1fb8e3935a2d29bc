//! How requests come and how their answers leave: listeners, TLS, HTTP/1 and HTTP/2, the frames of gRPC, and the event
//! loops on which all of it lives. It knows nothing of what is behind it: an [`Endpoint`] answers.
//!
//! What a connection makes the server hold is counted and bounded here, before its caller is identified; who the caller is
//! and what it may do is decided behind the endpoint.

mod advice;
mod calls;
pub mod codec;
mod connections;
pub mod frame;
pub mod headers;
mod listen;
mod loops;
mod raw;
mod serve;
mod status;
mod tls;

pub use advice::retry_after;
pub use calls::{Admission, Answering, Delivery, Priority};
pub use listen::{Peer, Port, SPEAK_PLAIN, SPEAK_TLS};
pub use loops::{LoopHandles, Loops};
pub use raw::Raw;
pub use serve::{Backend, Endpoint, Versions, serve};
pub use status::{http_status, refused, to_status, too_large};
pub use tls::{Acceptor, Clients, ServerTls, TlsFault};
