//! `temporal-system`: the namespace in which the reference's own workers work.
//!
//! Here the server's own work is no workflow, so that nothing runs in it but what a caller starts. It is there because callers find
//! it in the reference's lists, by the same id, and scripts skip it by its name. A secured server has none: its namespaces are
//! those of its account.

use std::time::Duration;

use model::{NamespaceId, Reject};

use super::register::{NewNamespace, register};
use crate::context::ServerContext;

/// Its name on every server. Source: the reference server, as are the other values.
pub(crate) const NAME: &str = "temporal-system";
/// Its id on every server.
pub(super) const ID: NamespaceId = NamespaceId(uuid::Uuid::from_u128(0x3204_9b68_7872_4094_8e63_d0dd_5989_6a83));
/// How long its closed runs are kept.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Makes the namespace where it is not there: in new data, and in data of versions that had none.
///
/// # Errors
/// The storage's errors.
pub async fn ensure_system(context: &ServerContext) -> Result<(), Reject> {
    // One that a caller has registered under this name stays what it is.
    if context.engine.namespaces().by_name(NAME).is_some() {
        return Ok(());
    }
    let new = NewNamespace {
        description: "Temporal internal system namespace".to_owned(),
        owner_email: "temporal-core@temporal.io".to_owned(),
        ..NewNamespace::named(NAME, RETENTION)
    };
    register(context, ID, new).await
}
