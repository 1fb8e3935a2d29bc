//! `UpdateWorkflowExecution` and `PollWorkflowExecutionUpdate`.

use engine::{Answer, Call, Execution, HistoryRange, UpdateCall, UpdateOutcome, UpdateState, UpdateWait};
use model::{Kind, Limits, Reject, Time};
use proto::temporal::api::{
    common::v1::{
        Link, WorkflowExecution,
        link::{Variant, Workflow},
    },
    enums::v1::{EventType, UpdateWorkflowExecutionLifecycleStage as Stage},
    history::v1::history_event::Attributes,
    update::v1::{Outcome, UpdateRef, outcome::Value},
    workflowservice::v1::{
        PollWorkflowExecutionUpdateRequest, PollWorkflowExecutionUpdateResponse, UpdateWorkflowExecutionRequest,
        UpdateWorkflowExecutionResponse,
    },
};

use super::{link_to_request, page::batches};
use crate::{
    check,
    context::{Scope, unexpected},
};

pub(crate) async fn update_workflow_execution(
    scope: Scope,
    request: UpdateWorkflowExecutionRequest,
) -> Result<UpdateWorkflowExecutionResponse, Reject> {
    let asked = checked(&scope, request)?;
    let names = Names::of(&asked);
    match scope.call(Call::Update(Box::new(asked))).await? {
        Answer::Update(state) => response(&scope, names, *state).await,
        other => Err(unexpected(&other)),
    }
}

/// What the response names of the request.
pub(super) struct Names {
    workflow_id: String,
    update_id: String,
    request_id: String,
}

impl Names {
    pub(super) fn of(asked: &UpdateCall) -> Self {
        Self {
            workflow_id: asked.execution.workflow_id.clone(),
            update_id: asked.update_id().to_owned(),
            request_id: asked.request.request_id.clone(),
        }
    }
}

/// The request as the engine takes it, with an id for the update if it has none.
///
/// # Errors
/// As the reference's frontend, in its order.
pub(super) fn checked(scope: &Scope, request: UpdateWorkflowExecutionRequest) -> Result<UpdateCall, Reject> {
    let limits = scope.limits();
    let execution = check::execution(request.workflow_execution)?;
    let mut update = request.request.unwrap_or_default();
    let meta = update.meta.as_mut().ok_or_else(|| Reject::invalid("Update meta is not set on request."))?;
    if meta.update_id.len() > limits.id_length {
        return Err(Reject::invalid("UpdateId length exceeds limit."));
    }
    scope.name_request(&mut meta.update_id);
    let input = update.input.as_ref().ok_or_else(|| Reject::invalid("Update input is not set on request."))?;
    if input.name.is_empty() {
        return Err(Reject::invalid("Update name is not set on request."));
    }
    let wait = match Stage::try_from(request.wait_policy.unwrap_or_default().lifecycle_stage) {
        Ok(Stage::Unspecified | Stage::Completed) => UpdateWait::Completed,
        Ok(Stage::Accepted) => UpdateWait::Accepted,
        // A stage that is none can't be waited for.
        Err(_) => UpdateWait::Nothing,
        Ok(Stage::Admitted) => {
            let text = "UpdateWorkflowExecution issued asynchronously and waiting on update admitted is not supported.";
            return Err(Reject::new(Kind::PermissionDenied, text));
        }
    };
    if !update.completion_callbacks.is_empty() {
        return Err(Reject::unimplemented("completion callbacks of an update"));
    }
    check::links(&update.links, limits)?;
    Ok(UpdateCall {
        execution,
        first_execution_run_id: request.first_execution_run_id,
        request: update,
        wait,
        deadline: deadline(scope.now(), limits),
    })
}

/// When a wait ends in vain, with the answer how far the update has come.
fn deadline(now: Time, limits: &Limits) -> Time {
    now + limits.history_long_poll
}

pub(super) async fn response(
    scope: &Scope,
    names: Names,
    state: UpdateState,
) -> Result<UpdateWorkflowExecutionResponse, Reject> {
    let outcome = outcome(scope, state.outcome).await?;
    Ok(UpdateWorkflowExecutionResponse {
        link: link(&scope.namespace.name, &names, &state.run_id, state.stage, outcome.as_ref()),
        update_ref: Some(reference(names.workflow_id, state.run_id, names.update_id)),
        outcome,
        stage: state.stage.into(),
    })
}

/// As on the reference: an update without a success is taken for one that was rejected, which left no event.
fn link(namespace: &str, names: &Names, run_id: &str, stage: Stage, outcome: Option<&Outcome>) -> Option<Link> {
    let failed = outcome.is_some_and(|outcome| matches!(outcome.value, Some(Value::Failure(_))));
    match stage {
        Stage::Completed if failed => Some(Link {
            variant: Some(Variant::Workflow(Workflow {
                namespace: namespace.to_owned(),
                workflow_id: names.workflow_id.clone(),
                run_id: run_id.to_owned(),
                reason: "Update rejected".to_owned(),
            })),
        }),
        Stage::Accepted | Stage::Completed => {
            let kind = EventType::WorkflowExecutionUpdateAccepted;
            Some(link_to_request(namespace, &names.workflow_id, run_id, &names.request_id, kind))
        }
        Stage::Unspecified | Stage::Admitted => None,
    }
}

fn reference(workflow_id: String, run_id: String, update_id: String) -> UpdateRef {
    UpdateRef { workflow_execution: Some(WorkflowExecution { workflow_id, run_id }), update_id }
}

async fn outcome(scope: &Scope, outcome: UpdateOutcome) -> Result<Option<Outcome>, Reject> {
    match outcome {
        UpdateOutcome::None => Ok(None),
        UpdateOutcome::Known(outcome) => Ok(Some(*outcome)),
        UpdateOutcome::Stored(range) => stored(scope, &range).await.map(Some),
    }
}

/// The outcome that stands in the history.
async fn stored(scope: &Scope, range: &HistoryRange) -> Result<Outcome, Reject> {
    let batches = batches(scope, range, range.from, (usize::MAX, usize::MAX)).await?;
    let event = batches.into_iter().flatten().find(|event| event.event_id == range.from);
    let attributes = event.map(|event| event.decoded()).transpose()?.and_then(|event| event.attributes);
    match attributes {
        Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(completed)) => {
            Ok(completed.outcome.unwrap_or_default())
        }
        _ => Err(Reject::internal("event pointer does not reference an update completed event")),
    }
}

/// The run whose update is asked about.
///
/// # Errors
/// The reference's texts, which are others than with every other call.
fn polled(execution: WorkflowExecution) -> Result<Execution, Reject> {
    if execution.workflow_id.is_empty() {
        return Err(Reject::invalid("Can't load workflow execution.  WorkflowId not set."));
    }
    check::execution(Some(execution)).map_err(|_| Reject::invalid("RunId is not valid UUID."))
}

pub(crate) async fn poll_workflow_execution_update(
    scope: Scope,
    request: PollWorkflowExecutionUpdateRequest,
) -> Result<PollWorkflowExecutionUpdateResponse, Reject> {
    let named = request.update_ref.ok_or_else(|| Reject::invalid("UpdateRef is not set on request."))?;
    let execution = polled(named.workflow_execution.unwrap_or_default())?;
    let wait = match request.wait_policy.unwrap_or_default().lifecycle_stage() {
        Stage::Unspecified | Stage::Admitted => UpdateWait::Nothing,
        Stage::Accepted => UpdateWait::Accepted,
        Stage::Completed => UpdateWait::Completed,
    };
    let (workflow_id, update_id) = (execution.workflow_id.clone(), named.update_id);
    let deadline = deadline(scope.now(), scope.limits());
    let call = Call::PollUpdate { execution, update_id: update_id.clone(), wait, deadline };
    let state = match scope.call(call).await? {
        Answer::Update(state) => *state,
        other => return Err(unexpected(&other)),
    };
    Ok(PollWorkflowExecutionUpdateResponse {
        outcome: outcome(&scope, state.outcome).await?,
        stage: state.stage.into(),
        update_ref: Some(reference(workflow_id, state.run_id, update_id)),
    })
}
