//! `ExecuteMultiOperation`: a start and an update that stand or fall together.

use engine::{Answer, Call, UpdateCall};
use model::Reject;
use proto::temporal::api::workflowservice::v1::{
    ExecuteMultiOperationRequest, ExecuteMultiOperationResponse, StartWorkflowExecutionRequest,
    StartWorkflowExecutionResponse, UpdateWorkflowExecutionRequest,
    execute_multi_operation_request::operation,
    execute_multi_operation_response::{Response, response},
};

use super::{link_to_start, update};
use crate::{
    check,
    context::{Scope, unexpected},
};

pub(crate) async fn execute_multi_operation(
    scope: Scope,
    request: ExecuteMultiOperationRequest,
) -> Result<ExecuteMultiOperationResponse, Reject> {
    let (start, update) = operations(request)?;
    let start = start_operation(&scope, start);
    let update = update_operation(&scope, update);
    let (start, update) = both(start, update)?;
    let (names, workflow_id) = (update::Names::of(&update), start.workflow_id.clone());
    let call = Call::UpdateWithStart { start: Box::new(start), update: Box::new(update), again: false };
    let (started, state) = match scope.call(call).await? {
        Answer::UpdateWithStart { started, update } => (started, update),
        other => return Err(unexpected(&other)),
    };
    let link = link_to_start(&scope.namespace.name, &workflow_id, &started.run_id);
    let start = StartWorkflowExecutionResponse {
        run_id: started.run_id,
        first_execution_run_id: started.first_execution_run_id,
        started: started.started,
        status: started.status.into(),
        eager_workflow_task: None,
        link: Some(link),
    };
    let update = update::response(&scope, names, *state).await?;
    let responses = [response::Response::StartWorkflow(start), response::Response::UpdateWorkflow(update)];
    let responses = responses.into_iter().map(|response| Response { response: Some(response) });
    Ok(ExecuteMultiOperationResponse { responses: responses.collect() })
}

/// The one pair of operations that is served, here as on the reference.
fn operations(
    request: ExecuteMultiOperationRequest,
) -> Result<(StartWorkflowExecutionRequest, UpdateWorkflowExecutionRequest), Reject> {
    let mut operations = request.operations.into_iter().map(|operation| operation.operation);
    match (operations.next().flatten(), operations.next().flatten(), operations.next()) {
        (
            Some(operation::Operation::StartWorkflow(start)),
            Some(operation::Operation::UpdateWorkflow(update)),
            None,
        ) => Ok((start, update)),
        _ => Err(Reject::invalid("Operations have to be exactly [Start, Update].")),
    }
}

fn start_operation(
    scope: &Scope,
    mut start: StartWorkflowExecutionRequest,
) -> Result<StartWorkflowExecutionRequest, Reject> {
    check_namespace(scope, &start.namespace)?;
    check::start(&mut start, &scope.namespace, scope.limits(), scope.now())?;
    scope.name_request(&mut start.request_id);
    let delay = model::from_proto_duration(start.workflow_start_delay.as_ref());
    let refused = if !start.cron_schedule.is_empty() {
        "CronSchedule is not allowed."
    } else if start.request_eager_execution {
        "RequestEagerExecution is not supported."
    } else if !delay.is_zero() {
        "WorkflowStartDelay is not supported."
    } else {
        return Ok(start);
    };
    Err(Reject::invalid(refused))
}

fn update_operation(scope: &Scope, update: UpdateWorkflowExecutionRequest) -> Result<UpdateCall, Reject> {
    check_namespace(scope, &update.namespace)?;
    let update = update::checked(scope, update)?;
    if !update.first_execution_run_id.is_empty() {
        return Err(Reject::invalid("FirstExecutionRunId is not allowed."));
    }
    if !update.execution.run_id.is_empty() {
        return Err(Reject::invalid("RunId is not allowed."));
    }
    Ok(update)
}

/// The gate has let the call into the namespace that it names as a whole; no part of it can be about another one.
fn check_namespace(scope: &Scope, named: &str) -> Result<(), Reject> {
    if named.is_empty() || *named == *scope.namespace.name {
        return Ok(());
    }
    Err(Reject::invalid("Operation namespace did not match request's namespace."))
}

/// Both operations, or why each of them can't be.
fn both(
    start: Result<StartWorkflowExecutionRequest, Reject>,
    update: Result<UpdateCall, Reject>,
) -> Result<(StartWorkflowExecutionRequest, UpdateCall), Reject> {
    let aborted = Reject::operation_aborted;
    let (start, update) = match (start, update) {
        (Ok(start), Ok(update)) if start.workflow_id == update.execution.workflow_id => return Ok((start, update)),
        (Ok(_), Ok(_)) => (aborted(), Reject::invalid("WorkflowId is not consistent with previous operation(s).")),
        (start, update) => (start.err().unwrap_or_else(aborted), update.err().unwrap_or_else(aborted)),
    };
    Err(Reject::update_with_start(Some(start), Some(update)))
}
