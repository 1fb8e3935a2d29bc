//! What became of starting a child.

use model::Reject;
use proto::temporal::api::{
    common::v1::WorkflowExecution,
    history::v1::{
        ChildWorkflowExecutionStartedEventAttributes, StartChildWorkflowExecutionFailedEventAttributes,
        history_event::Attributes as A,
    },
};

use crate::{Child, ChildOutcome, Draft, Reply, StateChange, Step};

/// # Errors
/// `NotFound` when the run doesn't wait for this child. A start that is known already is only acknowledged.
pub(super) fn handle(mut draft: Draft, initiated_event_id: i64, outcome: ChildOutcome) -> Result<Step, Reject> {
    let Some(child) = draft.run().children.get(&initiated_event_id).cloned() else {
        return Err(Reject::not_found("Pending child execution not found."));
    };
    if !child.run_id.is_empty() || child.settled {
        return draft.finish(Reply::Done);
    }
    if !draft.run().is_open() {
        draft.change(match outcome {
            // The request was on its way when the parent closed.
            ChildOutcome::Started { run_id } if child.ends_with_parent() => {
                StateChange::ChildStartedLate { initiated_event_id, run_id }
            }
            // It was to be started in spite of the parent's end, and now that is done; or there is nothing to end.
            ChildOutcome::Started { .. } | ChildOutcome::Failed(_) => {
                StateChange::ClosePolicyApplied { initiated_event_id }
            }
        });
        return draft.finish(Reply::Done);
    }
    match outcome {
        ChildOutcome::Started { run_id } => record_start(&mut draft, &child, run_id),
        ChildOutcome::Failed(cause) => {
            let initiated = child.initiated.clone().unwrap_or_default();
            let event = StartChildWorkflowExecutionFailedEventAttributes {
                namespace: child.namespace.clone(),
                namespace_id: child.namespace_id.clone(),
                workflow_id: child.workflow_id.clone(),
                workflow_type: child.workflow_type.clone(),
                cause: cause.into(),
                initiated_event_id,
                // The reference leaves it out.
                workflow_task_completed_event_id: 0,
                control: initiated.control,
            };
            draft.record(A::StartChildWorkflowExecutionFailedEventAttributes(event));
        }
    }
    draft.schedule_workflow_task();
    draft.finish(Reply::Done)
}

/// Records that the child runs.
pub(super) fn record_start(draft: &mut Draft, child: &Child, run_id: String) {
    draft.record(A::ChildWorkflowExecutionStartedEventAttributes(ChildWorkflowExecutionStartedEventAttributes {
        namespace: child.namespace.clone(),
        namespace_id: child.namespace_id.clone(),
        initiated_event_id: child.initiated_event_id,
        workflow_execution: Some(WorkflowExecution { workflow_id: child.workflow_id.clone(), run_id }),
        workflow_type: child.workflow_type.clone(),
        header: child.initiated.as_ref().and_then(|initiated| initiated.header.clone()),
    }));
}
