//! Users and service accounts, and who of them has a right in a namespace.

mod assignments;
mod service_accounts;
mod users;

pub(crate) use service_accounts::describe as describe_service_account;
pub(crate) use users::{check_email, describe as describe_user};
