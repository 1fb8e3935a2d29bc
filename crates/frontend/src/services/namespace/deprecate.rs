//! `DeprecateNamespace`.

use model::Reject;
use proto::temporal::api::{
    enums::v1::NamespaceState,
    workflowservice::v1::{DeprecateNamespaceRequest, DeprecateNamespaceResponse},
};

use super::change;
use crate::context::Scope;

pub(crate) async fn deprecate_namespace(
    scope: Scope,
    _request: DeprecateNamespaceRequest,
) -> Result<DeprecateNamespaceResponse, Reject> {
    change(&scope.context, scope.namespace.id, |record| {
        record.set_state(NamespaceState::Deprecated);
        Ok(())
    })
    .await?;
    Ok(DeprecateNamespaceResponse {})
}
