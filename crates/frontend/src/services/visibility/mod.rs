//! Calls that list and count workflows.

mod by_filter;
mod count;
mod list;
mod page;

use std::{collections::BTreeMap, sync::Arc};

use model::Reject;
use proto::temporal::api::workflowservice::v1::{
    GetSearchAttributesRequest, GetSearchAttributesResponse, ListArchivedWorkflowExecutionsRequest,
    ListArchivedWorkflowExecutionsResponse,
};
use store::visibility::{predefined_attributes, system_attributes};

pub(crate) use by_filter::{list_closed_workflow_executions, list_open_workflow_executions};
pub(crate) use count::count_workflow_executions;
pub(crate) use list::{list_workflow_executions, scan_workflow_executions};

use crate::{
    context::{Scope, ServerContext},
    services::namespace::PLACES,
};

/// `GetSearchAttributes`: the attributes of every namespace, and the places that custom ones can take.
pub(crate) async fn get_search_attributes(
    _door: Arc<ServerContext>,
    _request: GetSearchAttributesRequest,
) -> Result<GetSearchAttributesResponse, Reject> {
    let fixed = system_attributes().chain(predefined_attributes());
    let mut keys: BTreeMap<String, i32> = fixed.map(|(name, kind)| (name.to_owned(), kind.into())).collect();
    for (kind, place, count) in PLACES {
        keys.extend((1..=count).map(|number| (format!("{place}{number:02}"), kind.into())));
    }
    Ok(GetSearchAttributesResponse { keys })
}

/// Runs that may be asked for in one page of archived ones. Source: `visibilityArchivalQueryMaxPageSize` of the reference server.
const MOST_ARCHIVED: i32 = 10_000;

/// `ListArchivedWorkflowExecutions`: nothing is archived, and the answer is that of a reference without an archive.
pub(crate) async fn list_archived_workflow_executions(
    _scope: Scope,
    request: ListArchivedWorkflowExecutionsRequest,
) -> Result<ListArchivedWorkflowExecutionsResponse, Reject> {
    if request.page_size > MOST_ARCHIVED {
        return Err(Reject::invalid(format!("PageSize is larger than allowed {MOST_ARCHIVED}.")));
    }
    Err(Reject::invalid("Cluster is not configured for visibility archival."))
}
