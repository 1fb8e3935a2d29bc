//! `workflow cancel`.

use clap::Args;
use proto::temporal::api::{
    batch::v1::BatchOperationCancellation,
    workflowservice::v1::{RequestCancelWorkflowExecutionRequest, start_batch_operation_request::Operation},
};
use uuid::Uuid;

use super::target::{Allowed, Target, TargetArgs};
use crate::{
    context::Context,
    failure::{Attempt, Failure},
};

/// Send cancellation to Workflow Execution
///
/// Send a cancellation request to a Workflow Execution, which lets it clean up before it ends. With --query, cancel
/// all matching Workflow Executions in a batch.
#[derive(Args, Clone, Debug)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Accepted for compatibility; a cancellation request carries no headers.
    #[arg(long, value_name = "stringArray", hide = true)]
    headers: Vec<String>,
}

impl CancelArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let target = self.target.target(Allowed { reason: true, yes: false })?;
        let mut session = context.connect().await?;
        match target {
            Target::One(execution) => {
                let request = RequestCancelWorkflowExecutionRequest {
                    namespace: session.namespace.clone(),
                    workflow_execution: Some(execution),
                    identity: session.identity.clone(),
                    request_id: Uuid::new_v4().to_string(),
                    reason: self.target.reason.clone().unwrap_or_default(),
                    ..Default::default()
                };
                let response = session.workflow.request_cancel_workflow_execution(request).await;
                response.attempt("failed to cancel workflow")?;
                context.printer.line("Canceled workflow")
            }
            Target::Matching(query) => {
                let operation = BatchOperationCancellation { identity: session.identity.clone() };
                let operation = Operation::CancellationOperation(operation);
                self.target.start_batch(context, &mut session, query, operation).await
            }
        }
    }
}
