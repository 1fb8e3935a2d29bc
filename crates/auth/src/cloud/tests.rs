//! The documented tables, written down once more, against the table of this module: every method of the descriptor set
//! for every role, permission and kind of resource.

use std::{collections::BTreeSet, sync::Arc};

use model::Kind;
use prost::Message;

use super::*;
use crate::{
    CertificateCaller, ClientCertificate,
    NamespacePermission::{Admin as NamespaceAdmin, Read as NamespaceRead, Write as NamespaceWrite},
    fixture::{BILLING, NOTHING, ORDERS, principal},
};

/// What the documentation says of a method. Roles: R Read-only, D Developer, F Finance Admin, A Global Admin, O Owner.
#[derive(Clone, Copy, Debug)]
enum Documented {
    /// These roles.
    Roles(&'static str),
    /// Own keys: all five roles; any key: A, O.
    Keys,
    /// As before, but the own key of a service account is not for itself to delete.
    KeyDeletion,
    /// Account-level: A, O; namespace-scoped: namespace admins.
    ServiceAccounts,
    /// These roles, being Namespace Admin on the target.
    Endpoints(&'static str),
    /// From this permission on.
    Namespace(NamespacePermission),
}

use Documented::{Endpoints, KeyDeletion, Keys, Namespace, Roles, ServiceAccounts};

#[rustfmt::skip]
const DOCUMENTED: &[(&str, Documented)] = &[
    ("GetCurrentIdentity", Roles("RDFAO")), ("GetUsers", Roles("RDFAO")), ("GetUser", Roles("RDFAO")),
    ("CreateUser", Roles("AO")), ("UpdateUser", Roles("AO")), ("DeleteUser", Roles("AO")),
    ("SetUserNamespaceAccess", Namespace(NamespaceAdmin)), ("GetAsyncOperation", Roles("RDFAO")),
    ("CreateNamespace", Roles("DAO")), ("GetNamespaces", Roles("RDFAO")), ("GetNamespace", Namespace(NamespaceRead)),
    ("UpdateNamespace", Namespace(NamespaceAdmin)), ("RenameCustomSearchAttribute", Namespace(NamespaceAdmin)),
    ("DeleteNamespace", Namespace(NamespaceAdmin)), ("FailoverNamespaceRegion", Namespace(NamespaceAdmin)),
    ("AddNamespaceRegion", Namespace(NamespaceAdmin)), ("DeleteNamespaceRegion", Namespace(NamespaceAdmin)),
    ("GetRegions", Roles("RDFAO")), ("GetRegion", Roles("RDFAO")), ("GetApiKeys", Roles("RDFAO")),
    ("GetApiKey", Keys), ("CreateApiKey", Keys), ("UpdateApiKey", Keys), ("DeleteApiKey", KeyDeletion),
    ("GetNexusEndpoints", Roles("RDFAO")), ("GetNexusEndpoint", Roles("RDFAO")),
    ("CreateNexusEndpoint", Endpoints("DAO")), ("UpdateNexusEndpoint", Endpoints("DAO")),
    ("DeleteNexusEndpoint", Endpoints("DAO")), ("GetUserGroups", Roles("RDFAO")), ("GetUserGroup", Roles("RDFAO")),
    ("CreateUserGroup", Roles("AO")), ("UpdateUserGroup", Roles("AO")), ("DeleteUserGroup", Roles("AO")),
    ("SetUserGroupNamespaceAccess", Namespace(NamespaceAdmin)), ("AddUserGroupMember", Roles("AO")),
    ("RemoveUserGroupMember", Roles("AO")), ("GetUserGroupMembers", Roles("RDFAO")),
    ("CreateServiceAccount", ServiceAccounts), ("GetServiceAccount", ServiceAccounts),
    ("GetServiceAccounts", Roles("RDFAO")), ("UpdateServiceAccount", ServiceAccounts),
    ("SetServiceAccountNamespaceAccess", Namespace(NamespaceAdmin)), ("DeleteServiceAccount", ServiceAccounts),
    ("GetUsage", Roles("FAO")), ("GetAccount", Roles("RDFAO")), ("UpdateAccount", Roles("AO")),
    ("CreateNamespaceExportSink", Namespace(NamespaceAdmin)), ("GetNamespaceExportSink", Namespace(NamespaceRead)),
    ("GetNamespaceExportSinks", Namespace(NamespaceRead)), ("UpdateNamespaceExportSink", Namespace(NamespaceAdmin)),
    ("DeleteNamespaceExportSink", Namespace(NamespaceAdmin)),
    ("ValidateNamespaceExportSink", Namespace(NamespaceAdmin)), ("UpdateNamespaceTags", Roles("AO")),
    ("CreateConnectivityRule", Roles("AO")), ("GetConnectivityRule", Roles("DAO")),
    ("GetConnectivityRules", Roles("DAO")), ("DeleteConnectivityRule", Roles("AO")), ("GetAuditLogs", Roles("AO")),
    ("ValidateAccountAuditLogSink", Roles("AO")), ("CreateAccountAuditLogSink", Roles("AO")),
    ("GetAccountAuditLogSink", Roles("AO")), ("GetAccountAuditLogSinks", Roles("AO")),
    ("UpdateAccountAuditLogSink", Roles("AO")), ("DeleteAccountAuditLogSink", Roles("AO")),
    ("GetNamespaceCapacityInfo", Namespace(NamespaceRead)),
    // Billing pages: F and O, and for the time being A.
    ("CreateBillingReport", Roles("FAO")), ("GetBillingReport", Roles("FAO")),
    // From here on the documentation names no roles: the narrowest.
    ("GetCustomRoles", Roles("AO")), ("GetCustomRole", Roles("AO")), ("CreateCustomRole", Roles("AO")),
    ("UpdateCustomRole", Roles("AO")), ("DeleteCustomRole", Roles("AO")),
    ("GetUserNamespaceAssignments", Namespace(NamespaceAdmin)),
    ("GetServiceAccountNamespaceAssignments", Namespace(NamespaceAdmin)),
    ("GetUserGroupNamespaceAssignments", Namespace(NamespaceAdmin)),
    ("GetProjects", Roles("AO")), ("GetProject", Roles("AO")), ("CreateProject", Roles("AO")),
    ("UpdateProject", Roles("AO")), ("DeleteProject", Roles("AO")), ("SetUserProjectAccess", Roles("AO")),
    ("SetUserGroupProjectAccess", Roles("AO")), ("SetServiceAccountProjectAccess", Roles("AO")),
    ("GetUserProjectAssignments", Roles("AO")), ("GetServiceAccountProjectAssignments", Roles("AO")),
    ("GetUserGroupProjectAssignments", Roles("AO")), ("GetProjectScopedServiceAccounts", Roles("AO")),
];

/// Every role with its letter; no letter: none of the documented table's columns.
const ROLES: [(Option<AccountRole>, &str); 7] = [
    (Some(Read), "R"),
    (Some(Developer), "D"),
    (Some(FinanceAdmin), "F"),
    (Some(Admin), "A"),
    (Some(Owner), "O"),
    (Some(AccountRole::MetricsRead), "-"),
    (None, "-"),
];

const PERMISSIONS: [Option<NamespacePermission>; 4] =
    [None, Some(NamespaceRead), Some(NamespaceWrite), Some(NamespaceAdmin)];

fn may(caller: &Principal, method: &str, resource: Resource<'_>) -> bool {
    match authorize_cloud(&Caller::Principal(Arc::new(caller.clone())), method, resource) {
        Ok(()) => true,
        Err(reject) => {
            assert_eq!((reject.kind, reject.message.as_str()), (Kind::PermissionDenied, "Request unauthorized."));
            false
        }
    }
}

/// Methods of the service that are newer than the descriptor set.
#[rustfmt::skip]
const NEWER: [&str; 12] = [
    "CreateProject", "DeleteProject", "GetProject", "GetProjectScopedServiceAccounts", "GetProjects",
    "GetServiceAccountProjectAssignments", "GetUserGroupProjectAssignments", "GetUserProjectAssignments",
    "SetServiceAccountProjectAccess", "SetUserGroupProjectAccess", "SetUserProjectAccess", "UpdateProject",
];

#[test]
fn every_method_of_the_service_is_in_both_tables_once() {
    let set = prost_types::FileDescriptorSet::decode(proto::DESCRIPTOR_SET).unwrap();
    let services = set.file.iter().filter(|file| file.package() == "temporal.api.cloud.cloudservice.v1");
    let methods: BTreeSet<&str> =
        services.flat_map(|file| &file.service).flat_map(|service| &service.method).map(|rpc| rpc.name()).collect();
    let known: BTreeSet<&str> = methods.iter().chain(&NEWER).copied().collect();
    assert_eq!((methods.len(), known.len()), (76, 88));
    let documented: Vec<&str> = DOCUMENTED.iter().map(|(method, _)| *method).collect();
    let declared: Vec<&str> = ROWS.iter().flat_map(|row| row.methods).copied().collect();
    for table in [documented, declared] {
        assert_eq!(table.len(), 88);
        assert_eq!(table.into_iter().collect::<BTreeSet<_>>(), known);
    }
}

/// What the documentation makes of a caller with this role, and this permission in [`ORDERS`].
fn expected(
    documented: Documented,
    (role, letter): (Option<AccountRole>, &str),
    permission: Option<NamespacePermission>,
    resource: Resource<'_>,
    caller: &Principal,
) -> bool {
    let is_account_admin = "AO".contains(letter);
    let in_column = |roles: &str| role.is_some() && roles.contains(letter);
    let at_least = |namespace: &str, needed: NamespacePermission| {
        is_account_admin || (namespace == ORDERS && permission.is_some_and(|held| held >= needed))
    };
    match (documented, resource) {
        (Roles(roles), _) => in_column(roles),
        (Namespace(needed), Resource::Namespace(namespace)) => at_least(namespace, needed),
        (Keys, Resource::ApiKey { owner_id }) => is_account_admin || (in_column("RDF") && owner_id == caller.id),
        (KeyDeletion, Resource::ApiKey { owner_id }) => {
            let is_user = caller.kind == PrincipalKind::User;
            is_account_admin || (in_column("RDF") && owner_id == caller.id && is_user)
        }
        (ServiceAccounts, Resource::ServiceAccount { scope: Scope::Namespace(namespace) }) => {
            in_column("RDFAO") && at_least(namespace, NamespaceAdmin)
        }
        (ServiceAccounts, Resource::ServiceAccount { .. }) => is_account_admin,
        (Endpoints(roles), Resource::NexusEndpoint { target_namespace }) => {
            in_column(roles) && at_least(target_namespace, NamespaceAdmin)
        }
        (Namespace(_) | Keys | KeyDeletion | ServiceAccounts | Endpoints(_), _) => false,
    }
}

#[test]
fn every_method_is_for_the_documented_roles_and_permissions() {
    let scopes = [Scope::Account, Scope::Namespace(ORDERS.into()), Scope::Namespace(BILLING.into())];
    let project = Scope::Project("project".into());
    let own = "5".repeat(32);
    let mut resources = vec![Resource::Account];
    resources.extend([ORDERS, BILLING, NOTHING, ""].map(Resource::Namespace));
    resources.extend([own.as_str(), "6", ""].map(|owner_id| Resource::ApiKey { owner_id }));
    resources.extend(scopes.iter().chain([&project]).map(|scope| Resource::ServiceAccount { scope }));
    resources.extend([ORDERS, BILLING].map(|target_namespace| Resource::NexusEndpoint { target_namespace }));
    let mut asked = 0;
    for (method, documented) in DOCUMENTED {
        for role in ROLES {
            for permission in PERMISSIONS {
                for kind in [PrincipalKind::User, PrincipalKind::ServiceAccount] {
                    let accesses: Vec<_> = permission.map(|permission| (ORDERS, permission)).into_iter().collect();
                    let caller = Principal { kind, ..principal(role.0, &accesses) };
                    for resource in &resources {
                        let expected = expected(*documented, role, permission, *resource, &caller);
                        let text = format!("{method} of {resource:?} by {role:?} {kind:?} with {permission:?}");
                        assert_eq!(may(&caller, method, *resource), expected, "{text}");
                        asked += 1;
                    }
                }
            }
        }
    }
    assert_eq!(asked, 88 * 7 * 4 * 2 * resources.len());
}

#[test]
fn nobody_but_a_principal_gets_anything() {
    let certificate = ClientCertificate {
        subject: String::new(),
        fingerprint: String::new(),
        common_names: Vec::new(),
        organizations: Vec::new(),
        organizational_units: Vec::new(),
        subject_alternative_names: Vec::new(),
        not_before: model::Time::ZERO,
        not_after: model::Time::MAX,
    };
    let certificate = CertificateCaller { namespace: ORDERS.into(), certificate: Arc::new(certificate) };
    let callers = [
        (Caller::Open, Kind::PermissionDenied),
        (Caller::Anonymous, Kind::Unauthenticated),
        (Caller::Certificate(Arc::new(certificate)), Kind::PermissionDenied),
    ];
    for (caller, kind) in callers {
        for (method, _) in DOCUMENTED {
            for resource in [Resource::Account, Resource::Namespace(ORDERS)] {
                assert_eq!(authorize_cloud(&caller, method, resource).unwrap_err().kind, kind, "{method}");
            }
        }
    }
}

#[test]
fn what_is_not_in_the_table_is_for_nobody() {
    let owner = principal(Some(Owner), &[(ORDERS, NamespaceAdmin)]);
    for method in ["", "StartMigration", "getnamespace", "GetNamespace ", "CloudService/GetNamespace"] {
        assert!(!may(&owner, method, Resource::Namespace(ORDERS)), "{method}");
    }
}

#[test]
fn a_scope_caps_whatever_was_given() {
    let accesses = [(ORDERS, NamespaceAdmin), (BILLING, NamespaceAdmin)];
    let scoped = |scope| Principal { scope, ..principal(Some(Owner), &accesses) };
    let namespace = scoped(Scope::Namespace(ORDERS.into()));
    assert!(may(&namespace, "UpdateNamespace", Resource::Namespace(ORDERS)));
    assert!(!may(&namespace, "GetNamespace", Resource::Namespace(BILLING)));
    assert!(may(&namespace, "GetAccount", Resource::Account));
    assert!(!may(&namespace, "CreateNamespace", Resource::Account));
    let project = scoped(Scope::Project("project".into()));
    assert!(may(&project, "GetNamespace", Resource::Namespace(BILLING)));
    assert!(!may(&project, "GetNamespace", Resource::Namespace(NOTHING)));
    assert!(!may(&project, "CreateUser", Resource::Account));
}

#[test]
fn only_an_owner_makes_owners_and_finance_admins() {
    let roles = [Owner, FinanceAdmin, Admin, Developer, Read, AccountRole::MetricsRead];
    for (granter, letter) in ROLES {
        let granter = principal(granter, &[(ORDERS, NamespaceAdmin)]);
        for role in roles {
            let expected = match role {
                Owner | FinanceAdmin => letter == "O",
                Admin | Developer | Read | AccountRole::MetricsRead => "AO".contains(letter),
            };
            assert_eq!(may_grant(&granter, role).is_ok(), expected, "{letter} gives {role:?}");
        }
    }
}
