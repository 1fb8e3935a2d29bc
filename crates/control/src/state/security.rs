//! How callers of a namespace identify themselves: certificates and filters, checked and parsed by the rules of `auth`.

use std::sync::Arc;

use auth::{ClientCa, Filter, Filters, NamespaceSecurity};
use model::Reject;
use proto::temporal::api::cloud::{
    namespace::v1::{CertificateFilterSpec, MtlsAuthSpec},
    resource::v1::ResourceState,
};

use crate::record::NamespaceRecord;

/// Checks the bundle and the filters.
///
/// # Errors
/// `InvalidArgument` with the rule that is broken.
pub(crate) fn check(mtls: &MtlsAuthSpec) -> Result<(), Reject> {
    if mtls.enabled && mtls.accepted_client_ca.is_empty() {
        return Err(Reject::invalid("an accepted client CA is required when mtls_auth is enabled"));
    }
    if !mtls.accepted_client_ca.is_empty() {
        ClientCa::parse(&mtls.accepted_client_ca).map_err(|violation| Reject::invalid(violation.to_string()))?;
    }
    filters(mtls).map(drop).map_err(|violation| Reject::invalid(violation.to_string()))
}

fn filters(mtls: &MtlsAuthSpec) -> Result<Filters, auth::FilterViolation> {
    let filter = |filter: &CertificateFilterSpec| Filter {
        common_name: filter.common_name.clone(),
        organization: filter.organization.clone(),
        organizational_unit: filter.organizational_unit.clone(),
        subject_alternative_name: filter.subject_alternative_name.clone(),
    };
    Filters::new(mtls.certificate_filters.iter().map(filter).collect())
}

/// What the policy goes by. `None` while the namespace is deleted: then nobody has a right in it any more. A stored
/// bundle or filter that today's rules refuse lets nobody in.
pub(super) fn of(row: &NamespaceRecord) -> Option<NamespaceSecurity> {
    if row.meta.state() == ResourceState::Deleting {
        return None;
    }
    let api_key_enabled = row.spec.api_key_auth.as_ref().is_some_and(|api_key| api_key.enabled);
    let closed =
        NamespaceSecurity { mtls_enabled: false, api_key_enabled, client_ca: None, filters: Filters::default() };
    let Some(mtls) = row.spec.mtls_auth.as_ref().filter(|mtls| mtls.enabled) else {
        return Some(closed);
    };
    let parsed = ClientCa::parse(&mtls.accepted_client_ca).ok().zip(filters(mtls).ok());
    Some(match parsed {
        Some((client_ca, filters)) => {
            NamespaceSecurity { mtls_enabled: true, client_ca: Some(Arc::new(client_ca)), filters, ..closed }
        }
        None => closed,
    })
}
