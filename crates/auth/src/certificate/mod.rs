//! Client certificates: the bundle of authorities that a namespace trusts, the chain from a client's certificate to it,
//! and the filters that say which of those certificates are meant.

mod bundle;
mod chain;
mod fields;
mod filter;

pub use bundle::{BundleViolation, ClientCa};
pub use chain::{CertificateRefusal, ClientCertificate};
pub use filter::{Filter, FilterViolation, Filters};

#[cfg(test)]
mod tests;
