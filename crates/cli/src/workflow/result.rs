//! `workflow result`: wait for a Workflow Execution to end and show how.

use clap::Args;
use jiff::SignedDuration;

use super::{outcome, target::ReferenceArgs};
use crate::{context::Context, failure::Failure, output::json::Json};

/// Wait for and print the result of a Workflow Execution.
#[derive(Args, Clone, Debug)]
pub(crate) struct ResultArgs {
    #[command(flatten)]
    reference: ReferenceArgs,
}

impl ResultArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.connect().await?;
        let close_event = outcome::wait_for_close(&session, self.reference.execution()).await?;
        if context.printer.is_json() {
            let mut members = vec![
                ("workflowId".to_owned(), Json::string(self.reference.workflow_id)),
                ("runId".to_owned(), Json::string(self.reference.run_id)),
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
