//! `workflow terminate`.

use clap::Args;
use proto::temporal::api::{
    batch::v1::BatchOperationTermination,
    workflowservice::v1::{TerminateWorkflowExecutionRequest, start_batch_operation_request::Operation},
};

use super::target::{Allowed, Target, TargetArgs};
use crate::{
    context::Context,
    failure::{Attempt, Failure},
};

/// Forcefully end a Workflow Execution
///
/// Terminate a Workflow Execution, which gives it no chance to clean up. With --query, terminate all matching Workflow
/// Executions in a batch.
#[derive(Args, Clone, Debug)]
pub(crate) struct TerminateArgs {
    #[command(flatten)]
    target: TargetArgs,
}

impl TerminateArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let target = self.target.target(Allowed { reason: true, yes: false })?;
        let mut session = context.connect().await?;
        match target {
            Target::One(execution) => {
                let request = TerminateWorkflowExecutionRequest {
                    namespace: session.namespace.clone(),
                    workflow_execution: Some(execution),
                    reason: self.target.reason.clone().unwrap_or_else(|| context.default_reason()),
                    identity: session.identity.clone(),
                    ..Default::default()
                };
                let response = session.workflow.terminate_workflow_execution(request).await;
                response.attempt("failed to terminate workflow")?;
                context.printer.line("Workflow terminated")
            }
            Target::Matching(query) => {
                let operation = BatchOperationTermination { identity: session.identity.clone(), ..Default::default() };
                let operation = Operation::TerminationOperation(operation);
                self.target.start_batch(context, &mut session, query, operation).await
            }
        }
    }
}
