//! Visibility: the rows that list and count see, the list-filter language, and its meaning.
//!
//! A filter is parsed once to a typed tree; an SQL engine renders the tree, the engine in memory evaluates it. What a row
//! holds is decided by the engine crate.

use std::collections::BTreeMap;

use model::{NamespaceId, RunId, Time};
use proto::temporal::api::{common::v1::Memo, enums::v1::WorkflowExecutionStatus};

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
    pub memo: Option<Memo>,
    /// Custom search attributes, and the system ones that are set as such (`BuildIds`, `TemporalChangeVersion`, …).
    pub search_attributes: BTreeMap<String, Value>,
}

/// A typed value of a search attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Keyword(String),
    Int(i64),
    Double(f64),
    Bool(bool),
    Datetime(Time),
    KeywordList(Vec<String>),
}

/// A list or count query, ready to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub namespace: NamespaceId,
    pub filter: Option<Filter>,
    pub group_by: Vec<String>,
    /// Rows in one page.
    pub limit: usize,
    /// Where the last page ended.
    pub after: Option<Cursor>,
}

/// A typed filter; see the parser for the language.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {}

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
    pub next: Option<Cursor>,
}
