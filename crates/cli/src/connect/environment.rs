//! The process environment as a value, so that it can be put to the test.

use std::collections::BTreeMap;

/// Variables by their names.
pub(crate) type Environment = BTreeMap<String, String>;

/// Variables of this prefix are request headers.
pub(super) const HEADER_PREFIX: &str = "TEMPORAL_GRPC_META_";
