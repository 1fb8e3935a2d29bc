//! A client, another workflow or a parent's close policy asks the workflow to cancel itself. It may take its time, or ignore it.

use model::Reject;
use proto::temporal::api::{
    common::v1::{Link, WorkflowExecution},
    history::v1::{HistoryEvent, WorkflowExecutionCancelRequestedEventAttributes, history_event::Attributes as A},
};

use super::check_sender;
use crate::{Draft, External, Reply, StateChange, Step};

/// Records the request and schedules a workflow task. A second request changes nothing, and neither does one to a run
/// that is over; both are acknowledged.
///
/// # Errors
/// `NotFound` where the sender may not address this run, see `check_sender`.
pub(super) fn handle(
    mut draft: Draft,
    reason: String,
    identity: String,
    request_id: String,
    external: Option<External>,
    links: Vec<Link>,
) -> Result<Step, Reject> {
    if !draft.run().is_open() {
        // What is asked for has happened, one way or another.
        return draft.finish(Reply::Done);
    }
    if let Some(sender) = &external {
        check_sender(draft.run(), sender)?;
    }
    // An earlier run of the chain may have heard of it, and gone on all the same.
    let is_known = !request_id.is_empty() && draft.run().requests.contains(&request_id);
    if is_known || draft.run().core.cancel_requested {
        return draft.finish(Reply::Done);
    }
    draft.change(StateChange::CancelRequestSeen(request_id));
    draft.record_event(HistoryEvent {
        links,
        attributes: Some(A::WorkflowExecutionCancelRequestedEventAttributes(
            WorkflowExecutionCancelRequestedEventAttributes {
                cause: reason,
                external_initiated_event_id: external.as_ref().map_or(0, |sender| sender.initiated_event_id),
                external_workflow_execution: external
                    .map(|sender| WorkflowExecution { workflow_id: sender.workflow_id, run_id: sender.run_id }),
                identity,
            },
        )),
        ..HistoryEvent::default()
    });
    draft.schedule_workflow_task();
    draft.finish(Reply::Done)
}
