//! Rows of lists.

use model::{NamespaceId, RunId, Time};
use proto::temporal::api::enums::v1::WorkflowExecutionStatus;
use store::visibility::{Query, Row};
use uuid::Uuid;

const NAMESPACE: NamespaceId = NamespaceId(Uuid::from_u128(1));

/// An open run with nothing special.
pub(crate) fn row(run_id: RunId) -> Row {
    Row {
        namespace: NAMESPACE,
        run_id,
        workflow_id: "order".into(),
        workflow_type: "Order".into(),
        task_queue: "orders".into(),
        status: WorkflowExecutionStatus::Running,
        start_time: Time(1),
        execution_time: Time(1),
        close_time: None,
        history_length: 3,
        history_size: -1,
        state_transitions: i64::MAX,
        parent_workflow_id: None,
        parent_run_id: None,
        root_workflow_id: "root".into(),
        root_run_id: "r".into(),
        has_memo: false,
        search_attributes: Default::default(),
    }
}

/// All such rows; there are never more than a hundred.
pub(crate) fn everything() -> Query {
    Query { namespace: NAMESPACE, filter: None, group_by: Vec::new(), limit: 100, after: None }
}
