//! A child has closed, and its parent hears how.

use model::Reject;
use proto::temporal::api::{
    common::v1::WorkflowExecution,
    history::v1::{
        ChildWorkflowExecutionCanceledEventAttributes, ChildWorkflowExecutionCompletedEventAttributes,
        ChildWorkflowExecutionFailedEventAttributes, ChildWorkflowExecutionTerminatedEventAttributes,
        ChildWorkflowExecutionTimedOutEventAttributes, history_event::Attributes as A,
    },
};

use super::child_started::record_start;
use crate::{
    Child, ChildClosed, Draft, Reply, Step,
    run::{Closed, run_closed},
};

/// # Errors
/// `NotFound` when the run has ended or doesn't wait for this child: the child need not tell again.
pub(super) fn handle(mut draft: Draft, initiated_event_id: i64, closed: ChildClosed) -> Result<Step, Reject> {
    let not_found = || Reject::not_found("Pending child execution not found.");
    if !draft.run().is_open() {
        return Err(Reject::not_found("workflow execution already completed"));
    }
    let Some(child) = draft.run().children.get(&initiated_event_id).cloned() else {
        return Err(not_found());
    };
    let first_run_id = if closed.first_run_id.is_empty() { &closed.run_id } else { &closed.first_run_id };
    if child.workflow_id != closed.workflow_id || (!child.run_id.is_empty() && child.run_id != *first_run_id) {
        return Err(not_found());
    }
    // The notice of the end may overtake that of the start.
    let mut child = child;
    if child.run_id.is_empty() {
        record_start(&mut draft, &child, first_run_id.clone());
        if let Some(started) = draft.run().children.get(&initiated_event_id) {
            child = started.clone();
        }
    }
    let Some(attributes) = ending(&child, &closed) else {
        return Err(Reject::invalid("the last event of a child must be the one that closed it"));
    };
    draft.record(attributes);
    draft.schedule_workflow_task();
    draft.finish(Reply::Done)
}

/// What the parent's history says of the child's closing event. A continued run does not end the child.
fn ending(child: &Child, closed: &ChildClosed) -> Option<A> {
    let end = run_closed(&closed.event)?;
    // What all of them say of the child, and what each says of its end.
    macro_rules! ending {
        ($kind:ident, $message:ident { $($field:ident: $value:expr),* }) => {
            Some(A::$kind($message {
                namespace: child.namespace.clone(),
                namespace_id: child.namespace_id.clone(),
                workflow_execution: Some(WorkflowExecution {
                    workflow_id: closed.workflow_id.clone(),
                    run_id: closed.run_id.clone(),
                }),
                workflow_type: child.workflow_type.clone(),
                initiated_event_id: child.initiated_event_id,
                started_event_id: child.started_event_id,
                $($field: $value,)*
            }))
        };
    }
    match end {
        Closed::Completed(end) => ending!(
            ChildWorkflowExecutionCompletedEventAttributes,
            ChildWorkflowExecutionCompletedEventAttributes { result: end.result.clone() }
        ),
        Closed::Failed(end) => ending!(
            ChildWorkflowExecutionFailedEventAttributes,
            ChildWorkflowExecutionFailedEventAttributes { failure: end.failure.clone(), retry_state: end.retry_state }
        ),
        Closed::Canceled(end) => ending!(
            ChildWorkflowExecutionCanceledEventAttributes,
            ChildWorkflowExecutionCanceledEventAttributes { details: end.details.clone() }
        ),
        Closed::TimedOut(end) => ending!(
            ChildWorkflowExecutionTimedOutEventAttributes,
            ChildWorkflowExecutionTimedOutEventAttributes { retry_state: end.retry_state }
        ),
        Closed::Terminated => {
            ending!(ChildWorkflowExecutionTerminatedEventAttributes, ChildWorkflowExecutionTerminatedEventAttributes {})
        }
        Closed::ContinuedAsNew => None,
    }
}
