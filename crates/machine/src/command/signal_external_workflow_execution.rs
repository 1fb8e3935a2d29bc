//! SignalExternalWorkflowExecution: the workflow signals another one.

use proto::temporal::api::{
    command::v1::SignalExternalWorkflowExecutionCommandAttributes,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{HistoryEvent, SignalExternalWorkflowExecutionInitiatedEventAttributes, history_event},
};

use super::{CommandContext, CommandFailure, append, limit, valid};
use crate::Draft;

/// Becomes `SignalExternalWorkflowExecutionInitiated`; the message to the other workflow is due from then on.
///
/// # Errors
/// The workflow task fails with `BadSignalWorkflowExecutionAttributes`, or with `PendingSignalsLimitExceeded` above
/// `Limits::pending_signals`. An input above the size limit terminates the run; an unknown namespace refuses the
/// worker's call.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<SignalExternalWorkflowExecutionCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    let namespace = attributes.as_ref().map_or("", |command| command.namespace.as_str());
    let namespace_id = valid::namespace(draft, namespace)?;
    check(draft, attributes.as_ref())?;
    let command = attributes.unwrap_or_default();
    let limits = draft.context.limits.clone();
    limit::pending(
        draft.run().external_signals.len(),
        limits.pending_signals,
        Cause::PendingSignalsLimitExceeded,
        "pending signals to external workflows",
    )?;
    limit::blob(
        draft,
        limit::size(command.input.as_ref()),
        Cause::BadSignalWorkflowExecutionAttributes,
        "SignalExternalWorkflowExecutionCommandAttributes.Input exceeds size limit.",
    )?;
    let attributes = SignalExternalWorkflowExecutionInitiatedEventAttributes {
        workflow_task_completed_event_id: context.workflow_task_completed_event_id,
        namespace: command.namespace,
        namespace_id: namespace_id.to_string(),
        workflow_execution: command.execution,
        signal_name: command.signal_name,
        input: command.input,
        child_workflow_only: command.child_workflow_only,
        header: command.header,
        control: command.control,
    };
    append(
        draft,
        event,
        history_event::Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(attributes),
    );
    Ok(())
}

fn check(
    draft: &Draft,
    command: Option<&SignalExternalWorkflowExecutionCommandAttributes>,
) -> Result<(), CommandFailure> {
    const COMMAND: &str = "SignalExternalWorkflowExecutionCommand";
    let bad = |text: String| Err(CommandFailure::task(Cause::BadSignalWorkflowExecutionAttributes, text));
    let Some(command) = command else {
        return bad(format!("{COMMAND}Attributes is not set on {COMMAND}."));
    };
    let Some(execution) = &command.execution else {
        return bad(format!("Execution is not set on {COMMAND}."));
    };
    if let Err(text) = valid::same_namespace(draft, command.namespace.as_str()) {
        return bad(text);
    }
    let limit = draft.context.limits.id_length;
    let (namespace, id, run, signal) =
        (command.namespace.as_str(), &execution.workflow_id, &execution.run_id, &command.signal_name);
    if id.is_empty() {
        return bad(format!(
            "WorkflowId is not set on {COMMAND}. Namespace={namespace} RunId={run} SignalName={signal}"
        ));
    }
    if namespace.len() > limit {
        return bad(format!(
            "Namespace on {COMMAND} exceeds length limit. WorkflowId={id} Namespace={namespace} Length={} Limit={limit} \
             RunId={run} SignalName={signal}",
            namespace.len()
        ));
    }
    if id.len() > limit {
        return bad(format!(
            "WorkflowId on {COMMAND} exceeds length limit. WorkflowId={id} Length={} Limit={limit} \
             Namespace={namespace} RunId={run} SignalName={signal}",
            id.len()
        ));
    }
    if !run.is_empty() && !valid::is_run_id(run) {
        return bad(format!(
            "Invalid RunId set on {COMMAND}. WorkflowId={id} Namespace={namespace} RunId={run} SignalName={signal}"
        ));
    }
    if signal.is_empty() {
        return bad(format!("SignalName is not set on {COMMAND}. WorkflowId={id} Namespace={namespace} RunId={run}"));
    }
    Ok(())
}
