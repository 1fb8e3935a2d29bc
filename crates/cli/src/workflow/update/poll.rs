//! `workflow update describe` and `result`.

use clap::Args;
use proto::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage,
    failure::v1::{Failure as FailureInfo, failure::FailureInfo as Info},
    update::v1::{Outcome, UpdateRef, WaitPolicy, outcome::Value},
    workflowservice::v1::{PollWorkflowExecutionUpdateRequest, PollWorkflowExecutionUpdateResponse},
};
use tonic::Status;

use super::{super::outcome::friendly_json, failure_text::failure_text};
use crate::{
    connect::Session,
    context::Context,
    failure::{Attempt, Failure},
    output::{
        blocks::Card,
        json::{Json, Layout},
        proto_json::{self, Payloads},
    },
};

/// One Update.
#[derive(Args, Clone, Debug)]
struct UpdateTargetingArgs {
    /// Workflow ID. Required.
    #[arg(long, short, value_name = "string")]
    workflow_id: String,
    /// Update ID. Must be unique per Workflow Execution. Required.
    #[arg(long, value_name = "string")]
    update_id: String,
    /// Run ID. If unset, updates the currently-running Workflow Execution.
    #[arg(long, short, value_name = "string", default_value = "", hide_default_value = true)]
    run_id: String,
}

/// Obtain status info about a specific Update
///
/// Given a Workflow Execution and an Update ID, return information about its current status, including a result if it
/// has finished.
#[derive(Args, Clone, Debug)]
pub(crate) struct DescribeArgs {
    #[command(flatten)]
    update: UpdateTargetingArgs,
}

/// Wait for a specific Update to complete
///
/// Given a Workflow Execution and an Update ID, wait for the Update to complete or fail and print the result.
#[derive(Args, Clone, Debug)]
pub(crate) struct ResultArgs {
    #[command(flatten)]
    update: UpdateTargetingArgs,
}

impl UpdateTargetingArgs {
    fn reference(&self) -> UpdateRef {
        let execution = WorkflowExecution { workflow_id: self.workflow_id.clone(), run_id: self.run_id.clone() };
        UpdateRef { workflow_execution: Some(execution), update_id: self.update_id.clone() }
    }
}

impl DescribeArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect().await?;
        let response = poll(&mut session, self.update.reference(), None).await.attempt("failed to describe update")?;
        let stage = stage_name(response.stage());
        let mut card = Card::default().field("UpdateID", &self.update.update_id);
        let mut members = vec![("updateId".to_owned(), Json::string(self.update.update_id.as_str()))];
        match response.outcome.and_then(|outcome| outcome.value) {
            Some(Value::Success(result)) => {
                let result = friendly_json(Some(&result), context.printer.payloads());
                card = card.field("Result", result.render(Layout::Compact));
                members.push(("result".to_owned(), result));
            }
            Some(Value::Failure(failure)) => {
                card = card.field("Failure", &failure.message);
                members.push(("failure".to_owned(), proto_json::to_json(&failure, context.printer.payloads())));
            }
            None => {}
        }
        members.push(("stage".to_owned(), Json::string(stage)));
        context.printer.card(&card.field("Stage", stage))?;
        context.printer.json(&Json::Object(members))
    }
}

impl ResultArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect().await?;
        let outcome = wait_for_outcome(&mut session, self.update.reference()).await;
        let outcome = outcome.attempt("unable to fetch update result: Timeout or cancellation waiting for update")?;
        let card = Card::default().field("UpdateID", &self.update.update_id);
        let mut members = vec![("updateId".to_owned(), Json::string(self.update.update_id.as_str()))];
        let failed = match &outcome.value {
            Some(Value::Failure(failure)) => {
                members.push(("failure".to_owned(), failure_json(failure, context.printer.payloads())));
                context.printer.card(&card.field("Failure", failure_text(failure)))?;
                true
            }
            Some(Value::Success(result)) => {
                let result = friendly_json(Some(result), context.printer.payloads());
                context.printer.card(&card.field("Result", result.render(Layout::Compact)))?;
                members.push(("result".to_owned(), result));
                false
            }
            None => {
                context.printer.card(&card)?;
                false
            }
        };
        context.printer.json(&Json::Object(members))?;
        if failed { Err(Failure::told("update is failed")) } else { Ok(()) }
    }
}

/// The outcome of an Update, however many long polls that takes.
pub(super) async fn wait_for_outcome(session: &mut Session, update: UpdateRef) -> Result<Outcome, Status> {
    loop {
        let response = poll(session, update.clone(), Some(Stage::Completed)).await?;
        if let Some(outcome) = response.outcome {
            return Ok(outcome);
        }
    }
}

async fn poll(
    session: &mut Session,
    update: UpdateRef,
    stage: Option<Stage>,
) -> Result<PollWorkflowExecutionUpdateResponse, Status> {
    let request = PollWorkflowExecutionUpdateRequest {
        namespace: session.namespace.clone(),
        update_ref: Some(update),
        identity: session.identity.clone(),
        wait_policy: stage.map(|stage| WaitPolicy { lifecycle_stage: stage.into() }),
    };
    Ok(session.workflow.poll_workflow_execution_update(request).await?.into_inner())
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Unspecified => "Unspecified",
        Stage::Admitted => "Admitted",
        Stage::Accepted => "Accepted",
        Stage::Completed => "Completed",
    }
}

/// The failure as the JSON of this command has it: the text, the type and the details of an application's failure.
fn failure_json(failure: &FailureInfo, shown: Payloads) -> Json {
    let mut members = vec![("message".to_owned(), Json::string(failure_text(failure)))];
    if let Some(Info::ApplicationFailureInfo(info)) = &failure.failure_info {
        if !info.r#type.is_empty() {
            members.push(("type".to_owned(), Json::string(info.r#type.as_str())));
        }
        if info.details.is_some() {
            members.push(("details".to_owned(), friendly_json(info.details.as_ref(), shown)));
        }
    }
    Json::Object(members)
}
