//! The search attributes that exist without anybody adding them, and how a name in a query is resolved.

use std::collections::BTreeMap;

use proto::temporal::api::enums::v1::IndexedValueType::{self, Bool, Datetime, Int, Keyword, KeywordList};

use super::Attribute;

/// Attributes that every run has. They can't be set by a client.
const SYSTEM: [(&str, IndexedValueType); 16] = [
    ("CloseTime", Datetime),
    ("ExecutionDuration", Int),
    ("ExecutionStatus", Keyword),
    ("ExecutionTime", Datetime),
    ("HistoryLength", Int),
    ("HistorySizeBytes", Int),
    ("ParentRunId", Keyword),
    ("ParentWorkflowId", Keyword),
    ("RootRunId", Keyword),
    ("RootWorkflowId", Keyword),
    ("RunId", Keyword),
    ("StartTime", Datetime),
    ("StateTransitionCount", Int),
    ("TaskQueue", Keyword),
    ("WorkflowId", Keyword),
    ("WorkflowType", Keyword),
];

/// Attributes with a meaning to the server or an SDK, that a run may have among its search attributes; and whether a
/// client may set them.
const PREDEFINED: [(&str, IndexedValueType, bool); 17] = [
    ("BatcherNamespace", Keyword, true),
    ("BatcherUser", Keyword, true),
    ("BinaryChecksums", KeywordList, true),
    ("BuildIds", KeywordList, true),
    ("TemporalChangeVersion", KeywordList, true),
    ("TemporalExternalPayloadCount", Int, false),
    ("TemporalExternalPayloadSizeBytes", Int, false),
    ("TemporalNamespaceDivision", Keyword, true),
    ("TemporalPauseInfo", KeywordList, true),
    ("TemporalReportedProblems", KeywordList, true),
    ("TemporalSchedulePaused", Bool, true),
    ("TemporalScheduledById", Keyword, true),
    ("TemporalScheduledStartTime", Datetime, true),
    ("TemporalUsedWorkerDeploymentVersions", KeywordList, false),
    ("TemporalWorkerDeployment", Keyword, false),
    ("TemporalWorkerDeploymentVersion", Keyword, false),
    ("TemporalWorkflowVersioningBehavior", Keyword, false),
];

/// Names that no custom attribute may have, beside those above and all that begin with `Temporal`.
const RESERVED: [&str; 4] = ["Memo", "MemoEncoding", "NamespaceId", "VisibilityTaskKey"];

/// What the names of the server's own attributes begin with.
const PREFIX: &str = "Temporal";

/// How a status is written where an attribute is a schedule's id: it is the id of its workflow.
const SCHEDULE_ID: &str = "ScheduleId";

/// The attribute that keeps system workflows out of lists.
pub(super) const DIVISION: &str = "TemporalNamespaceDivision";

/// Attributes that every run has, with their types, sorted by name. A client can't set them.
pub fn system_attributes() -> &'static [(&'static str, IndexedValueType)] {
    &SYSTEM
}

/// Attributes with a meaning to the server or an SDK, with their types, sorted by name.
pub fn predefined_attributes() -> impl Iterator<Item = (&'static str, IndexedValueType)> {
    PREDEFINED.into_iter().map(|(name, kind, _)| (name, kind))
}

/// Whether a client may set the attribute of this name, if such one is registered or predefined.
pub fn can_be_set(name: &str) -> bool {
    let system = SYSTEM.iter().any(|(other, _)| *other == name);
    let closed = PREDEFINED.iter().any(|(other, _, open)| *other == name && !open);
    !system && !closed
}

/// Whether no custom attribute may have this name.
pub fn is_reserved(name: &str) -> bool {
    builtin(name).is_some() || RESERVED.contains(&name) || name.starts_with(PREFIX)
}

fn builtin(name: &str) -> Option<IndexedValueType> {
    let system = SYSTEM.iter().copied();
    system.chain(predefined_attributes()).find(|(other, _)| *other == name).map(|(_, kind)| kind)
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
        let predefined = || predefined_attributes().find(|(other, _)| *other == name).map(|(_, kind)| kind);
        self.custom.get(name).copied().or_else(predefined)
    }

    /// The attribute that a name in a query means. The prefix `Temporal` can be left out, or be put before any name.
    pub fn resolve(&self, name: &str) -> Option<Attribute> {
        let known = |name: &str| {
            let kind = builtin(name).or_else(|| self.custom.get(name).copied())?;
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
