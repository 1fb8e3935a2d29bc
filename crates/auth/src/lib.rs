//! Who calls, and what may they do: identities, permissions and the policy that joins them.
//!
//! The table of permissions names every method that is served; what it does not name is denied. There is no transport
//! here: the frontend hands over credentials and a method's name and is told yes or no.

mod caller;
mod permission;
mod policy;

pub use caller::{Caller, Credentials};
pub use permission::{Access, Permission, Reach, permission};
pub use policy::Policy;
