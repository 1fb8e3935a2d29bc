//! `UpdateNamespace`.

use std::{collections::BTreeMap, time::Duration};

use engine::NamespaceRecord;
use model::{Limits, Reject, Time};
use proto::temporal::api::{
    enums::v1::{
        IndexedValueType,
        NamespaceState::{Deleted, Deprecated, Registered, Unspecified},
        ReplicationState,
    },
    namespace::v1::{NamespaceConfig, UpdateNamespaceInfo},
    replication::v1::NamespaceReplicationConfig,
    workflowservice::v1::{UpdateNamespaceRequest, UpdateNamespaceResponse},
};

use super::{
    PLACES, change,
    describe::{aliases, config, info, replication},
    nanos,
    register::local,
    retention,
};
use crate::{
    context::{Scope, ServerContext},
    gate,
};

/// Builds that may be marked as bad.
const MOST_BAD_BINARIES: usize = 10;

pub(crate) async fn update_namespace(
    scope: Scope,
    request: UpdateNamespaceRequest,
) -> Result<UpdateNamespaceResponse, Reject> {
    let (limits, now) = (scope.context.engine.limits().clone(), scope.now());
    let edit = move |record: &mut NamespaceRecord| {
        if let Some(update) = &request.update_info {
            describe(record, update)?;
        }
        if let Some(update) = &request.config {
            configure(record, update, &limits, now)?;
        }
        let bad = &request.delete_bad_binary;
        if !bad.is_empty() && record.bad_binaries.remove(bad).is_none() {
            return Err(Reject::invalid(format!("Bad binary checksum {bad} doesn't exists.")));
        }
        if let Some(update) = &request.replication_config {
            replicate(record, update)?;
        }
        if request.promote_namespace {
            let text = "global namespace is not enabled on this cluster, cannot update global namespace or promote local namespace: ";
            return Err(Reject::invalid(format!("{text}{}", request.namespace)));
        }
        Ok(())
    };
    let record = change(&scope.context, scope.namespace.id, edit).await?;
    Ok(UpdateNamespaceResponse {
        namespace_info: Some(info(&record, scope.limits())),
        config: Some(config(&record)),
        replication_config: Some(replication()),
        failover_version: 0,
        is_global_namespace: false,
    })
}

/// Gives a namespace this retention and these custom search attributes, and no others.
///
/// # Errors
/// `NamespaceNotFound`; the storage's errors.
pub(crate) async fn shape(
    context: &ServerContext,
    name: &str,
    retention: Duration,
    search_attributes: BTreeMap<String, IndexedValueType>,
) -> Result<(), Reject> {
    let namespace = gate::find(&context.engine.namespaces(), name)?;
    let attributes: BTreeMap<_, _> = search_attributes.into_iter().map(|(name, kind)| (name, kind.into())).collect();
    let edit = move |record: &mut NamespaceRecord| {
        record.retention_ns = nanos(retention);
        record.search_attributes.clone_from(&attributes);
        Ok(())
    };
    change(context, namespace.id, edit).await.map(|_| ())
}

/// Empty texts leave what is there; data is merged.
fn describe(record: &mut NamespaceRecord, update: &UpdateNamespaceInfo) -> Result<(), Reject> {
    if !update.description.is_empty() {
        record.description.clone_from(&update.description);
    }
    if !update.owner_email.is_empty() {
        record.owner_email.clone_from(&update.owner_email);
    }
    record.data.extend(update.data.iter().map(|(key, value)| (key.clone(), value.clone())));
    let (old, new) = (record.state(), update.state());
    if new == Unspecified || new == old {
        return Ok(());
    }
    if !matches!((old, new), (Registered, Deprecated | Deleted) | (Deprecated, Deleted)) {
        return Err(Reject::invalid("Invalid namespace state update."));
    }
    record.set_state(new);
    Ok(())
}

fn configure(record: &mut NamespaceRecord, update: &NamespaceConfig, limits: &Limits, now: Time) -> Result<(), Reject> {
    if update.workflow_execution_retention_ttl.is_some() {
        record.retention_ns = nanos(retention(update.workflow_execution_retention_ttl, limits)?);
    }
    if let Some(bad) = &update.bad_binaries {
        for (checksum, mark) in &bad.binaries {
            let mark = proto::temporal::api::namespace::v1::BadBinaryInfo {
                create_time: Some(now.to_proto()),
                ..mark.clone()
            };
            record.bad_binaries.insert(checksum.clone(), mark);
        }
        if record.bad_binaries.len() > MOST_BAD_BINARIES {
            let text = format!("Total resetBinaries cannot exceed the max limit: {MOST_BAD_BINARIES}");
            return Err(Reject::invalid(text));
        }
    }
    for (place, name) in &update.custom_search_attribute_aliases {
        alias(record, place, name)?;
    }
    Ok(())
}

/// Gives a place to a custom search attribute, or takes it away where the name is empty.
fn alias(record: &mut NamespaceRecord, place: &str, name: &str) -> Result<(), Reject> {
    let known = aliases(record);
    if name.is_empty() {
        if let Some(name) = known.get(place) {
            record.search_attributes.remove(name);
        }
        return Ok(());
    }
    if record.search_attributes.contains_key(name) {
        return Ok(());
    }
    if known.contains_key(place) {
        return Err(Reject::invalid("Custom search attribute field name already allocated."));
    }
    let kind = PLACES
        .iter()
        .filter(|(_, prefix, _)| place.strip_prefix(prefix).is_some_and(|rest| rest.parse::<u8>().is_ok()))
        .map(|(kind, ..)| *kind)
        .next()
        .unwrap_or(IndexedValueType::Keyword);
    record.search_attributes.insert(name.to_owned(), kind.into());
    Ok(())
}

fn replicate(record: &NamespaceRecord, update: &NamespaceReplicationConfig) -> Result<(), Reject> {
    if update.state() == ReplicationState::Handover {
        if record.state() != Registered {
            let text = format!(
                "update ReplicationState is only supported when namespace is in Registered state, current state: {}",
                if record.state() == Deprecated { "Deprecated" } else { "Deleted" }
            );
            return Err(Reject::invalid(text));
        }
        return Err(Reject::invalid("Handover can only be set for global namespace"));
    }
    local(&update.active_cluster_name, &update.clusters)
}
