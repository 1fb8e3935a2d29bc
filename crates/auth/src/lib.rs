//! Who calls, and what may they do: identities, permissions and the policy that joins them.
//!
//! Three tables decide and nothing else does: [`permission`] names every method of the data plane, [`authorize_cloud`]
//! every method of the control plane; what they do not name is denied. There is no transport, storage or clock here: the
//! frontend hands over what a caller shows, a [`Directory`] answers what is on record, and the time is an argument. The
//! one thing taken from the system is the randomness of signatures and of new signing keys.

mod caller;
mod certificate;
mod cloud;
mod directory;
#[cfg(test)]
mod fixture;
mod permission;
mod policy;
mod principal;
mod token;
mod verified;

pub use caller::{Caller, CertificateCaller, Credentials, namespace_of_host};
pub use certificate::{
    BundleViolation, CertificateRefusal, ClientCa, ClientCertificate, Filter, FilterViolation, Filters,
};
pub use cloud::{Resource, authorize_cloud, may_grant};
pub use directory::{Directory, KeyRecord, NamespaceSecurity};
pub use permission::{Access, Permission, Reach, permission};
pub use policy::{Policy, Secured, unauthenticated, unauthorized};
pub use principal::{AccountRole, NamespacePermission, Principal, PrincipalKind, Scope};
/// A certificate as DER, as the TLS library hands it over.
pub use rustls_pki_types::CertificateDer;
pub use token::{Claims, SigningKey, Token, TokenHash, VerifyingKey, mint};
