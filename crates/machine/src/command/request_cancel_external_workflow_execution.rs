//! RequestCancelExternalWorkflowExecution: the workflow asks another one to cancel itself.

use proto::temporal::api::{
    command::v1::RequestCancelExternalWorkflowExecutionCommandAttributes,
    common::v1::WorkflowExecution,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{HistoryEvent, RequestCancelExternalWorkflowExecutionInitiatedEventAttributes, history_event},
};

use super::{CommandContext, CommandFailure, append, limit, valid};
use crate::Draft;

/// Becomes `RequestCancelExternalWorkflowExecutionInitiated`; the message to the other workflow is due from then on.
///
/// # Errors
/// The workflow task fails with `BadRequestCancelExternalWorkflowExecutionAttributes`, or with
/// `PendingRequestCancelLimitExceeded` above `Limits::pending_cancel_requests`. An unknown namespace refuses the
/// worker's call.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<RequestCancelExternalWorkflowExecutionCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    let namespace = attributes.as_ref().map_or("", |command| command.namespace.as_str());
    let namespace_id = valid::namespace(draft, namespace)?;
    check(draft, attributes.as_ref(), context)?;
    let command = attributes.unwrap_or_default();
    let limits = draft.context.limits.clone();
    limit::pending(
        draft.run().external_cancels.len(),
        limits.pending_cancel_requests,
        Cause::PendingRequestCancelLimitExceeded,
        "pending requests to cancel external workflows",
    )?;
    let attributes = RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
        workflow_task_completed_event_id: context.workflow_task_completed_event_id,
        namespace: command.namespace,
        namespace_id: namespace_id.to_string(),
        workflow_execution: Some(WorkflowExecution { workflow_id: command.workflow_id, run_id: command.run_id }),
        child_workflow_only: command.child_workflow_only,
        reason: command.reason,
        control: command.control,
    };
    let attributes =
        history_event::Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(attributes);
    append(draft, event, attributes);
    Ok(())
}

fn check(
    draft: &Draft,
    command: Option<&RequestCancelExternalWorkflowExecutionCommandAttributes>,
    context: &CommandContext,
) -> Result<(), CommandFailure> {
    const COMMAND: &str = "RequestCancelExternalWorkflowExecutionCommand";
    let bad =
        |text: String| Err(CommandFailure::task(Cause::BadRequestCancelExternalWorkflowExecutionAttributes, text));
    let Some(command) = command else {
        return bad(format!("{COMMAND}Attributes is not set on {COMMAND}."));
    };
    if let Err(text) = valid::same_namespace(draft, command.namespace.as_str()) {
        return bad(text);
    }
    let limit = draft.context.limits.id_length;
    let (namespace, id, run) = (command.namespace.as_str(), &command.workflow_id, &command.run_id);
    if id.is_empty() {
        return bad(format!("WorkflowId is not set on {COMMAND}. Namespace={namespace} RunId={run}"));
    }
    if namespace.len() > limit {
        return bad(format!(
            "Namespace on {COMMAND} exceeds length limit. WorkflowId={id} RunId={run} Namespace={namespace} Length={} \
             Limit={limit}",
            namespace.len()
        ));
    }
    if id.len() > limit {
        return bad(format!(
            "WorkflowId on {COMMAND} exceeds length limit. WorkflowId={id} Length={} Limit={limit} RunId={run} \
             Namespace={namespace}",
            id.len()
        ));
    }
    if !run.is_empty() && !valid::is_run_id(run) {
        return bad(format!("Invalid RunId set on {COMMAND}. WorkflowId={id} RunId={run} Namespace={namespace}"));
    }
    if context.children.contains(id) {
        return bad(format!(
            "Start and RequestCancel for child workflow is not allowed in same workflow task. WorkflowId={id} \
             RunId={run} Namespace={namespace}"
        ));
    }
    Ok(())
}
