//! `SignalWithStartWorkflowExecution`.

use engine::{Answer, Call};
use model::Reject;
use proto::temporal::api::{
    enums::v1::EventType,
    workflowservice::v1::{SignalWithStartWorkflowExecutionRequest, SignalWithStartWorkflowExecutionResponse},
};

use super::link_to_request;
use crate::{
    check,
    context::{Scope, unexpected},
};

pub(crate) async fn signal_with_start_workflow_execution(
    scope: Scope,
    mut request: SignalWithStartWorkflowExecutionRequest,
) -> Result<SignalWithStartWorkflowExecutionResponse, Reject> {
    check::signal_with_start(&mut request, &scope.namespace, scope.limits(), scope.now())?;
    scope.name_request(&mut request.request_id);
    let (workflow_id, request_id) = (request.workflow_id.clone(), request.request_id.clone());
    let started = match scope.call(Call::SignalWithStart(Box::new(request))).await? {
        Answer::Started(started) => started,
        other => return Err(unexpected(&other)),
    };
    let namespace = &scope.namespace.name;
    let kind = EventType::WorkflowExecutionSignaled;
    let link = link_to_request(namespace, &workflow_id, &started.run_id, &request_id, kind);
    Ok(SignalWithStartWorkflowExecutionResponse {
        run_id: started.run_id,
        first_execution_run_id: started.first_execution_run_id,
        started: started.started,
        signal_link: Some(link),
    })
}
