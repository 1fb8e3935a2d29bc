//! Users and service accounts: who may be made what by whom, and who is shown where.

use model::Kind;
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        CreateServiceAccountRequest, CreateUserRequest, DeleteServiceAccountRequest, DeleteUserRequest,
        GetCurrentIdentityRequest, GetServiceAccountNamespaceAssignmentsRequest, GetServiceAccountRequest,
        GetServiceAccountsRequest, GetUserNamespaceAssignmentsRequest, GetUserRequest, GetUsersRequest,
        SetServiceAccountNamespaceAccessRequest, SetUserNamespaceAccessRequest, UpdateServiceAccountRequest,
        UpdateUserRequest, get_current_identity_response::Principal,
    },
    identity::v1::{
        Access, AccountAccess, NamespaceAccess, NamespaceScopedAccess, ServiceAccount, ServiceAccountSpec, User,
        UserSpec, account_access::Role, namespace_access::Permission,
    },
};

use crate::desk::{Desk, access, assert_refused, permit, principal, service_account};

fn user(desk: &Desk, id: &str) -> User {
    desk.own(&GetUserRequest { user_id: id.to_owned() }).user.unwrap()
}

fn account(desk: &Desk, id: &str) -> ServiceAccount {
    desk.own(&GetServiceAccountRequest { service_account_id: id.to_owned() }).service_account.unwrap()
}

fn invite(email: &str, access: Option<Access>) -> CreateUserRequest {
    let spec = UserSpec { email: email.to_owned(), access };
    CreateUserRequest { spec: Some(spec), async_operation_id: String::new() }
}

fn update(user: &User, role: Role) -> UpdateUserRequest {
    let mut spec = user.spec.clone().unwrap();
    spec.access = Some(access(role));
    UpdateUserRequest {
        user_id: user.id.clone(),
        spec: Some(spec),
        resource_version: user.resource_version.clone(),
        async_operation_id: String::new(),
    }
}

fn delete(user: &User) -> DeleteUserRequest {
    DeleteUserRequest {
        user_id: user.id.clone(),
        resource_version: user.resource_version.clone(),
        async_operation_id: String::new(),
    }
}

fn scoped(name: &str, namespace: &str, permission: Permission) -> ServiceAccountSpec {
    let scoped = NamespaceScopedAccess { namespace: namespace.to_owned(), access: Some(permit(permission)) };
    ServiceAccountSpec { name: name.to_owned(), namespace_scoped_access: Some(scoped), ..ServiceAccountSpec::default() }
}

#[test]
fn a_user_is_invited_changed_and_removed() {
    let desk = Desk::new();
    let id = desk.user("Ada@Example.test", Role::Developer);
    let made = user(&desk, &id);
    assert_eq!(id.len(), 32);
    assert_eq!(made.spec.as_ref().unwrap().email, "ada@example.test");
    assert_eq!(made.state_deprecated, "active");
    assert!(made.invitation.is_some());
    let role = made.spec.as_ref().unwrap().access.clone().unwrap().account_access.unwrap();
    assert_eq!((role.role(), role.role_deprecated.as_str()), (Role::Developer, "developer"));
    let twice = desk.ask(&desk.owner, &invite("ADA@example.test", Some(access(Role::Read))));
    assert_refused(twice, &Kind::AlreadyExists, "already exists");

    assert_refused(desk.ask(&desk.owner, &update(&made, Role::Developer)), &Kind::InvalidArgument, "nothing to change");
    desk.own(&update(&made, Role::Read));
    let stale = desk.ask(&desk.owner, &update(&made, Role::Admin));
    assert_refused(stale, &Kind::FailedPrecondition, "resource version mismatch");
    let key = desk.key(&id);
    desk.own(&delete(&user(&desk, &id)));
    assert!(auth::Directory::key(&desk.control, &key.key_id).is_none());
    let gone = desk.ask(&desk.owner, &GetUserRequest { user_id: id });
    assert_refused(gone, &Kind::NotFound, "not found");
}

#[test]
fn an_access_that_breaks_a_rule_is_refused_with_the_rule() {
    let with = |namespace: &str, access: NamespaceAccess| {
        let mut whole = self::access(Role::Read);
        whole.namespace_accesses.insert(namespace.to_owned(), access);
        Some(whole)
    };
    let custom =
        AccountAccess { role: Role::Read as i32, custom_roles: vec!["r".to_owned()], ..AccountAccess::default() };
    let custom = Access { account_access: Some(custom), ..Access::default() };
    let desk = Desk::new();
    let orders = desk.namespace("orders");
    let rows = [
        ("ada@example.test", None, Kind::InvalidArgument, "access is required"),
        ("ada@example.test", Some(Access::default()), Kind::InvalidArgument, "account access is required"),
        ("ada@example.test", Some(access(Role::Unspecified)), Kind::InvalidArgument, "role is required"),
        ("ada", Some(access(Role::Read)), Kind::InvalidArgument, "invalid email"),
        ("ada@example.test", with("x.a2dd6", permit(Permission::Read)), Kind::NotFound, "x.a2dd6"),
        (
            "ada@example.test",
            with(&orders, NamespaceAccess::default()),
            Kind::InvalidArgument,
            "permission is required",
        ),
        ("ada@example.test", Some(custom), Kind::Unimplemented, "custom roles"),
    ];
    for (email, access, kind, words) in rows {
        assert_refused(desk.ask(&desk.owner, &invite(email, access)), &kind, words);
    }
}

#[test]
fn texts_of_older_clients_are_roles_and_permissions() {
    let desk = Desk::new();
    let orders = desk.namespace("orders");
    let account = AccountAccess { role_deprecated: "FinanceAdmin".to_owned(), ..AccountAccess::default() };
    let write = NamespaceAccess { permission_deprecated: "write".to_owned(), ..NamespaceAccess::default() };
    let access = Access {
        account_access: Some(account),
        namespace_accesses: [(orders.clone(), write)].into(),
        ..Access::default()
    };
    let id = desk.own(&invite("ada@example.test", Some(access))).user_id;
    let shown = user(&desk, &id).spec.unwrap().access.unwrap();
    assert_eq!(shown.account_access.unwrap().role(), Role::FinanceAdmin);
    assert_eq!(shown.namespace_accesses[&orders].permission(), Permission::Write);
    assert_eq!(shown.namespace_accesses[&orders].permission_deprecated, "write");
}

#[test]
fn only_an_owner_makes_and_unmakes_owners() {
    let desk = Desk::new();
    let admin = desk.person("admin@example.test", Role::Admin);
    let read = desk.user("read@example.test", Role::Read);
    for role in [Role::Owner, Role::FinanceAdmin] {
        let made = desk.ask(&admin, &invite("new@example.test", Some(access(role))));
        assert_refused(made, &Kind::PermissionDenied, "Request unauthorized.");
        let raised = desk.ask(&admin, &update(&user(&desk, &read), role));
        assert_refused(raised, &Kind::PermissionDenied, "Request unauthorized.");
        let machine = CreateServiceAccountRequest {
            spec: Some(service_account("machine", role)),
            ..CreateServiceAccountRequest::default()
        };
        assert_refused(desk.ask(&admin, &machine), &Kind::PermissionDenied, "Request unauthorized.");
    }
    desk.ask(&admin, &update(&user(&desk, &read), Role::Admin)).unwrap();
    let owner = user(&desk, &desk.created.owner_id);
    assert_refused(desk.ask(&admin, &update(&owner, Role::Read)), &Kind::PermissionDenied, "Request unauthorized.");
    assert_refused(desk.ask(&admin, &delete(&owner)), &Kind::PermissionDenied, "Request unauthorized.");
    assert_refused(desk.ask(&admin, &desk.create_key(&owner.id, "mine")), &Kind::PermissionDenied, "unauthorized");

    assert_refused(desk.ask(&desk.owner, &delete(&owner)), &Kind::FailedPrecondition, "the only owner");
    assert_refused(desk.ask(&desk.owner, &update(&owner, Role::Read)), &Kind::FailedPrecondition, "the only owner");
    desk.user("second@example.test", Role::Owner);
    desk.own(&update(&owner, Role::Read));
    // Rights are those of the moment.
    let list = desk.ask(&desk.again(&desk.owner), &invite("late@example.test", Some(access(Role::Read))));
    assert_refused(list, &Kind::PermissionDenied, "Request unauthorized.");
}

#[test]
fn readers_change_nothing() {
    let desk = Desk::new();
    let reader = desk.person("read@example.test", Role::Read);
    let other = user(&desk, &desk.user("other@example.test", Role::Read));
    assert_refused(desk.ask(&reader, &update(&other, Role::Admin)), &Kind::PermissionDenied, "unauthorized");
    assert_refused(desk.ask(&reader, &delete(&other)), &Kind::PermissionDenied, "unauthorized");
    assert_eq!(desk.ask(&reader, &GetUsersRequest::default()).unwrap().users.len(), 3);
}

#[test]
fn access_to_one_namespace_is_set_and_removed() {
    let desk = Desk::new();
    let orders = desk.namespace("orders");
    let id = desk.user("ada@example.test", Role::Read);
    let set = |access: Option<NamespaceAccess>| SetUserNamespaceAccessRequest {
        namespace: orders.clone(),
        user_id: id.clone(),
        access,
        resource_version: user(&desk, &id).resource_version,
        async_operation_id: String::new(),
    };
    desk.own(&set(Some(permit(Permission::Write))));
    let same = desk.ask(&desk.owner, &set(Some(permit(Permission::Write))));
    assert_refused(same, &Kind::InvalidArgument, "nothing to change");
    let caller = desk.caller(&id);
    assert_eq!(principal(&caller).namespace_permission(&orders), Some(auth::NamespacePermission::Write));
    // Writing is not enough to give rights on.
    assert_refused(desk.ask(&caller, &set(Some(permit(Permission::Admin)))), &Kind::PermissionDenied, "unauthorized");
    desk.own(&set(None));
    assert_eq!(principal(&desk.again(&caller)).namespace_permission(&orders), None);
    let empty = desk.ask(&desk.owner, &set(Some(NamespaceAccess::default())));
    assert_refused(empty, &Kind::InvalidArgument, "permission is required");
    let elsewhere = SetUserNamespaceAccessRequest { namespace: "x.a2dd6".to_owned(), ..set(None) };
    assert_refused(desk.ask(&desk.owner, &elsewhere), &Kind::NotFound, "x.a2dd6");
}

#[test]
fn lists_of_users_are_filtered() {
    let desk = Desk::new();
    let orders = desk.namespace("orders");
    let mut with = access(Role::Read);
    with.namespace_accesses.insert(orders.clone(), permit(Permission::Read));
    desk.own(&invite("ada@example.test", Some(with)));
    desk.user("bob@example.test", Role::Read);
    let list = |request: GetUsersRequest| -> Vec<String> {
        let users = desk.own(&request).users.into_iter();
        let mut emails: Vec<String> = users.map(|user| user.spec.unwrap().email).collect();
        emails.sort();
        emails
    };
    let by_email = GetUsersRequest { email: "BOB@example.test".to_owned(), ..GetUsersRequest::default() };
    assert_eq!(list(by_email), ["bob@example.test"]);
    let by_namespace = GetUsersRequest { namespace: orders.clone(), ..GetUsersRequest::default() };
    assert_eq!(list(by_namespace), ["ada@example.test", "owner@example.test"]);
    let assigned = GetUserNamespaceAssignmentsRequest { namespace: orders, ..Default::default() };
    let mut assigned: Vec<_> = desk.own(&assigned).users;
    assigned.sort_by(|left, right| left.email.cmp(&right.email));
    let shown: Vec<_> = assigned.iter().map(|row| (row.email.as_str(), row.inherited_access)).collect();
    assert_eq!(shown, [("ada@example.test", false), ("owner@example.test", true)]);
    let permission = assigned[1].namespace_access.as_ref().unwrap();
    assert_eq!((permission.permission(), permission.permission_deprecated.as_str()), (Permission::Admin, "admin"));
}

#[test]
fn a_service_account_has_exactly_one_scope_for_life() {
    let desk = Desk::new();
    let orders = desk.namespace("orders");
    let other = desk.namespace("other");
    let create = |spec: ServiceAccountSpec| CreateServiceAccountRequest { spec: Some(spec), ..Default::default() };
    let both = ServiceAccountSpec { access: Some(access(Role::Read)), ..scoped("w", &orders, Permission::Read) };
    let neither = ServiceAccountSpec { name: "w".to_owned(), ..ServiceAccountSpec::default() };
    for spec in [both, neither] {
        assert_refused(desk.ask(&desk.owner, &create(spec)), &Kind::InvalidArgument, "exactly one of");
    }
    assert_refused(desk.ask(&desk.owner, &create(service_account(" ", Role::Read))), &Kind::InvalidArgument, "name");

    let id = desk.service_account(scoped("worker", &orders, Permission::Write));
    assert_eq!(id.len(), 32);
    let twice = desk.ask(&desk.owner, &create(service_account("worker", Role::Read)));
    assert_refused(twice, &Kind::AlreadyExists, "already exists");
    let caller = desk.caller(&id);
    assert_eq!(principal(&caller).scope, auth::Scope::Namespace(orders.clone()));
    assert_eq!(principal(&caller).effective_role(), Some(auth::AccountRole::Read));

    let update = |spec: ServiceAccountSpec| UpdateServiceAccountRequest {
        service_account_id: id.clone(),
        spec: Some(spec),
        resource_version: account(&desk, &id).resource_version,
        async_operation_id: String::new(),
    };
    let moved = desk.ask(&desk.owner, &update(scoped("worker", &other, Permission::Write)));
    assert_refused(moved, &Kind::InvalidArgument, "scope of a service account cannot be changed");
    let widened = desk.ask(&desk.owner, &update(service_account("worker", Role::Read)));
    assert_refused(widened, &Kind::InvalidArgument, "scope of a service account cannot be changed");
    let same = desk.ask(&desk.owner, &update(scoped("worker", &orders, Permission::Write)));
    assert_refused(same, &Kind::InvalidArgument, "nothing to change");
    desk.own(&update(scoped("renamed", &orders, Permission::Read)));
    let shown = account(&desk, &id).spec.unwrap();
    assert_eq!(shown.name, "renamed");
    assert_eq!(shown.namespace_scoped_access.unwrap().access.unwrap().permission_deprecated, "read");
    let set = SetServiceAccountNamespaceAccessRequest {
        service_account_id: id.clone(),
        namespace: other,
        access: Some(permit(Permission::Read)),
        resource_version: account(&desk, &id).resource_version,
        async_operation_id: String::new(),
    };
    assert_refused(desk.ask(&desk.owner, &set), &Kind::InvalidArgument, "has its access in its spec");
    assert_eq!(desk.own(&GetServiceAccountsRequest::default()).service_account.len(), 1);
    let gone = DeleteServiceAccountRequest {
        service_account_id: id.clone(),
        resource_version: account(&desk, &id).resource_version,
        async_operation_id: String::new(),
    };
    desk.own(&gone);
    assert_eq!(desk.own(&GetServiceAccountsRequest::default()).service_account, []);
    // Its name is free again.
    desk.service_account(service_account("renamed", Role::Read));
}

#[test]
fn a_namespaces_admin_makes_service_accounts_for_it_and_for_nothing_else() {
    let desk = Desk::new();
    let developer = desk.person("dev@example.test", Role::Developer);
    let id = desk.ask(&developer, &crate::desk::create_namespace("orders")).unwrap().namespace;
    desk.work();
    let other = desk.namespace("other");
    let developer = desk.again(&developer);
    let create = |spec: ServiceAccountSpec| CreateServiceAccountRequest { spec: Some(spec), ..Default::default() };
    desk.ask(&developer, &create(scoped("worker", &id, Permission::Admin))).unwrap();
    let foreign = desk.ask(&developer, &create(scoped("w2", &other, Permission::Read)));
    assert_refused(foreign, &Kind::PermissionDenied, "Request unauthorized.");
    let wide = desk.ask(&developer, &create(service_account("w3", Role::Read)));
    assert_refused(wide, &Kind::PermissionDenied, "Request unauthorized.");
    let assigned = GetServiceAccountNamespaceAssignmentsRequest { namespace: id, ..Default::default() };
    let assigned = desk.ask(&developer, &assigned).unwrap().service_accounts;
    assert_eq!(assigned.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["worker"]);
}

#[test]
fn everybody_learns_who_they_are() {
    let desk = Desk::new();
    let machine = desk.caller(&desk.service_account(service_account("machine", Role::Read)));
    let answer = desk.ask(&machine, &GetCurrentIdentityRequest {}).unwrap();
    assert!(
        matches!(answer.principal.unwrap(), Principal::ServiceAccount(row) if row.spec.as_ref().unwrap().name == "machine")
    );
    assert_eq!(Some(answer.principal_api_key.unwrap().id), principal(&machine).api_key_id);
    let answer = desk.own(&GetCurrentIdentityRequest {});
    assert!(matches!(answer.principal.unwrap(), Principal::User(user) if user.id == desk.created.owner_id));
}

#[test]
fn lists_of_people_do_not_tell_of_namespaces_that_are_not_the_callers() {
    let desk = Desk::new();
    let (orders, billing) = (desk.namespace("orders"), desk.namespace("billing"));
    let with = |namespace: &str| {
        let mut access = access(Role::Read);
        access.namespace_accesses.insert(namespace.to_owned(), permit(Permission::Admin));
        access
    };
    let ada = desk.own(&invite("ada@example.test", Some(with(&orders)))).user_id;
    let bob = desk.own(&invite("bob@example.test", Some(with(&billing)))).user_id;
    desk.service_account(scoped("of-orders", &orders, Permission::Write));
    let of_billing = desk.service_account(scoped("of-billing", &billing, Permission::Write));
    let robot = ServiceAccountSpec { name: "robot".to_owned(), access: Some(with(&billing)), ..Default::default() };
    desk.service_account(robot);
    let caller = desk.caller(&ada);

    let told = format!("{:?}", desk.ask(&caller, &GetUsersRequest::default()).unwrap());
    assert!(told.contains(&bob) && told.contains(&orders) && !told.contains(&billing), "{told}");
    let told = format!("{:?}", desk.ask(&caller, &GetUserRequest { user_id: bob.clone() }).unwrap());
    assert!(!told.contains(&billing), "{told}");
    for namespace in [&billing, "nobody.a2dd6"] {
        let request = GetUsersRequest { namespace: namespace.to_owned(), ..Default::default() };
        assert_eq!(desk.ask(&caller, &request).unwrap().users, []);
    }
    let told = format!("{:?}", desk.ask(&caller, &GetServiceAccountsRequest::default()).unwrap());
    assert!(told.contains("of-orders") && told.contains("robot"), "{told}");
    assert!(!told.contains(&billing) && !told.contains(&of_billing), "{told}");
    assert!(format!("{:?}", desk.own(&GetUserRequest { user_id: bob })).contains(&billing));
}

#[test]
fn a_change_of_scope_is_refused_before_a_namespace_is_looked_up() {
    let desk = Desk::new();
    let (orders, billing) = (desk.namespace("orders"), desk.namespace("billing"));
    let admin = desk.service_account(scoped("admin", &orders, Permission::Admin));
    let id = desk.service_account(scoped("worker", &orders, Permission::Write));
    let caller = desk.caller(&admin);
    let mut wide = service_account("worker", Role::Read);
    wide.access.get_or_insert_default().namespace_accesses.insert(billing.clone(), permit(Permission::Read));
    let nowhere = scoped("worker", "nobody.a2dd6", Permission::Write);
    for spec in [scoped("worker", &billing, Permission::Write), nowhere, wide] {
        let request = UpdateServiceAccountRequest {
            service_account_id: id.clone(),
            spec: Some(spec),
            resource_version: account(&desk, &id).resource_version,
            async_operation_id: String::new(),
        };
        assert_refused(desk.ask(&caller, &request), &Kind::InvalidArgument, "scope of a service account");
    }
}

#[test]
fn access_is_not_set_for_a_service_account_that_its_caller_may_not_know() {
    let desk = Desk::new();
    let (orders, billing) = (desk.namespace("orders"), desk.namespace("billing"));
    let admin = desk.service_account(scoped("admin", &orders, Permission::Admin));
    let admin = desk.caller(&admin);
    let foreign = desk.service_account(scoped("worker", &billing, Permission::Write));
    let set = |id: &str| {
        let request = SetServiceAccountNamespaceAccessRequest {
            namespace: orders.clone(),
            service_account_id: id.to_owned(),
            access: Some(permit(Permission::Read)),
            resource_version: "some".to_owned(),
            ..SetServiceAccountNamespaceAccessRequest::default()
        };
        let refusal = desk.ask(&admin, &request).unwrap_err();
        (refusal.kind, refusal.message.replace(id, "…"))
    };
    assert_eq!(set(&foreign), set("nobody"));
    assert_eq!(set(&foreign).0, Kind::NotFound);
    let wide = desk.service_account(service_account("wide", Role::Read));
    assert_eq!(set(&wide).0, Kind::FailedPrecondition, "those of the account are known to everybody in it");
}
