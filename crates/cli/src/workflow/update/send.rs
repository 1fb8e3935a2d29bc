//! `workflow update start` and `execute`.

use clap::Args;
use proto::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage,
    update::v1::{Input, Meta, Outcome, Request, UpdateRef, WaitPolicy, outcome::Value},
    workflowservice::v1::{UpdateWorkflowExecutionRequest, UpdateWorkflowExecutionResponse},
};
use uuid::Uuid;

use super::{super::outcome::friendly_json, failure_text::failure_text, poll::wait_for_outcome};
use crate::{
    connect::Session,
    context::Context,
    failure::{Attempt, Failure},
    flags::{
        payloads::{PayloadArgs, header},
        values::{Choice, choice},
    },
    output::{
        blocks::Card,
        json::{Json, Layout},
    },
};

const ATTEMPT: &str = "unable to update workflow";

/// What an Update is made of.
#[derive(Args, Clone, Debug)]
struct UpdateStartingArgs {
    /// Handler method name. Required. Aliased as "--type".
    #[arg(long, alias = "type", value_name = "string")]
    name: String,
    /// Parent Run ID. The update is sent to the last Workflow Execution in the chain started with this Run ID.
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    first_execution_run_id: String,
    /// Workflow ID. Required.
    #[arg(long, short, value_name = "string")]
    workflow_id: String,
    /// Update ID. If unset, defaults to a UUID.
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    update_id: String,
    /// Run ID. If unset, looks for an Update against the currently-running Workflow Execution.
    #[arg(long, short, value_name = "string", default_value = "", hide_default_value = true)]
    run_id: String,
    /// Temporal workflow headers in 'KEY=VALUE' format. Keys must be identifiers, and values must be JSON values. May
    /// be passed multiple times to set multiple Temporal headers. Note: These are workflow headers, not gRPC headers.
    #[arg(long, value_name = "stringArray")]
    headers: Vec<String>,
    #[command(flatten)]
    input: PayloadArgs,
}

/// Send an Update and wait for it to be accepted or rejected
///
/// Send a message to a Workflow Execution to invoke an Update handler, and wait for the update to be accepted or
/// rejected. You can subsequently wait for the update to complete by using "workflow update execute".
#[derive(Args, Clone, Debug)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    update: UpdateStartingArgs,
    /// Update stage to wait for. The only option is "accepted", but this option is required. This is to allow a future
    /// version of the CLI to choose a default value. Accepted values: accepted. Required.
    #[arg(long, value_name = "string", value_parser = choice::<WaitForStage>)]
    wait_for_stage: WaitForStage,
}

/// The stages that can be waited for.
#[derive(Clone, Copy, Debug)]
enum WaitForStage {
    Accepted,
}

impl Choice for WaitForStage {
    const VALUES: &'static [(&'static str, Self)] = &[("accepted", Self::Accepted)];
}

/// Send an Update and wait for it to complete
///
/// Send a message to a Workflow Execution to invoke an Update handler, and wait for the update to complete or fail. You
/// can also use this to wait for an existing update to complete, by submitting an existing update ID.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExecuteArgs {
    #[command(flatten)]
    update: UpdateStartingArgs,
}

impl StartArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let stage = match self.wait_for_stage {
            WaitForStage::Accepted => Stage::Accepted,
        };
        let mut session = context.connect().await?;
        let response = self.update.send(&mut session, stage).await?;
        if let Some(Outcome { value: Some(Value::Failure(failure)) }) = &response.outcome {
            return Err(Failure::told(format!("{ATTEMPT}: {}", failure_text(failure))));
        }
        let update_id = response.update_ref.unwrap_or_default().update_id;
        context.printer.card(&Card::default().field("Name", &self.update.name).field("UpdateID", &update_id))?;
        context.printer.json(&Json::object([
            ("name", Json::string(self.update.name.as_str())),
            ("updateId", Json::string(update_id.as_str())),
        ]))
    }
}

impl ExecuteArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect().await?;
        let response = self.update.send(&mut session, Stage::Completed).await?;
        let named = response.update_ref.unwrap_or_default();
        let update_id = named.update_id.clone();
        let outcome = match response.outcome {
            Some(outcome) => outcome,
            None => wait_for_outcome(&mut session, named).await.attempt(ATTEMPT)?,
        };
        let result = match &outcome.value {
            Some(Value::Failure(failure)) => {
                return Err(Failure::told(format!("{ATTEMPT}: {}", failure_text(failure))));
            }
            Some(Value::Success(result)) => Some(result),
            None => None,
        };
        let result = friendly_json(result, context.printer.payloads());
        let card = Card::default().field("Name", &self.update.name).field("UpdateID", &update_id);
        context.printer.card(&card.field("Result", result.render(Layout::Compact)))?;
        context.printer.json(&Json::object([
            ("name", Json::string(self.update.name.as_str())),
            ("updateId", Json::string(update_id.as_str())),
            ("result", result),
        ]))
    }
}

impl UpdateStartingArgs {
    /// Sends the Update, again and again until it has been accepted or rejected. Its reference is in the answer.
    async fn send(&self, session: &mut Session, stage: Stage) -> Result<UpdateWorkflowExecutionResponse, Failure> {
        let update_id = if self.update_id.is_empty() { Uuid::new_v4().to_string() } else { self.update_id.clone() };
        let execution = WorkflowExecution { workflow_id: self.workflow_id.clone(), run_id: self.run_id.clone() };
        let request = UpdateWorkflowExecutionRequest {
            namespace: session.namespace.clone(),
            workflow_execution: Some(execution.clone()),
            first_execution_run_id: self.first_execution_run_id.clone(),
            wait_policy: Some(WaitPolicy { lifecycle_stage: stage.into() }),
            request: Some(Request {
                meta: Some(Meta { update_id: update_id.clone(), identity: session.identity.clone() }),
                input: Some(Input {
                    header: Some(header(&self.headers)?).filter(|header| !header.fields.is_empty()),
                    name: self.name.clone(),
                    args: Some(self.input.build()?).filter(|input| !input.payloads.is_empty()),
                }),
                ..Default::default()
            }),
        };
        loop {
            let response = session.workflow.update_workflow_execution(request.clone()).await;
            let mut response = response.attempt(ATTEMPT)?.into_inner();
            match response.stage() {
                Stage::Accepted | Stage::Completed => {
                    let known = || UpdateRef { workflow_execution: Some(execution.clone()), update_id };
                    response.update_ref.get_or_insert_with(known);
                    return Ok(response);
                }
                // No worker has said anything of it yet.
                Stage::Unspecified | Stage::Admitted => {}
            }
        }
    }
}
