//! The doors: gRPC for clients and workers, pages for people, and metrics.
//!
//! Every call takes one way: the gate (identity, permission, namespace, metrics), a check of the request's form, the
//! engine, and one mapping of errors. What a call means for a workflow is decided behind the engine, never here.

mod advice;
mod calls;
mod check;
mod cloud;
mod codec;
mod door;
mod frame;
mod gate;
mod grpc;
mod headers;
mod listen;
mod loops;
mod metrics;
mod namespace;
mod operator;
mod pages;
mod queue;
mod quota;
mod raw;
mod requests;
mod router;
mod secured;
mod serve;
mod status;
mod system;
mod tls;
mod tries;
mod turn;
mod unary;
mod version;
mod visibility;
mod weigh;
mod worker;
mod workflow;

pub use cloud::http_path;
pub use door::{About, Door};
pub use grpc::serve;
pub use loops::{Homes, Loops};
pub use namespace::{NewNamespace, ensure, resume_deletions};
pub use pages::{Hosts, Login, Page, Ui, serve_page};
pub use router::{is_served, not_yet};
pub use secured::{Port, Secured, serve_secured};
pub use status::to_status;
pub use tls::{ServerTls, TlsFault};
