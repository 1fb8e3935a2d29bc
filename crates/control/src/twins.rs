//! The texts that older versions of the API use where newer ones have enums. They are taken when the enum is not set,
//! and filled whenever something is shown.

use proto::temporal::api::cloud::{
    identity::v1::{
        Access, AccountAccess, ApiKeySpec, NamespaceAccess, OwnerType, ServiceAccountSpec, account_access::Role,
        namespace_access::Permission,
    },
    namespace::v1::{NamespaceSpec, namespace_region_status, namespace_spec::SearchAttributeType},
    operation::v1::async_operation,
    resource::v1::ResourceState,
};

const ROLES: [(Role, &str); 6] = [
    (Role::Owner, "owner"),
    (Role::Admin, "admin"),
    (Role::Developer, "developer"),
    (Role::FinanceAdmin, "financeadmin"),
    (Role::Read, "read"),
    (Role::MetricsRead, "metricsread"),
];

const PERMISSIONS: [(Permission, &str); 3] =
    [(Permission::Admin, "admin"), (Permission::Write, "write"), (Permission::Read, "read")];

const OWNERS: [(OwnerType, &str); 2] = [(OwnerType::User, "user"), (OwnerType::ServiceAccount, "service-account")];

const ATTRIBUTE_TYPES: [(SearchAttributeType, &str); 7] = [
    (SearchAttributeType::Text, "text"),
    (SearchAttributeType::Keyword, "keyword"),
    (SearchAttributeType::Int, "int"),
    (SearchAttributeType::Double, "double"),
    (SearchAttributeType::Bool, "bool"),
    (SearchAttributeType::Datetime, "datetime"),
    (SearchAttributeType::KeywordList, "keyword_list"),
];

/// The text of a value; empty for one that has none.
fn text<T: Copy + PartialEq>(table: &[(T, &'static str)], value: T) -> String {
    table.iter().find(|(other, _)| *other == value).map(|(_, text)| (*text).to_owned()).unwrap_or_default()
}

/// The value of a text, whatever its case.
fn value<T: Copy>(table: &[(T, &'static str)], text: &str) -> Option<T> {
    table.iter().find(|(_, other)| other.eq_ignore_ascii_case(text)).map(|(value, _)| *value)
}

pub(crate) fn resource_state(state: ResourceState) -> String {
    match state {
        ResourceState::Unspecified => "",
        ResourceState::Activating => "activating",
        ResourceState::ActivationFailed => "activationfailed",
        ResourceState::Active => "active",
        ResourceState::Updating => "updating",
        ResourceState::UpdateFailed => "updatefailed",
        ResourceState::Deleting => "deleting",
        ResourceState::DeleteFailed => "deletefailed",
        ResourceState::Deleted => "deleted",
        ResourceState::Suspended => "suspended",
        ResourceState::Expired => "expired",
    }
    .to_owned()
}

pub(crate) fn operation_state(state: async_operation::State) -> String {
    match state {
        async_operation::State::Unspecified => "",
        async_operation::State::Pending => "pending",
        async_operation::State::InProgress => "in_progress",
        async_operation::State::Failed => "failed",
        async_operation::State::Cancelled => "cancelled",
        async_operation::State::Fulfilled => "fulfilled",
        async_operation::State::Rejected => "rejected",
    }
    .to_owned()
}

pub(crate) fn region_state(state: namespace_region_status::State) -> String {
    match state {
        namespace_region_status::State::Unspecified => "",
        namespace_region_status::State::Adding => "adding",
        namespace_region_status::State::Active => "active",
        namespace_region_status::State::Passive => "passive",
        namespace_region_status::State::Removing => "removing",
        namespace_region_status::State::Failed => "failed",
    }
    .to_owned()
}

/// Moves the texts of an access into its enums, where those are not set, and empties the texts.
pub(crate) fn take_access(access: &mut Access) {
    if let Some(account) = &mut access.account_access {
        let text = std::mem::take(&mut account.role_deprecated);
        if account.role() == Role::Unspecified {
            account.role = value(&ROLES, &text).unwrap_or_default() as i32;
        }
        if account.custom_roles.is_empty() {
            account.custom_roles = std::mem::take(&mut access.custom_roles_deprecated);
        }
    }
    access.namespace_accesses.values_mut().for_each(take_namespace_access);
}

pub(crate) fn take_namespace_access(access: &mut NamespaceAccess) {
    let text = std::mem::take(&mut access.permission_deprecated);
    if access.permission() == Permission::Unspecified {
        access.permission = value(&PERMISSIONS, &text).unwrap_or_default() as i32;
    }
}

pub(crate) fn take_service_account(spec: &mut ServiceAccountSpec) {
    if let Some(access) = &mut spec.access {
        take_access(access);
    }
    if let Some(access) = spec.namespace_scoped_access.as_mut().and_then(|scoped| scoped.access.as_mut()) {
        take_namespace_access(access);
    }
}

pub(crate) fn take_api_key(spec: &mut ApiKeySpec) {
    let text = std::mem::take(&mut spec.owner_type_deprecated);
    if spec.owner_type() == OwnerType::Unspecified {
        spec.owner_type = owner_type(&text) as i32;
    }
}

/// The owner type of its text; unspecified for any other text.
pub(crate) fn owner_type(text: &str) -> OwnerType {
    value(&OWNERS, text).unwrap_or_default()
}

/// Moves the texts of a namespace's search attributes into the enums. The name of the first one whose text is no type
/// is the error.
pub(crate) fn take_attributes(spec: &mut NamespaceSpec) -> Result<(), String> {
    for (name, text) in std::mem::take(&mut spec.custom_search_attributes) {
        let Some(kind) = value(&ATTRIBUTE_TYPES, &text) else {
            return Err(name);
        };
        spec.search_attributes.entry(name).or_insert(kind as i32);
    }
    Ok(())
}

pub(crate) fn fill_access(access: &mut Access) {
    if let Some(account) = &mut access.account_access {
        fill_account_access(account);
        access.custom_roles_deprecated.clone_from(&account.custom_roles);
    }
    access.namespace_accesses.values_mut().for_each(fill_namespace_access);
}

fn fill_account_access(access: &mut AccountAccess) {
    access.role_deprecated = text(&ROLES, access.role());
}

pub(crate) fn fill_namespace_access(access: &mut NamespaceAccess) {
    access.permission_deprecated = text(&PERMISSIONS, access.permission());
}

pub(crate) fn fill_service_account(spec: &mut ServiceAccountSpec) {
    if let Some(access) = &mut spec.access {
        fill_access(access);
    }
    if let Some(access) = spec.namespace_scoped_access.as_mut().and_then(|scoped| scoped.access.as_mut()) {
        fill_namespace_access(access);
    }
}

pub(crate) fn fill_api_key(spec: &mut ApiKeySpec) {
    spec.owner_type_deprecated = text(&OWNERS, spec.owner_type());
}

pub(crate) fn fill_attributes(spec: &mut NamespaceSpec) {
    let typed = |(name, kind): (&String, &i32)| {
        let kind = SearchAttributeType::try_from(*kind).unwrap_or_default();
        (name.clone(), text(&ATTRIBUTE_TYPES, kind))
    };
    spec.custom_search_attributes = spec.search_attributes.iter().map(typed).collect();
}
