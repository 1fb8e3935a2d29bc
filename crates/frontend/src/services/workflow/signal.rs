//! `SignalWorkflowExecution`.

use engine::{Answer, Call, Signal};
use model::Reject;
use proto::temporal::api::{
    enums::v1::EventType,
    workflowservice::v1::{SignalWorkflowExecutionRequest, SignalWorkflowExecutionResponse},
};

use super::link_to_request;
use crate::{
    check,
    context::{Scope, unexpected},
};

pub(crate) async fn signal_workflow_execution(
    scope: Scope,
    request: SignalWorkflowExecutionRequest,
) -> Result<SignalWorkflowExecutionResponse, Reject> {
    let limits = scope.limits();
    let execution = check::execution(request.workflow_execution)?;
    if request.signal_name.is_empty() {
        return Err(Reject::invalid("SignalName is not set on request."));
    }
    if request.signal_name.len() > limits.id_length {
        return Err(Reject::invalid("SignalName length exceeds limit."));
    }
    check::request_id(&request.request_id, limits)?;
    check::links(&request.links, limits)?;
    check::blob(request.input.as_ref(), limits)?;
    let (workflow_id, request_id) = (execution.workflow_id.clone(), request.request_id.clone());
    let signal = Signal {
        name: request.signal_name,
        input: request.input,
        identity: request.identity,
        header: request.header,
        request_id: request.request_id,
        links: request.links,
        external: None,
        comes_with_start: false,
    };
    match scope.call(Call::Signal { execution, signal: Box::new(signal) }).await? {
        Answer::Signaled { run_id } => {
            let namespace = &scope.namespace.name;
            let kind = EventType::WorkflowExecutionSignaled;
            let link = link_to_request(namespace, &workflow_id, &run_id, &request_id, kind);
            Ok(SignalWorkflowExecutionResponse { link: Some(link) })
        }
        Answer::Done => Ok(SignalWorkflowExecutionResponse::default()),
        other => Err(unexpected(&other)),
    }
}
