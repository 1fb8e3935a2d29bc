//! A page of a list: what is asked of the engine, the token between two pages, and how a run is shown.

use bytes::Bytes;
use engine::Listed;
use model::{Reject, RunId, Time};
use prost::Message;
use proto::temporal::api::{
    common::v1::{SearchAttributes, WorkflowExecution, WorkflowType},
    workflow::v1::WorkflowExecutionInfo,
};
use store::visibility::{Cursor, Filter, Query, Schema};

use crate::context::Scope;

/// Where the next page begins. Field numbers are what clients hold during an upgrade.
#[derive(Clone, PartialEq, Message)]
struct ListToken {
    /// Nanoseconds; zero for an open run.
    #[prost(int64, tag = "1")]
    close_time: i64,
    #[prost(int64, tag = "2")]
    start_time: i64,
    /// Sixteen bytes.
    #[prost(bytes = "vec", tag = "3")]
    run_id: Vec<u8>,
}

fn open(sealed: &[u8]) -> Result<Option<Cursor>, Reject> {
    if sealed.is_empty() {
        return Ok(None);
    }
    let invalid = || Reject::invalid("Invalid NextPageToken.");
    let token = ListToken::decode(sealed).map_err(|_| invalid())?;
    Ok(Some(Cursor {
        close_time: Time(token.close_time).non_zero(),
        start_time: Time(token.start_time),
        run_id: RunId::from_slice(&token.run_id).ok_or_else(invalid)?,
    }))
}

fn seal(cursor: &Cursor) -> Bytes {
    let token = ListToken {
        close_time: cursor.close_time.unwrap_or_default().0,
        start_time: cursor.start_time.0,
        run_id: cursor.run_id.as_bytes().to_vec(),
    };
    token.encode_to_vec().into()
}

/// A page of the runs that a filter selects, and the token of the next.
pub(super) async fn page(
    scope: &Scope,
    filter: Option<Filter>,
    size: i32,
    token: &[u8],
) -> Result<(Vec<WorkflowExecutionInfo>, Bytes), Reject> {
    let largest = scope.limits().visibility_page;
    let size = if (1..=largest).contains(&size) { size } else { largest };
    let query = Query {
        namespace: scope.namespace.id,
        filter,
        group_by: Vec::new(),
        limit: usize::try_from(size).unwrap_or(1),
        after: open(token)?,
    };
    let found = scope.context.engine.list_with_memos(query).await?;
    let next = found.next.as_ref().map(seal).unwrap_or_default();
    let schema = Schema { custom: &scope.namespace.search_attributes };
    Ok((found.runs.into_iter().map(|run| execution_info(run, schema)).collect(), next))
}

fn execution_info(Listed { row, memo }: Listed, schema: Schema<'_>) -> WorkflowExecutionInfo {
    let parent = match (row.parent_workflow_id.clone(), row.parent_run_id.clone()) {
        (Some(workflow_id), Some(run_id)) => Some(WorkflowExecution { workflow_id, run_id }),
        _ => None,
    };
    let closed = row.close_time.is_some();
    WorkflowExecutionInfo {
        execution: Some(WorkflowExecution { workflow_id: row.workflow_id, run_id: row.run_id.to_string() }),
        r#type: Some(WorkflowType { name: row.workflow_type }),
        start_time: Some(row.start_time.to_proto()),
        close_time: row.close_time.map(|time| time.to_proto()),
        status: row.status.into(),
        history_length: row.history_length,
        history_size_bytes: if closed { row.history_size } else { 0 },
        state_transition_count: if closed { row.state_transitions } else { 0 },
        parent_execution: parent,
        execution_time: Some(row.execution_time.to_proto()),
        execution_duration: row.close_time.map(|close| model::to_proto_duration(close.since(row.execution_time))),
        memo: Some(memo.unwrap_or_default()),
        search_attributes: Some(SearchAttributes {
            indexed_fields: row
                .search_attributes
                .iter()
                // What was set while an attribute had another type is found by no filter, and shown in no list.
                .filter(|(name, value)| schema.settable(name) == Some(value.kind()))
                .map(|(name, value)| (name.clone(), value.to_payload()))
                .collect(),
        }),
        task_queue: row.task_queue,
        root_execution: Some(WorkflowExecution { workflow_id: row.root_workflow_id, run_id: row.root_run_id }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_on_and_others_are_refused() {
        let cursor = Cursor { close_time: None, start_time: Time(7), run_id: RunId::default() };
        assert_eq!(open(&seal(&cursor)), Ok(Some(cursor)));
        let closed = Cursor { close_time: Some(Time(9)), start_time: Time(7), run_id: RunId::default() };
        assert_eq!(open(&seal(&closed)), Ok(Some(closed)));
        assert_eq!(open(b""), Ok(None));
        for bytes in [b"zzz".as_slice(), b"\x08\x01", b"\x1a\x01a"] {
            assert_eq!(open(bytes).unwrap_err().message, "Invalid NextPageToken.", "{bytes:?}");
        }
    }
}
