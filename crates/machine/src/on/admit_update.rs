//! A client wants an update done.

use std::sync::Arc;

use model::{Kind, Reject};
use prost::Message;
use proto::temporal::api::{
    enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope, WorkflowExecutionStatus},
    update::v1::Request,
};

use super::{closing, completed};
use crate::{Draft, PendingUpdate, Reply, Run, StateChange, Step, UpdateStage};

/// From this attempt on, a failing workflow task refuses updates at once. Source: the reference server.
const REFUSED_FROM_ATTEMPT: i32 = 3;

/// Admits the update, and schedules a workflow task that brings it to a worker unless one waits or is running. An
/// update that is known by its id is only acknowledged, also by a run that is over.
///
/// # Errors
/// `NotFound` when the run is over; `FailedPrecondition` while it is paused or its workflow task keeps failing;
/// `ResourceExhausted` when too much is in flight, or while the worker is about to close the run; `InvalidArgument`
/// for a malformed request.
pub(super) fn handle(mut draft: Draft, request: Request) -> Result<Step, Reject> {
    let run = draft.run();
    let update_id = request.meta.as_ref().map_or("", |meta| meta.update_id.as_str());
    let stage = run.update_stage(update_id);
    let is_known = match stage {
        // Its outcome stands, whatever state the run is in.
        Some(UpdateStage::Completed { .. }) => return draft.finish(Reply::Done),
        Some(UpdateStage::Admitted | UpdateStage::Accepted | UpdateStage::Abandoned | UpdateStage::Aborted) => true,
        None => false,
    };
    if !run.is_open() {
        return if is_known { draft.finish(Reply::Done) } else { Err(completed()) };
    }
    check_state(run)?;
    if is_known {
        return draft.finish(Reply::Done);
    }
    let size = request.encoded_len();
    check_limits(&draft, size)?;
    check_form(&request)?;
    draft.change(StateChange::UpdateAdmitted(Arc::new(PendingUpdate { request, size, sent: false })));
    draft.schedule_speculative();
    draft.finish(Reply::Done)
}

fn check_state(run: &Run) -> Result<(), Reject> {
    if run.status() == WorkflowExecutionStatus::Paused {
        return Err(Reject::precondition("Workflow is paused. Cannot update the workflow."));
    }
    if run.core.workflow_task.is_some_and(|task| task.attempt >= REFUSED_FROM_ATTEMPT) {
        let text = "Unable to perform workflow execution update due to Workflow Task in failed state.";
        return Err(Reject::new(Kind::WorkflowNotReady, text));
    }
    if run.core.close_attempted && run.is_deciding() {
        return Err(closing());
    }
    Ok(())
}

fn check_limits(draft: &Draft, size: usize) -> Result<(), Reject> {
    let (run, limits) = (draft.run(), &draft.context.limits);
    let most = limits.updates_in_flight;
    if most > 0 && run.updates_in_flight() >= most {
        return Err(exhausted(format!("limit on number of concurrent in-flight updates has been reached ({most})")));
    }
    check_total(run, limits.updates_per_execution)?;
    let most = limits.updates_in_flight_bytes;
    let held: usize = run.pending_updates.iter().map(|update| 2 * update.id().len() + update.size).sum();
    if most > 0 && held + size >= most {
        let text = format!("limit on total payload size of in-flight updates has been reached ({most} bytes)");
        return Err(exhausted(text));
    }
    Ok(())
}

/// Refuses one update more than a run takes in its life.
///
/// # Errors
/// `FailedPrecondition` with the reference's advice.
pub(crate) fn check_total(run: &Run, most: usize) -> Result<(), Reject> {
    if most == 0 || run.pending_updates.len() + run.updates.len() < most {
        return Ok(());
    }
    Err(Reject::precondition(format!(
        "The limit on the total number of distinct updates in this workflow has been reached ({most}). Make sure any \
         duplicate updates share an Update ID so the server can deduplicate them, and consider rejecting updates that \
         you aren't going to process. You can also Continue-as-New to avoid this; we recommend you check \
         Continue-as-New Suggested in your Workflow."
    )))
}

fn exhausted(text: String) -> Reject {
    Reject::exhausted(ResourceExhaustedCause::ConcurrentLimit, ResourceExhaustedScope::Namespace, text)
}

fn check_form(request: &Request) -> Result<(), Reject> {
    let missing = |what: &str| Err(Reject::invalid(format!("invalid *update.Request: {what} is not set")));
    match (&request.meta, &request.input) {
        (None, _) => missing("meta"),
        (Some(meta), _) if meta.update_id.is_empty() => missing("meta.update_id"),
        (Some(_), None) => missing("input"),
        (Some(_), Some(input)) if input.name.is_empty() => missing("input.name"),
        (Some(_), Some(_)) => Ok(()),
    }
}
