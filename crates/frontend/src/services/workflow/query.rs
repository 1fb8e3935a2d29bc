//! `QueryWorkflow`.

use std::time::Duration;

use engine::{Answer, Call, QueryOutcome};
use model::{Kind, Reject};
use proto::temporal::api::{
    enums::v1::QueryRejectCondition,
    workflowservice::v1::{QueryWorkflowRequest, QueryWorkflowResponse},
};

use crate::{
    check,
    context::{Scope, unexpected},
};

/// How long before the caller gives up it is told so: later, the transport would end the call in words of its own.
const TAIL_ROOM: Duration = Duration::from_millis(50);
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
    let deadline = scope.client.deadline.map_or_else(|| scope.now() + PATIENCE, |deadline| deadline - TAIL_ROOM);
    let call = Call::Query { execution, query: Box::new(query), reject_condition, deadline };
    match scope.call(call).await {
        Ok(Answer::QueryAnswer { outcome: QueryOutcome::Answered(query_result), .. }) => {
            Ok(QueryWorkflowResponse { query_result, ..Default::default() })
        }
        Ok(Answer::QueryAnswer { outcome: QueryOutcome::Rejected(rejected), .. }) => {
            Ok(QueryWorkflowResponse { query_rejected: Some(rejected), ..Default::default() })
        }
        Ok(other) => Err(unexpected(&other)),
        Err(reject) if reject.kind == Kind::DeadlineExceeded => {
            Err(Reject::new(Kind::DeadlineExceeded, "query timed out before a worker could process it"))
        }
        Err(reject) => Err(reject),
    }
}
