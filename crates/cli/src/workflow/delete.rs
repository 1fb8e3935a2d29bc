//! `workflow delete`.

use clap::Args;
use proto::temporal::api::{
    batch::v1::BatchOperationDeletion,
    common::v1::WorkflowExecution,
    workflowservice::v1::{
        DeleteWorkflowExecutionRequest, DescribeNamespaceRequest, start_batch_operation_request::Operation,
    },
};

use super::target::{Allowed, Target, TargetArgs};
use crate::{
    connect::Session,
    context::Context,
    failure::{Attempt, Failure},
};

const GLOBAL_WARNING: &str = "WARNING: Deleting Workflow Executions in a global Namespace removes them from all \
     replicas. Requests sent to a passive cluster are forwarded to the active cluster by default; to target the \
     passive cluster directly, specify `--grpc-meta xdc-redirection=false`.";

/// Remove Workflow Execution
///
/// Delete a Workflow Execution and its Event History. With --query, delete all matching Workflow Executions in a
/// batch.
#[derive(Args, Clone, Debug)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Accepted for compatibility; a deletion carries no headers.
    #[arg(long, value_name = "stringArray", hide = true)]
    headers: Vec<String>,
}

impl DeleteArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let target = self.target.target(Allowed { reason: false, yes: true })?;
        let mut session = context.connect().await?;
        if may_be_global(&mut session).await {
            context.warn(GLOBAL_WARNING);
        }
        match target {
            Target::One(execution) => {
                context.confirm(&question(&execution), self.target.yes, "user denied confirmation")?;
                let request = DeleteWorkflowExecutionRequest {
                    namespace: session.namespace.clone(),
                    workflow_execution: Some(execution),
                };
                let response = session.workflow.delete_workflow_execution(request).await;
                response.attempt("failed to delete workflow")?;
                context.printer.line("Delete workflow succeeded")
            }
            Target::Matching(query) => {
                let operation = BatchOperationDeletion { identity: session.identity.clone() };
                let operation = Operation::DeletionOperation(operation);
                self.target.start_batch(context, &mut session, query, operation).await
            }
        }
    }
}

/// Whether the deletion could reach other clusters; it could, if nothing is known.
async fn may_be_global(session: &mut Session) -> bool {
    let request = DescribeNamespaceRequest { namespace: session.namespace.clone(), ..Default::default() };
    match session.workflow.describe_namespace(request).await {
        Ok(response) => response.into_inner().is_global_namespace,
        Err(_) => true,
    }
}

fn question(execution: &WorkflowExecution) -> String {
    match execution.run_id.as_str() {
        "" => format!("Delete Workflow {:?}? y/N", execution.workflow_id),
        run_id => format!("Delete Workflow {:?} with Run ID {run_id:?}? y/N", execution.workflow_id),
    }
}
