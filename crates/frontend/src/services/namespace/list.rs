//! `ListNamespaces`.

use std::sync::Arc;

use model::Reject;
use proto::temporal::api::{
    enums::v1::NamespaceState,
    workflowservice::v1::{ListNamespacesRequest, ListNamespacesResponse},
};

use super::describe::description;
use crate::context::ServerContext;

/// Namespaces in one page where the caller does not say.
const PAGE: usize = 100;

pub(crate) async fn list_namespaces(
    context: Arc<ServerContext>,
    request: ListNamespacesRequest,
) -> Result<ListNamespacesResponse, Reject> {
    let include_deleted = request.namespace_filter.is_some_and(|filter| filter.include_deleted);
    let size = usize::try_from(request.page_size).ok().filter(|size| *size > 0).unwrap_or(PAGE);
    let table = context.engine.namespaces();
    let mut following = table
        .records()
        .filter(|record| include_deleted || record.state() != NamespaceState::Deleted)
        .filter(|record| record.id.as_slice() > request.next_page_token.as_ref());
    let page: Vec<_> = following.by_ref().take(size).collect();
    let has_more = following.next().is_some();
    let next_page_token = page.last().filter(|_| has_more).map(|record| record.id.clone().into()).unwrap_or_default();
    let namespaces = page.iter().map(|record| description(record, context.limits())).collect();
    Ok(ListNamespacesResponse { namespaces, next_page_token })
}
