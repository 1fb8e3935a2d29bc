//! `ListOpenWorkflowExecutions` and `ListClosedWorkflowExecutions`: lists of before the filter language.

use model::{Reject, Time};
use proto::temporal::api::{
    enums::v1::WorkflowExecutionStatus,
    filter::v1::StartTimeFilter,
    workflowservice::v1::{
        ListClosedWorkflowExecutionsRequest, ListClosedWorkflowExecutionsResponse, ListOpenWorkflowExecutionsRequest,
        ListOpenWorkflowExecutionsResponse, list_closed_workflow_executions_request::Filters as ClosedFilters,
        list_open_workflow_executions_request::Filters as OpenFilters,
    },
};
use store::visibility::{Comparison, Filter, Operand, Schema, parse};

use super::page::page;
use crate::context::Scope;

pub(crate) async fn list_open_workflow_executions(
    scope: Scope,
    request: ListOpenWorkflowExecutionsRequest,
) -> Result<ListOpenWorkflowExecutionsResponse, Reject> {
    let selected = Selection::new(&scope)?
        .status(Comparison::Equal, WorkflowExecutionStatus::Running)
        .times("StartTime", request.start_time_filter.as_ref())?;
    let selected = match &request.filters {
        Some(OpenFilters::ExecutionFilter(filter)) => selected.is("WorkflowId", &filter.workflow_id),
        Some(OpenFilters::TypeFilter(filter)) => selected.is("WorkflowType", &filter.name),
        None => selected,
    };
    let (executions, next_page_token) =
        page(&scope, selected.filter, request.maximum_page_size, &request.next_page_token).await?;
    Ok(ListOpenWorkflowExecutionsResponse { executions, next_page_token })
}

pub(crate) async fn list_closed_workflow_executions(
    scope: Scope,
    request: ListClosedWorkflowExecutionsRequest,
) -> Result<ListClosedWorkflowExecutionsResponse, Reject> {
    let selected = Selection::new(&scope)?
        .status(Comparison::NotEqual, WorkflowExecutionStatus::Running)
        .times("CloseTime", request.start_time_filter.as_ref())?;
    let selected = match &request.filters {
        Some(ClosedFilters::ExecutionFilter(filter)) => selected.is("WorkflowId", &filter.workflow_id),
        Some(ClosedFilters::TypeFilter(filter)) => selected.is("WorkflowType", &filter.name),
        Some(ClosedFilters::StatusFilter(filter)) => match filter.status() {
            WorkflowExecutionStatus::Unspecified | WorkflowExecutionStatus::Running => {
                let text = "StatusFilter must be specified and must be not Running.";
                return Err(Reject::invalid(text));
            }
            status => selected.status(Comparison::Equal, status),
        },
        None => selected,
    };
    let (executions, next_page_token) =
        page(&scope, selected.filter, request.maximum_page_size, &request.next_page_token).await?;
    Ok(ListClosedWorkflowExecutionsResponse { executions, next_page_token })
}

/// A filter under construction.
struct Selection<'a> {
    schema: Schema<'a>,
    filter: Option<Filter>,
}

impl<'a> Selection<'a> {
    /// What every list leaves out.
    fn new(scope: &'a Scope) -> Result<Self, Reject> {
        let schema = Schema { custom: &scope.namespace.search_attributes };
        Ok(Self { schema, filter: parse("", &schema)?.filter })
    }

    fn compare(mut self, name: &str, comparison: Comparison, value: Operand) -> Self {
        if let Some(attribute) = self.schema.resolve(name) {
            let condition = Filter::Compare { attribute, comparison, value };
            self.filter = Some(match self.filter {
                Some(filter) => filter.and(condition),
                None => condition,
            });
        }
        self
    }

    fn is(self, name: &str, value: &str) -> Self {
        self.compare(name, Comparison::Equal, Operand::Text(value.to_owned()))
    }

    fn status(self, comparison: Comparison, status: WorkflowExecutionStatus) -> Self {
        self.compare("ExecutionStatus", comparison, Operand::Int(i64::from(status as i32)))
    }

    fn times(self, name: &str, filter: Option<&StartTimeFilter>) -> Result<Self, Reject> {
        let earliest = filter.and_then(|filter| filter.earliest_time.as_ref()).map(Time::from_proto);
        let latest = filter.and_then(|filter| filter.latest_time.as_ref()).map(Time::from_proto);
        if let (Some(earliest), Some(latest)) = (earliest, latest)
            && earliest > latest
        {
            let text = "EarliestTime in StartTimeFilter should not be larger than LatestTime.";
            return Err(Reject::invalid(text));
        }
        let selected = match earliest {
            Some(time) => self.compare(name, Comparison::GreaterOrEqual, Operand::Datetime(time.into())),
            None => self,
        };
        Ok(match latest {
            Some(time) => selected.compare(name, Comparison::LessOrEqual, Operand::Datetime(time.into())),
            None => selected,
        })
    }
}
