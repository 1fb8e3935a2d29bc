//! A visibility row as it stands in the log.

use bytes::Bytes;
use model::{NamespaceId, RunId, Time};
use prost::Message;
use proto::temporal::api::enums::v1::WorkflowExecutionStatus;
use store::{
    StoreError, record,
    visibility::{Row, decode_attributes, encode_attributes},
};

/// The fields of a row but its run id, which is its key.
#[derive(Clone, PartialEq, Message)]
struct RowRecord {
    #[prost(bytes = "bytes", tag = "1")]
    namespace_id: Bytes,
    #[prost(string, tag = "2")]
    workflow_id: String,
    #[prost(string, tag = "3")]
    workflow_type: String,
    #[prost(string, tag = "4")]
    task_queue: String,
    #[prost(int32, tag = "5")]
    status: i32,
    #[prost(sint64, tag = "6")]
    start_time: i64,
    #[prost(sint64, tag = "7")]
    execution_time: i64,
    #[prost(sint64, optional, tag = "8")]
    close_time: Option<i64>,
    #[prost(sint64, tag = "9")]
    history_length: i64,
    #[prost(sint64, tag = "10")]
    history_size: i64,
    #[prost(sint64, tag = "11")]
    state_transitions: i64,
    #[prost(string, optional, tag = "12")]
    parent_workflow_id: Option<String>,
    #[prost(string, optional, tag = "13")]
    parent_run_id: Option<String>,
    #[prost(string, tag = "14")]
    root_workflow_id: String,
    #[prost(string, tag = "15")]
    root_run_id: String,
    /// What a log of the fourth format holds: the memo itself.
    #[prost(bytes = "bytes", optional, tag = "16")]
    old_memo: Option<Bytes>,
    /// The record of the search attributes; empty for none.
    #[prost(bytes = "bytes", tag = "17")]
    search_attributes: Bytes,
    #[prost(bool, tag = "18")]
    has_memo: bool,
}

/// The record of a row.
pub(super) fn encode(row: &Row) -> Bytes {
    let search_attributes = match row.search_attributes.is_empty() {
        true => Bytes::new(),
        false => encode_attributes(&row.search_attributes),
    };
    record::encode(&RowRecord {
        namespace_id: Bytes::copy_from_slice(row.namespace.as_bytes()),
        workflow_id: row.workflow_id.clone(),
        workflow_type: row.workflow_type.clone(),
        task_queue: row.task_queue.clone(),
        status: row.status as i32,
        start_time: row.start_time.0,
        execution_time: row.execution_time.0,
        close_time: row.close_time.map(|time| time.0),
        history_length: row.history_length,
        history_size: row.history_size,
        state_transitions: row.state_transitions,
        parent_workflow_id: row.parent_workflow_id.clone(),
        parent_run_id: row.parent_run_id.clone(),
        root_workflow_id: row.root_workflow_id.clone(),
        root_run_id: row.root_run_id.clone(),
        old_memo: None,
        search_attributes,
        has_memo: row.has_memo,
    })
}

/// The row of a run in its record.
///
/// # Errors
/// `Unusable` when the record is damaged or of a newer version.
pub(crate) fn decode(run_id: RunId, bytes: Bytes) -> Result<Row, StoreError> {
    let damaged = |what: &str| StoreError::Unusable(format!("the logged row of run {run_id} has no {what}"));
    let row: RowRecord = record::decode(bytes)?;
    let search_attributes = match row.search_attributes.is_empty() {
        true => Default::default(),
        false => decode_attributes(row.search_attributes)?,
    };
    Ok(Row {
        namespace: NamespaceId::from_slice(&row.namespace_id).ok_or_else(|| damaged("namespace id"))?,
        run_id,
        workflow_id: row.workflow_id,
        workflow_type: row.workflow_type,
        task_queue: row.task_queue,
        status: WorkflowExecutionStatus::try_from(row.status).map_err(|_| damaged("known status"))?,
        start_time: Time(row.start_time),
        execution_time: Time(row.execution_time),
        close_time: row.close_time.map(Time),
        history_length: row.history_length,
        history_size: row.history_size,
        state_transitions: row.state_transitions,
        parent_workflow_id: row.parent_workflow_id,
        parent_run_id: row.parent_run_id,
        root_workflow_id: row.root_workflow_id,
        root_run_id: row.root_run_id,
        has_memo: row.has_memo || row.old_memo.is_some(),
        search_attributes,
    })
}
