//! Calls about namespaces.

mod change;
mod delete;
mod deprecate;
mod describe;
mod list;
mod register;
mod system;
mod update;

pub(crate) use change::{change, write};
pub use delete::resume_deletions;
pub(crate) use delete::{delete, delete_namespace};
pub(crate) use deprecate::deprecate_namespace;
pub(crate) use describe::describe_namespace;
pub(crate) use list::list_namespaces;
pub(crate) use register::register_namespace;
pub use register::{NewNamespace, ensure};
pub(crate) use system::NAME as SYSTEM;
pub use system::ensure_system;
pub(crate) use update::{shape, update_namespace};

use std::time::Duration;

use model::{Limits, Reject};

use crate::check;

/// The number of custom search attributes of each type that a namespace may have, and how their places are called.
pub(crate) const PLACES: [(proto::temporal::api::enums::v1::IndexedValueType, &str, usize); 7] = {
    use proto::temporal::api::enums::v1::IndexedValueType::{Bool, Datetime, Double, Int, Keyword, KeywordList, Text};
    [
        (Bool, "Bool", 3),
        (Datetime, "Datetime", 3),
        (Double, "Double", 3),
        (Int, "Int", 3),
        (Keyword, "Keyword", 10),
        (KeywordList, "KeywordList", 3),
        (Text, "Text", 3),
    ]
};

/// The retention that a request gives, which may not be too short.
fn retention(mut given: Option<prost_types::Duration>, limits: &Limits) -> Result<Duration, Reject> {
    let invalid = || Reject::invalid("A valid retention period is not set on request.");
    check::duration(&mut given).map_err(|_| invalid())?;
    let retention = model::from_proto_duration(given.as_ref());
    if retention < limits.retention_min { Err(invalid()) } else { Ok(retention) }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}
