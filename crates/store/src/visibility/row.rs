//! The rows, and the questions that are asked of them.

use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap};

use model::{NamespaceId, RunId, Time, search_attribute::Value};
use proto::temporal::api::enums::v1::WorkflowExecutionStatus;
use uuid::Uuid;

use super::Filter;

/// What is shown of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub namespace: NamespaceId,
    pub run_id: RunId,
    pub workflow_id: String,
    pub workflow_type: String,
    pub task_queue: String,
    pub status: WorkflowExecutionStatus,
    pub start_time: Time,
    /// The start plus any back-off.
    pub execution_time: Time,
    pub close_time: Option<Time>,
    /// Events in the history; zero while the run is open.
    pub history_length: i64,
    pub history_size: i64,
    pub state_transitions: i64,
    pub parent_workflow_id: Option<String>,
    pub parent_run_id: Option<String>,
    pub root_workflow_id: String,
    pub root_run_id: String,
    /// Whether it has a memo, which stands with the state of the run: rows are searched, and memos may be large.
    pub has_memo: bool,
    /// Custom search attributes, and the system ones that are set as such (`BuildIds`, `TemporalChangeVersion`, …).
    pub search_attributes: BTreeMap<String, Value>,
}

/// A list or count query, ready to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub namespace: NamespaceId,
    pub filter: Option<Filter>,
    /// Attributes that a count groups by; a list does not look at them.
    pub group_by: Vec<String>,
    /// Rows in one page.
    pub limit: usize,
    /// Where the last page ended.
    pub after: Option<Cursor>,
}

/// The position behind a row in the order of a list: open runs first by start time, then closed ones by close time,
/// newest first; ties by run id.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    pub close_time: Option<Time>,
    pub start_time: Time,
    pub run_id: RunId,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryPage {
    pub rows: Vec<Row>,
    /// Where the next page begins. Set when the page is full, as the reference does, even if nothing follows; and where the
    /// engine stopped looking, though it may have found few rows by then, or none.
    pub next: Option<Cursor>,
}

/// One group of a count: the value of each attribute it groups by (`None` for null), and how many rows are in it. A count
/// without groups is one of these without values. Groups come in the order of their values, null first; statuses in the
/// order of their numbers.
pub type GroupCount = (Vec<Option<Value>>, i64);

/// Sorts as a list does. An open run counts as closing at the end of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    close_time: Reverse<Time>,
    start_time: Reverse<Time>,
    run_id: RunId,
}

impl Position {
    /// Before every row.
    pub(crate) const FIRST: Position =
        Position { close_time: Reverse(Time::MAX), start_time: Reverse(Time::MAX), run_id: RunId(Uuid::nil()) };
}

impl Cursor {
    pub fn of(row: &Row) -> Self {
        Self { close_time: row.close_time, start_time: row.start_time, run_id: row.run_id }
    }

    pub(crate) fn position(&self) -> Position {
        Position {
            close_time: Reverse(self.close_time.unwrap_or(Time::MAX)),
            start_time: Reverse(self.start_time),
            run_id: self.run_id,
        }
    }
}

impl Row {
    /// The value of a system or custom attribute by name; `None` where the filter language says `IS NULL`.
    ///
    /// What is only known at the end (lengths, duration, transitions) is null while the run is open. `ExecutionStatus`
    /// is the number of the status, by which the reference compares it.
    pub fn value(&self, name: &str) -> Option<Cow<'_, Value>> {
        let keyword = |text: &str| Some(Cow::Owned(Value::Keyword(text.into())));
        let int = |value| Some(Cow::Owned(Value::Int(value)));
        let datetime = |time| Some(Cow::Owned(Value::Datetime(Time::into(time))));
        match name {
            "WorkflowId" => keyword(&self.workflow_id),
            "RunId" => keyword(&self.run_id.to_string()),
            "WorkflowType" => keyword(&self.workflow_type),
            "TaskQueue" => keyword(&self.task_queue),
            "ExecutionStatus" => int(i64::from(self.status as i32)),
            "StartTime" => datetime(self.start_time),
            "ExecutionTime" => datetime(self.execution_time),
            "CloseTime" => datetime(self.close_time?),
            "ExecutionDuration" => int(self.execution_duration()?),
            "HistoryLength" => self.close_time.and_then(|_| int(self.history_length)),
            "HistorySizeBytes" => self.close_time.and_then(|_| int(self.history_size)),
            "StateTransitionCount" => self.close_time.and_then(|_| int(self.state_transitions)),
            "ParentWorkflowId" => keyword(self.parent_workflow_id.as_ref()?),
            "ParentRunId" => keyword(self.parent_run_id.as_ref()?),
            "RootWorkflowId" => keyword(&self.root_workflow_id),
            "RootRunId" => keyword(&self.root_run_id),
            custom => self.search_attributes.get(custom).map(Cow::Borrowed),
        }
    }

    /// How a count shows the value of an attribute that it groups by: a status by its name.
    pub fn as_group(name: &str, value: Value) -> Value {
        match value {
            Value::Int(status) if name == "ExecutionStatus" => {
                let status =
                    i32::try_from(status).ok().and_then(|status| WorkflowExecutionStatus::try_from(status).ok());
                Value::Keyword(status_name(status.unwrap_or_default()).into())
            }
            value => value,
        }
    }

    /// Nanoseconds from the execution time to the close; `None` while the run is open.
    pub fn execution_duration(&self) -> Option<i64> {
        Some(self.close_time?.0.saturating_sub(self.execution_time.0))
    }
}

/// How a status is written in a filter and in the groups of a count.
pub fn status_name(status: WorkflowExecutionStatus) -> &'static str {
    match status {
        WorkflowExecutionStatus::Unspecified => "Unspecified",
        WorkflowExecutionStatus::Running => "Running",
        WorkflowExecutionStatus::Completed => "Completed",
        WorkflowExecutionStatus::Failed => "Failed",
        WorkflowExecutionStatus::Canceled => "Canceled",
        WorkflowExecutionStatus::Terminated => "Terminated",
        WorkflowExecutionStatus::ContinuedAsNew => "ContinuedAsNew",
        WorkflowExecutionStatus::TimedOut => "TimedOut",
        WorkflowExecutionStatus::Paused => "Paused",
    }
}
