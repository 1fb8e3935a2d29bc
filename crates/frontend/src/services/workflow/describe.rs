//! `DescribeWorkflowExecution`.

use engine::{Answer, Call};
use model::Reject;
use proto::temporal::api::workflowservice::v1::{DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse};

use crate::{
    check,
    context::{Scope, unexpected},
};

pub(crate) async fn describe_workflow_execution(
    scope: Scope,
    request: DescribeWorkflowExecutionRequest,
) -> Result<DescribeWorkflowExecutionResponse, Reject> {
    let execution = check::execution(request.execution)?;
    match scope.call(Call::Describe { execution }).await? {
        Answer::Description(description) => Ok(*description),
        other => Err(unexpected(&other)),
    }
}
