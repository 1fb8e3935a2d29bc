//! `workflow result`: wait for a Workflow Execution to end and show how.

use clap::Args;
use jiff::SignedDuration;
use proto::temporal::api::workflowservice::v1::DescribeWorkflowExecutionRequest;

use super::{outcome, target::ReferenceArgs};
use crate::{
    connect::Session,
    context::Context,
    failure::{Attempt, Failure},
    output::json::Json,
};

/// Wait for and show the result of a Workflow Execution
///
/// Wait for and print the result of a Workflow Execution.
#[derive(Args, Clone, Debug)]
pub(crate) struct ResultArgs {
    #[command(flatten)]
    reference: ReferenceArgs,
}

impl ResultArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect().await?;
        let close_event = outcome::wait_for_close(&session, self.reference.execution()).await?;
        if context.printer.is_json() {
            let run_id = match self.reference.run_id.as_str() {
                "" => latest_run(&mut session, &self.reference).await?,
                run_id => run_id.to_owned(),
            };
            let mut members = vec![
                ("workflowId".to_owned(), Json::string(self.reference.workflow_id)),
                ("runId".to_owned(), Json::string(run_id)),
                ("namespace".to_owned(), Json::string(session.namespace)),
            ];
            members.extend(outcome::json_members(&close_event, context.printer.payloads()));
            context.printer.json(&Json::Object(members))?;
        } else {
            outcome::print_text(&mut context.printer, &close_event, SignedDuration::ZERO)?;
        }
        outcome::verdict(&close_event)
    }
}

/// The run that an empty run ID stands for.
async fn latest_run(session: &mut Session, reference: &ReferenceArgs) -> Result<String, Failure> {
    let request = DescribeWorkflowExecutionRequest {
        namespace: session.namespace.clone(),
        execution: Some(reference.execution()),
    };
    let response = session.workflow.describe_workflow_execution(request).await;
    let info = response.attempt("failed describing workflow")?.into_inner().workflow_execution_info;
    Ok(info.and_then(|info| info.execution).map(|execution| execution.run_id).unwrap_or_default())
}
