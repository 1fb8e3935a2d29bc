//! `CountWorkflowExecutions`.

use bytes::Bytes;
use model::Reject;
use proto::temporal::api::{
    common::v1::Payload,
    workflowservice::v1::{
        CountWorkflowExecutionsRequest, CountWorkflowExecutionsResponse,
        count_workflow_executions_response::AggregationGroup,
    },
};
use store::visibility::{Query, Schema, Value, parse};

use crate::context::Scope;

pub(crate) async fn count_workflow_executions(
    scope: Scope,
    request: CountWorkflowExecutionsRequest,
) -> Result<CountWorkflowExecutionsResponse, Reject> {
    let parsed = parse(&request.query, &Schema { custom: &scope.namespace.search_attributes })?;
    let is_grouped = !parsed.group_by.is_empty();
    let query = Query {
        namespace: scope.namespace.id,
        filter: parsed.filter,
        group_by: parsed.group_by,
        limit: usize::MAX,
        after: None,
    };
    let groups = scope.context.engine.count(query).await?;
    let count = groups.iter().map(|(_, count)| count).sum();
    let groups = if is_grouped { groups.into_iter().map(group).collect() } else { Vec::new() };
    Ok(CountWorkflowExecutionsResponse { count, groups })
}

fn group((values, count): (Vec<Option<Value>>, i64)) -> AggregationGroup {
    let group_values = values.iter().map(|value| value.as_ref().map_or_else(null, Value::to_payload)).collect();
    AggregationGroup { group_values, count }
}

fn null() -> Payload {
    let encoding = ("encoding".to_owned(), Bytes::from_static(b"binary/null"));
    Payload { metadata: [encoding].into(), ..Default::default() }
}
