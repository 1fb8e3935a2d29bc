//! The attributes that exist in every namespace.

use proto::temporal::api::enums::v1::IndexedValueType::{self, Bool, Datetime, Int, Keyword, KeywordList};

/// An attribute that exists without anybody adding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin {
    pub name: &'static str,
    pub kind: IndexedValueType,
    /// Every run has it, in a field of its own: it is never among the search attributes that were set.
    pub is_system: bool,
    /// A client may set it.
    pub is_open: bool,
}

const fn system(name: &'static str, kind: IndexedValueType) -> Builtin {
    Builtin { name, kind, is_system: true, is_open: false }
}

/// One with a meaning to the server or an SDK that is set like others.
const fn open(name: &'static str, kind: IndexedValueType) -> Builtin {
    Builtin { name, kind, is_system: false, is_open: true }
}

/// One that only the server sets.
const fn closed(name: &'static str, kind: IndexedValueType) -> Builtin {
    Builtin { name, kind, is_system: false, is_open: false }
}

/// Those of every run first, each part sorted by name.
const ALL: [Builtin; 33] = [
    system("CloseTime", Datetime),
    system("ExecutionDuration", Int),
    system("ExecutionStatus", Keyword),
    system("ExecutionTime", Datetime),
    system("HistoryLength", Int),
    system("HistorySizeBytes", Int),
    system("ParentRunId", Keyword),
    system("ParentWorkflowId", Keyword),
    system("RootRunId", Keyword),
    system("RootWorkflowId", Keyword),
    system("RunId", Keyword),
    system("StartTime", Datetime),
    system("StateTransitionCount", Int),
    system("TaskQueue", Keyword),
    system("WorkflowId", Keyword),
    system("WorkflowType", Keyword),
    open("BatcherNamespace", Keyword),
    open("BatcherUser", Keyword),
    open("BinaryChecksums", KeywordList),
    open("BuildIds", KeywordList),
    open("TemporalChangeVersion", KeywordList),
    closed("TemporalExternalPayloadCount", Int),
    closed("TemporalExternalPayloadSizeBytes", Int),
    open("TemporalNamespaceDivision", Keyword),
    open("TemporalPauseInfo", KeywordList),
    open("TemporalReportedProblems", KeywordList),
    open("TemporalSchedulePaused", Bool),
    open("TemporalScheduledById", Keyword),
    open("TemporalScheduledStartTime", Datetime),
    closed("TemporalUsedWorkerDeploymentVersions", KeywordList),
    closed("TemporalWorkerDeployment", Keyword),
    closed("TemporalWorkerDeploymentVersion", Keyword),
    closed("TemporalWorkflowVersioningBehavior", Keyword),
];

impl Builtin {
    /// All of them.
    pub fn all() -> &'static [Builtin] {
        &ALL
    }
}

/// The one of this name.
pub fn builtin(name: &str) -> Option<Builtin> {
    ALL.into_iter().find(|one| one.name == name)
}
