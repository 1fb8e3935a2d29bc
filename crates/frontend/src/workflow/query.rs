//! `QueryWorkflow`.

use std::time::Duration;

use engine::{Answer, Call, QueryOutcome};
use model::{Kind, Reject};
use proto::temporal::api::{
    enums::v1::QueryRejectCondition,
    workflowservice::v1::{QueryWorkflowRequest, QueryWorkflowResponse},
};

use super::link_to_run;
use crate::{
    check,
    door::{Scope, unexpected},
};

/// How long a query waits where the caller does not say.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn query_workflow(
    scope: Scope,
    request: QueryWorkflowRequest,
) -> Result<QueryWorkflowResponse, Reject> {
    let execution = check::execution(request.execution.clone())?;
    let reject_condition = match request.query_reject_condition() {
        QueryRejectCondition::Unspecified => QueryRejectCondition::None,
        given => given,
    };
    let query = request.query.ok_or_else(|| Reject::invalid("WorkflowQuery is not set on request."))?;
    if query.query_type.is_empty() {
        return Err(Reject::invalid("QueryType is not set on request."));
    }
    check::blob(query.query_args.as_ref(), scope.limits())?;
    let deadline = scope.client.deadline.unwrap_or_else(|| scope.now() + PATIENCE);
    let workflow_id = execution.workflow_id.clone();
    let call = Call::Query { execution, query: Box::new(query), reject_condition, deadline };
    match scope.call(call).await {
        Ok(Answer::QueryAnswer { run_id, outcome }) => {
            let link = Some(link_to_run(&scope.namespace.name, &workflow_id, &run_id));
            Ok(match outcome {
                QueryOutcome::Answered(query_result) => {
                    QueryWorkflowResponse { query_result, query_rejected: None, link }
                }
                QueryOutcome::Rejected(rejected) => {
                    QueryWorkflowResponse { query_result: None, query_rejected: Some(rejected), link }
                }
            })
        }
        Ok(other) => Err(unexpected(&other)),
        Err(reject) if reject.kind == Kind::DeadlineExceeded => {
            Err(Reject::new(Kind::DeadlineExceeded, "query timed out before a worker could process it"))
        }
        Err(reject) => Err(reject),
    }
}
