//! The search attributes that exist without anybody adding them, and how a name in a query is resolved.

use std::collections::BTreeMap;

use model::search_attribute::{Builtin, builtin};
use proto::temporal::api::enums::v1::IndexedValueType;

use super::Attribute;

/// Names that no custom attribute may have, beside those above and all that begin with `Temporal`.
const RESERVED: [&str; 4] = ["Memo", "MemoEncoding", "NamespaceId", "VisibilityTaskKey"];

/// What the names of the server's own attributes begin with.
const PREFIX: &str = "Temporal";

/// How a status is written where an attribute is a schedule's id: it is the id of its workflow.
const SCHEDULE_ID: &str = "ScheduleId";

/// The attribute that keeps system workflows out of lists.
pub(super) const DIVISION: &str = "TemporalNamespaceDivision";

/// Attributes that every run has, with their types, sorted by name. A client can't set them.
pub fn system_attributes() -> impl Iterator<Item = (&'static str, IndexedValueType)> {
    Builtin::all().iter().filter(|one| one.is_system).map(|one| (one.name, one.kind))
}

/// Attributes with a meaning to the server or an SDK, with their types, sorted by name.
pub fn predefined_attributes() -> impl Iterator<Item = (&'static str, IndexedValueType)> {
    Builtin::all().iter().filter(|one| !one.is_system).map(|one| (one.name, one.kind))
}

/// Whether no custom attribute may have this name.
pub fn is_reserved(name: &str) -> bool {
    builtin(name).is_some() || RESERVED.contains(&name) || name.starts_with(PREFIX)
}

/// The attributes that a query of a namespace can speak of.
#[derive(Clone, Copy, Debug)]
pub struct Schema<'a> {
    /// The custom attributes of the namespace.
    pub custom: &'a BTreeMap<String, IndexedValueType>,
}

impl Schema<'_> {
    /// The type of a search attribute that can stand in a run's search attributes: custom or predefined.
    pub fn settable(&self, name: &str) -> Option<IndexedValueType> {
        let predefined = || builtin(name).filter(|builtin| !builtin.is_system).map(|builtin| builtin.kind);
        self.custom.get(name).copied().or_else(predefined)
    }

    /// The attribute that a name in a query means. The prefix `Temporal` can be left out, or be put before any name.
    pub fn resolve(&self, name: &str) -> Option<Attribute> {
        let known = |name: &str| {
            let kind = builtin(name).map(|builtin| builtin.kind).or_else(|| self.custom.get(name).copied())?;
            let name = name.to_owned();
            Some(Attribute { name, kind })
        };
        if let Some(attribute) = known(name) {
            return Some(attribute);
        }
        let stripped = name.strip_prefix(PREFIX);
        if stripped.unwrap_or(name) == SCHEDULE_ID {
            return known("WorkflowId");
        }
        known(&format!("{PREFIX}{name}")).or_else(|| known(stripped?))
    }
}
