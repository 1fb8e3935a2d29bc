//! A namespace as the API shows it.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use proto::temporal::api::cloud::{
    namespace::v1::{
        Endpoints, Namespace, NamespaceRegionStatus, NamespaceSpec, Replica,
        namespace_region_status::State as RegionState, replica::ReplicaState,
    },
    resource::v1::ResourceState,
};

use crate::{Settings, record::NamespaceRecord, twins};

pub(super) fn namespace(row: &NamespaceRecord, settings: &Settings) -> Namespace {
    let region = &settings.region;
    let (region_state, replica_state) = match row.meta.state() {
        ResourceState::Activating => (RegionState::Adding, ReplicaState::Adding),
        ResourceState::ActivationFailed => (RegionState::Failed, ReplicaState::Failed),
        ResourceState::Deleting | ResourceState::Deleted => (RegionState::Removing, ReplicaState::Removing),
        ResourceState::Unspecified
        | ResourceState::Active
        | ResourceState::Updating
        | ResourceState::UpdateFailed
        | ResourceState::DeleteFailed
        | ResourceState::Suspended
        | ResourceState::Expired => (RegionState::Active, ReplicaState::Active),
    };
    let status = NamespaceRegionStatus {
        state_deprecated: twins::region_state(region_state),
        state: region_state as i32,
        async_operation_id: row.meta.operation_id.clone(),
    };
    let replica = Replica { id: region.clone(), is_primary: true, state: replica_state as i32, region: region.clone() };
    Namespace {
        namespace: row.id.clone(),
        resource_version: row.meta.version.clone(),
        spec: Some(spec(&row.spec)),
        state_deprecated: twins::resource_state(row.meta.state()),
        state: row.meta.state,
        async_operation_id: row.meta.operation_id.clone(),
        endpoints: Some(endpoints(row, settings)),
        active_region: region.clone(),
        limits: None,
        private_connectivities: Vec::new(),
        created_time: row.meta.created(),
        last_modified_time: row.meta.modified(),
        region_status: BTreeMap::from([(region.clone(), status)]),
        connectivity_rules: Vec::new(),
        tags: row.tags.clone(),
        capacity: None,
        replicas: vec![replica],
    }
}

fn spec(spec: &NamespaceSpec) -> NamespaceSpec {
    let mut spec = spec.clone();
    twins::fill_attributes(&mut spec);
    if let Some(mtls) = &mut spec.mtls_auth {
        mtls.accepted_client_ca_deprecated = BASE64_STANDARD.encode(&mtls.accepted_client_ca);
    }
    spec
}

/// The addresses; the one of a way that is off is empty.
fn endpoints(row: &NamespaceRecord, settings: &Settings) -> Endpoints {
    let address = format!("{}.{}:{}", row.id, settings.domain, settings.data_port);
    let when = |is_on: bool| if is_on { address.clone() } else { String::new() };
    let web_address = match settings.web_address.is_empty() {
        true => String::new(),
        false => format!("{}/namespaces/{}", settings.web_address.trim_end_matches('/'), row.id),
    };
    Endpoints {
        web_address,
        mtls_grpc_address: when(row.spec.mtls_auth.as_ref().is_some_and(|mtls| mtls.enabled)),
        grpc_address: when(row.spec.api_key_auth.as_ref().is_some_and(|api_key| api_key.enabled)),
    }
}
