//! What became of a cancel to another workflow.

use model::Reject;
use proto::temporal::api::enums::v1::CancelExternalWorkflowExecutionFailedCause;

use crate::{Draft, ExternalOutcome, Step};

pub(super) fn handle(
    draft: Draft,
    initiated_event_id: i64,
    outcome: ExternalOutcome<CancelExternalWorkflowExecutionFailedCause>,
) -> Result<Step, Reject> {
    let _ = (draft, initiated_event_id, outcome);
    Err(Reject::unimplemented("this input"))
}
