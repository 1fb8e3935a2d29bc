//! `workflow signal`.

use clap::Args;
use proto::temporal::api::{
    batch::v1::BatchOperationSignal,
    workflowservice::v1::{SignalWorkflowExecutionRequest, start_batch_operation_request::Operation},
};
use uuid::Uuid;

use super::target::{Allowed, Target, TargetArgs};
use crate::{
    context::Context,
    failure::{Attempt, Failure},
    flags::payloads::{PayloadArgs, header},
};

/// Send a message to a Workflow Execution
///
/// Send an asynchronous notification (Signal) to a running Workflow Execution by its Workflow ID. With --query, signal
/// all matching Workflow Executions in a batch.
#[derive(Args, Clone, Debug)]
pub(crate) struct SignalArgs {
    /// Signal name. Required. Aliased as "--type".
    #[arg(long, alias = "type", value_name = "string")]
    name: String,
    #[command(flatten)]
    target: TargetArgs,
    /// Temporal workflow headers in 'KEY=VALUE' format. Keys must be identifiers, and values must be JSON values. May
    /// be passed multiple times to set multiple Temporal headers. Note: These are workflow headers, not gRPC headers.
    #[arg(long, value_name = "stringArray")]
    headers: Vec<String>,
    #[command(flatten)]
    input: PayloadArgs,
}

impl SignalArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let input = Some(self.input.build()?).filter(|input| !input.payloads.is_empty());
        let header = Some(header(&self.headers)?).filter(|header| !header.fields.is_empty());
        let target = self.target.target(Allowed::default())?;
        let mut session = context.connect().await?;
        match target {
            Target::One(execution) => {
                let request = SignalWorkflowExecutionRequest {
                    namespace: session.namespace.clone(),
                    workflow_execution: Some(execution),
                    signal_name: self.name,
                    input,
                    identity: session.identity.clone(),
                    request_id: Uuid::new_v4().to_string(),
                    header,
                    ..Default::default()
                };
                let response = session.workflow.signal_workflow_execution(request).await;
                response.attempt("failed signalling workflow")?;
                context.printer.line("Signal workflow succeeded")
            }
            Target::Matching(query) => {
                let operation =
                    BatchOperationSignal { signal: self.name, input, header, identity: session.identity.clone() };
                let operation = Operation::SignalOperation(operation);
                self.target.start_batch(context, &mut session, query, operation).await
            }
        }
    }
}
