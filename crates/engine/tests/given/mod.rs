//! What the tests of an engine begin with.

use std::time::Duration;

use engine::NamespaceRecord;
use proto::temporal::api::enums::v1::NamespaceState;

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// The namespace `default`, which keeps a closed run for so long.
pub(crate) fn namespace(retention: Duration) -> NamespaceRecord {
    NamespaceRecord {
        id: uuid::Uuid::from_u128(1).as_bytes().to_vec(),
        name: "default".into(),
        state: NamespaceState::Registered.into(),
        retention_ns: i64::try_from(retention.as_nanos()).expect("a short time"),
        ..NamespaceRecord::default()
    }
}
