//! `ListWorkflowExecutions` and `ScanWorkflowExecutions`, which are the same.

use bytes::Bytes;
use model::Reject;
use proto::temporal::api::{
    workflow::v1::WorkflowExecutionInfo,
    workflowservice::v1::{
        ListWorkflowExecutionsRequest, ListWorkflowExecutionsResponse, ScanWorkflowExecutionsRequest,
        ScanWorkflowExecutionsResponse,
    },
};
use store::visibility::{Schema, parse};

use super::page::page;
use crate::context::Scope;

pub(crate) async fn list_workflow_executions(
    scope: Scope,
    request: ListWorkflowExecutionsRequest,
) -> Result<ListWorkflowExecutionsResponse, Reject> {
    let (executions, next_page_token) =
        list(&scope, &request.query, request.page_size, &request.next_page_token).await?;
    Ok(ListWorkflowExecutionsResponse { executions, next_page_token })
}

pub(crate) async fn scan_workflow_executions(
    scope: Scope,
    request: ScanWorkflowExecutionsRequest,
) -> Result<ScanWorkflowExecutionsResponse, Reject> {
    let (executions, next_page_token) =
        list(&scope, &request.query, request.page_size, &request.next_page_token).await?;
    Ok(ScanWorkflowExecutionsResponse { executions, next_page_token })
}

async fn list(
    scope: &Scope,
    query: &str,
    size: i32,
    token: &[u8],
) -> Result<(Vec<WorkflowExecutionInfo>, Bytes), Reject> {
    let parsed = parse(query, &Schema { custom: &scope.namespace.search_attributes })?;
    if !parsed.group_by.is_empty() {
        return Err(Reject::invalid("GROUP BY clause is not supported"));
    }
    page(scope, parsed.filter, size, token).await
}
