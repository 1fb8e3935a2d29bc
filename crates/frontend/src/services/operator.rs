//! Custom search attributes of a namespace: `AddSearchAttributes`, `RemoveSearchAttributes`, `ListSearchAttributes`.

use std::sync::Arc;

use engine::NamespaceRecord;
use model::{Namespace, Reject};
use proto::temporal::api::{
    enums::v1::IndexedValueType,
    operatorservice::v1::{
        AddSearchAttributesRequest, AddSearchAttributesResponse, ListSearchAttributesRequest,
        ListSearchAttributesResponse, RemoveSearchAttributesRequest, RemoveSearchAttributesResponse,
    },
};
use store::visibility::{is_reserved, predefined_attributes, system_attributes};

use crate::{
    context::ServerContext,
    gate,
    services::namespace::{PLACES, change},
};

/// The namespace that a request names, if it names one.
fn named(context: &ServerContext, method: &str, name: &str) -> Result<Option<Arc<Namespace>>, Reject> {
    if name.is_empty() {
        return Ok(None);
    }
    let namespace = gate::find(&context.engine.namespaces(), name)?;
    gate::check_state(method, &namespace)?;
    Ok(Some(namespace))
}

fn required(namespace: Option<Arc<Namespace>>) -> Result<Arc<Namespace>, Reject> {
    namespace.ok_or_else(|| Reject::invalid("Namespace is not set on request."))
}

/// The attributes that every namespace has.
fn fixed() -> impl Iterator<Item = (&'static str, IndexedValueType)> {
    system_attributes().chain(predefined_attributes())
}

pub(crate) async fn add_search_attributes(
    context: Arc<ServerContext>,
    request: AddSearchAttributesRequest,
) -> Result<AddSearchAttributesResponse, Reject> {
    let namespace = named(&context, "AddSearchAttributes", &request.namespace)?;
    if request.search_attributes.is_empty() {
        return Err(Reject::invalid("SearchAttributes are not set on request."));
    }
    for (name, kind) in &request.search_attributes {
        if is_reserved(name) {
            return Err(Reject::invalid(format!("Search attribute {name} is reserved by system.")));
        }
        if IndexedValueType::try_from(*kind).is_err() {
            return Err(Reject::invalid(format!("Unknown search attribute type: {kind}.")));
        }
    }
    let namespace = required(namespace)?;
    change(&context, namespace.id, move |record| {
        request.search_attributes.iter().try_for_each(|(name, kind)| add(record, name, *kind))
    })
    .await?;
    Ok(AddSearchAttributesResponse {})
}

/// A name that is there already stays as it is.
fn add(record: &mut NamespaceRecord, name: &str, kind: i32) -> Result<(), Reject> {
    if record.search_attributes.contains_key(name) {
        return Ok(());
    }
    let place = PLACES.iter().find(|(known, ..)| *known as i32 == kind);
    let (label, places) = place.map_or(("Unspecified", 0), |(_, label, places)| (*label, *places));
    let used = record.search_attributes.values().filter(|known| **known == kind).count();
    if used >= places {
        let text = format!(
            "Unable to create search attributes: cannot have more than {used} search attribute of type {label}."
        );
        return Err(Reject::invalid(text));
    }
    record.search_attributes.insert(name.to_owned(), kind);
    Ok(())
}

pub(crate) async fn remove_search_attributes(
    context: Arc<ServerContext>,
    request: RemoveSearchAttributesRequest,
) -> Result<RemoveSearchAttributesResponse, Reject> {
    let namespace = named(&context, "RemoveSearchAttributes", &request.namespace)?;
    if request.search_attributes.is_empty() {
        return Err(Reject::invalid("SearchAttributes are not set on request."));
    }
    let namespace = required(namespace)?;
    change(&context, namespace.id, move |record| {
        for name in &request.search_attributes {
            // A name that is not there is as good as removed; a system one can't be.
            if record.search_attributes.remove(name).is_none() && fixed().any(|(known, _)| known == name) {
                let text = format!("Unable to remove non-custom search attributes: {name}.");
                return Err(Reject::invalid(text));
            }
        }
        Ok(())
    })
    .await?;
    Ok(RemoveSearchAttributesResponse {})
}

pub(crate) async fn list_search_attributes(
    context: Arc<ServerContext>,
    request: ListSearchAttributesRequest,
) -> Result<ListSearchAttributesResponse, Reject> {
    let namespace = required(named(&context, "ListSearchAttributes", &request.namespace)?)?;
    let custom = namespace.search_attributes.iter().map(|(name, kind)| (name.clone(), (*kind).into()));
    let system = fixed().map(|(name, kind)| (name.to_owned(), kind.into()));
    Ok(ListSearchAttributesResponse {
        custom_attributes: custom.collect(),
        system_attributes: system.collect(),
        ..Default::default()
    })
}
