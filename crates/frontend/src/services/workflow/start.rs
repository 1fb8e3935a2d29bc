//! `StartWorkflowExecution`.

use engine::{Answer, Call};
use model::Reject;
use proto::temporal::api::{
    enums::v1::EventType,
    workflowservice::v1::{StartWorkflowExecutionRequest, StartWorkflowExecutionResponse},
};

use super::{link_to_request, link_to_start, worker_task};
use crate::{
    check,
    context::{Scope, unexpected},
};

pub(crate) async fn start_workflow_execution(
    scope: Scope,
    mut request: StartWorkflowExecutionRequest,
) -> Result<StartWorkflowExecutionResponse, Reject> {
    check::start(&mut request, &scope.namespace, scope.limits(), scope.now())?;
    scope.name_request(&mut request.request_id);
    let (workflow_id, request_id) = (request.workflow_id.clone(), request.request_id.clone());
    let attaches = request.on_conflict_options.is_some_and(|options| options.attach_request_id);
    let started = match scope.call(Call::Start(Box::new(request))).await? {
        Answer::Started(started) => started,
        other => return Err(unexpected(&other)),
    };
    let eager_workflow_task = match started.eager_task {
        Some(task) => Some(worker_task(&scope, *task).await?.decoded()?),
        None => None,
    };
    let namespace = &scope.namespace.name;
    let link = if attaches && !started.started {
        let kind = EventType::WorkflowExecutionOptionsUpdated;
        link_to_request(namespace, &workflow_id, &started.run_id, &request_id, kind)
    } else {
        link_to_start(namespace, &workflow_id, &started.run_id)
    };
    Ok(StartWorkflowExecutionResponse {
        run_id: started.run_id,
        first_execution_run_id: started.first_execution_run_id,
        started: started.started,
        status: started.status.into(),
        eager_workflow_task,
        link: Some(link),
    })
}
