//! Users and service accounts, and who of them has a right in a namespace.

mod assignments;
mod service_accounts;
mod users;

use auth::Principal;
use proto::temporal::api::cloud::identity::v1::Access;

pub(crate) use service_accounts::describe as describe_service_account;
pub(crate) use users::{check_email, describe as describe_user};

/// Leaves of somebody's access what the caller may know: who it is and their role are the account's, but the namespaces
/// only those in which the caller has a right too. So nobody learns here which others there are.
fn leave_what_is_known(access: &mut Access, caller: &Principal, id: &str) {
    if caller.id != id {
        access.namespace_accesses.retain(|namespace, _| caller.namespace_permission(namespace).is_some());
    }
}
