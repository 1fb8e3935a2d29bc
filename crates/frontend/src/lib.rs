//! The services: gRPC for clients and workers, pages for people, and metrics.
//!
//! Every call takes one way: the gate (identity, permission, namespace, metrics), a check of the request's form, the
//! engine, and one mapping of errors. What a call means for a workflow is decided behind the engine, never here.

mod check;
mod cloud;
mod context;
mod gate;
mod grpc;
mod headers;
mod health;
mod method;
mod metrics;
mod pages;
mod query;
mod quota;
mod requests;
mod router;
mod secured;
mod services;
#[cfg(test)]
mod tests;
mod tries;
mod turn;
mod unary;
mod version;
mod weigh;

pub use cloud::http_path;
pub use context::{About, ServerContext};
pub use grpc::serve;
pub use pages::{Hosts, Login, Page, Ui, serve_page};
pub use router::{is_served, not_yet};
pub use secured::{Port, Secured, serve_secured};
pub use services::namespace::{NewNamespace, ensure, ensure_system, resume_deletions};
