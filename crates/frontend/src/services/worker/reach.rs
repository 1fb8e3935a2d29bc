//! Commands that reach into another namespace: the worker that sends them must have its rights there, too.

use model::Reject;
use proto::temporal::api::command::v1::{Command, command::Attributes};

use crate::context::Scope;

/// What the worker would have to call for the same effect.
const START: &str = "/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution";
const SIGNAL: &str = "/temporal.api.workflowservice.v1.WorkflowService/SignalWorkflowExecution";
const CANCEL: &str = "/temporal.api.workflowservice.v1.WorkflowService/RequestCancelWorkflowExecution";

/// Whether the worker may do in other namespaces what its commands ask for.
///
/// # Errors
/// `PermissionDenied`, whether or not there is such a namespace.
pub(super) fn check(scope: &Scope, commands: &[Command]) -> Result<(), Reject> {
    for command in commands {
        let (namespace, path) = match &command.attributes {
            Some(Attributes::StartChildWorkflowExecutionCommandAttributes(start)) => (&start.namespace, START),
            Some(Attributes::SignalExternalWorkflowExecutionCommandAttributes(signal)) => (&signal.namespace, SIGNAL),
            Some(Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(cancel)) => {
                (&cancel.namespace, CANCEL)
            }
            _ => continue,
        };
        if namespace.is_empty() || **namespace == *scope.namespace.name {
            continue;
        }
        scope.context.policy.authorize(&scope.client.caller, auth::permission(path), Some(namespace))?;
    }
    Ok(())
}
