//! What the rest of the system has to know of a namespace to serve a call in it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proto::temporal::api::enums::v1::{IndexedValueType, NamespaceState};

use crate::NamespaceId;

/// A namespace as a step sees it: an immutable snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Namespace {
    pub id: NamespaceId,
    pub name: Arc<str>,
    pub state: NamespaceState,
    /// How long a closed run is kept.
    pub retention: Duration,
    /// The custom search attributes by name; system attributes are not listed.
    pub search_attributes: Arc<BTreeMap<String, IndexedValueType>>,
}
