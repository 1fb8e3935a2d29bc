//! Every method of every served service, for every role: the wire says what the tables say.

use auth::{Access, Reach, permission};
use prost::Message;
use prost_reflect::{MethodDescriptor, Value};
use proto::temporal::api::cloud::identity::v1::{account_access::Role, namespace_access::Permission};
use tonic::{Code, codegen::http::Method};

use crate::{
    http,
    pki::{Authority, GOOD},
    raw::{self, Client, LONG},
    world::{Account, World},
};

const SERVICES: [&str; 2] =
    ["temporal.api.workflowservice.v1.WorkflowService", "temporal.api.operatorservice.v1.OperatorService"];

/// What somebody holds in the namespace that is called, and whether they hold anything anywhere.
struct Somebody {
    name: &'static str,
    shown: Client,
    held: Option<Access>,
    holds_anything: bool,
}

async fn everybody(world: &World, authority: &Authority, bank: &str, shop: &str) -> Vec<Somebody> {
    let leaf = authority.client("worker", GOOD);
    let mut all = Vec::new();
    let open = |certificate: bool| world.channel(world.data, certificate.then_some(&leaf));
    let shown = |key: String, certificate| Client {
        channel: open(certificate),
        key,
        namespace: bank.to_owned(),
        patience: LONG,
    };
    let mut add = |name, shown, held, holds_anything| all.push(Somebody { name, shown, held, holds_anything });
    add("owner", shown(world.owner_key.clone(), false), Some(Access::Admin), true);
    add("certificate", shown(String::new(), true), Some(Access::Admin), true);
    let rights = [
        ("reader", vec![(bank, Permission::Read)], Some(Access::Read)),
        ("writer", vec![(bank, Permission::Write)], Some(Access::Write)),
        ("administrator", vec![(bank, Permission::Admin)], Some(Access::Admin)),
        ("neighbour", vec![(shop, Permission::Admin)], None),
        ("newcomer", vec![], None),
    ];
    for (name, rights, held) in rights {
        let (key, _) = world.robot(name, &rights).await;
        add(name, shown(key, false), held, !rights.is_empty());
    }
    for (name, role) in [("developer", Role::Developer), ("financier", Role::FinanceAdmin)] {
        add(name, shown(world.robot_as(name, role, &[]).await.0, false), None, false);
    }
    let key = world.robot_as("global administrator", Role::Admin, &[]).await.0;
    add("global administrator", shown(key, false), Some(Access::Admin), true);
    all
}

#[tokio::test]
async fn the_data_plane_lets_everybody_do_what_the_table_says() {
    let world = Account::new().serve().await;
    let authority = Authority::new("clients of the bank");
    let bank = world.namespace("bank", Some(&authority)).await;
    let shop = world.namespace("shop", None).await;
    let everybody = everybody(&world, &authority, &bank, &shop).await;
    let anonymous = Client {
        channel: world.channel(world.data, None),
        key: String::new(),
        namespace: bank.clone(),
        patience: LONG,
    };
    let pool = raw::pool();
    let mut walked = 0;
    for service in SERVICES {
        for method in pool.get_service_by_name(service).unwrap().methods() {
            let path = raw::path(&method);
            let request = raw::request(&method, &[("namespace", Value::String(bank.clone()))]).encode_to_vec();
            let needed = permission(&path).unwrap();
            let code = anonymous.code(&path, request.clone()).await;
            assert_eq!(
                code != Code::Unauthenticated,
                needed.access == Access::Open,
                "{path} for an anonymous caller: {code:?}"
            );
            if !frontend::is_served(&path) {
                let code = everybody[0].shown.code(&path, request).await;
                assert_eq!(code, Code::Unimplemented, "{path}");
                continue;
            }
            for somebody in &everybody {
                let held = match needed.reach {
                    Reach::Namespace => somebody.held,
                    Reach::Cluster => somebody.holds_anything.then_some(Access::Admin),
                };
                let may = needed.access == Access::Open || (needed.tenants && held >= Some(needed.access));
                let code = somebody.shown.code(&path, request.clone()).await;
                assert_eq!(code != Code::PermissionDenied, may, "{path} for the {}: {code:?}", somebody.name);
                assert_ne!(code, Code::Unauthenticated, "{path} for the {}", somebody.name);
                walked += 1;
            }
        }
    }
    assert!(walked > 400, "{walked} calls");
}

/// Methods for the roles beside Owner and Global Admin, as the service's documentation has them; who is not named here
/// may use what the resource gives.
#[rustfmt::skip]
const ADMINS_ONLY: &[&str] = &[
    "CreateUser", "UpdateUser", "DeleteUser", "CreateUserGroup", "UpdateUserGroup", "DeleteUserGroup",
    "AddUserGroupMember", "RemoveUserGroupMember", "CreateConnectivityRule", "DeleteConnectivityRule",
    "UpdateAccount", "UpdateNamespaceTags", "CreateAccountAuditLogSink", "GetAccountAuditLogSink",
    "GetAccountAuditLogSinks", "UpdateAccountAuditLogSink", "DeleteAccountAuditLogSink",
    "ValidateAccountAuditLogSink", "GetAuditLogs",
];
#[rustfmt::skip]
const EVERYBODYS: &[&str] = &[
    "GetAccount", "GetAsyncOperation", "GetCurrentIdentity", "GetNamespaces", "GetNexusEndpoint", "GetNexusEndpoints",
    "GetRegion", "GetRegions", "GetUser", "GetUsers", "GetUserGroup", "GetUserGroups", "GetUserGroupMembers",
];
const NOT_READERS: &[&str] = &["CreateNamespace", "GetConnectivityRule", "GetConnectivityRules"];

/// Whether a role may use a method on something that isn't there; `None`: the documentation does not say it by role.
fn may(role: Role, method: &str) -> Option<bool> {
    match role {
        Role::Owner | Role::Admin => Some(true),
        _ if ADMINS_ONLY.contains(&method) => Some(false),
        _ if EVERYBODYS.contains(&method) => Some(true),
        Role::Developer if NOT_READERS.contains(&method) => Some(true),
        Role::Read | Role::FinanceAdmin if NOT_READERS.contains(&method) => Some(false),
        _ => None,
    }
}

#[tokio::test]
async fn the_control_plane_lets_every_role_do_what_the_table_says_by_grpc_and_by_path() {
    let world = Account::new().serve().await;
    let mut keys = vec![(Role::Owner, world.owner_key.clone())];
    for (name, role) in [
        ("admin", Role::Admin),
        ("developer", Role::Developer),
        ("financier", Role::FinanceAdmin),
        ("reader", Role::Read),
    ] {
        keys.push((role, world.robot_as(name, role, &[]).await.0));
    }
    let channel = world.channel(world.cloud, None);
    let pool = raw::pool();
    let service = pool.get_service_by_name("temporal.api.cloud.cloudservice.v1.CloudService").unwrap();
    for method in service.methods() {
        let anonymous =
            Client { channel: channel.clone(), key: String::new(), namespace: String::new(), patience: LONG };
        let code = anonymous.code(&raw::path(&method), Vec::new()).await;
        assert_eq!(code, Code::Unauthenticated, "{}", method.name());
        assert_eq!(by_path(&world, &method, "").await, Code::Unauthenticated, "{}", method.name());
        for (role, key) in &keys {
            let shown = Client { channel: channel.clone(), key: key.clone(), namespace: String::new(), patience: LONG };
            let code = by_grpc(&shown, &method).await;
            let same = by_path(&world, &method, key).await;
            // A request without its fields is refused by either; what counts is whether it was let in.
            let name = method.name();
            let is_denied = [code, same].map(|code| code == Code::PermissionDenied);
            assert_eq!(is_denied[0], is_denied[1], "{name} for {role:?}: {code:?} and {same:?}");
            assert_ne!(code, Code::Unauthenticated, "{name} for {role:?}");
            if code != Code::Unimplemented
                && let Some(may) = may(*role, name)
            {
                assert_eq!(!is_denied[0], may, "{name} for {role:?}: {code:?}");
            }
        }
    }
}

/// The answer to a request whose ids name nothing.
async fn by_grpc(shown: &Client, method: &MethodDescriptor) -> Code {
    let nothing = Value::String("nothing".to_owned());
    let names: Vec<_> = method.input().fields().map(|field| field.name().to_owned()).collect();
    let fields: Vec<_> = names.iter().filter(|name| is_id(name)).map(|name| (name.as_str(), nothing.clone())).collect();
    let request = raw::request(method, &fields).encode_to_vec();
    patiently(async || shown.code(&raw::path(method), request.clone()).await).await
}

/// Whether a field names what a call is about, so that it stands in the path.
fn is_id(name: &str) -> bool {
    name != "async_operation_id" && (name.ends_with("_id") || ["namespace", "region", "name"].contains(&name))
}

async fn by_path(world: &World, method: &MethodDescriptor, key: &str) -> Code {
    let (verb, path) = frontend::http_path(method.name()).unwrap();
    let path: Vec<_> = path.split('/').map(|part| if part.starts_with('{') { "nothing" } else { part }).collect();
    let bearer = format!("Bearer {key}");
    let headers = [("Authorization", bearer.as_str())];
    let headers = if key.is_empty() { &headers[..0] } else { &headers[..] };
    let body = if verb == Method::POST { "{}" } else { "" };
    patiently(async || {
        let (status, answer) = http::ask(world, verb.as_str(), &path.join("/"), headers, body).await;
        if status == 200 { Code::Ok } else { Code::from_i32(answer["code"].as_i64().unwrap().try_into().unwrap()) }
    })
    .await
}

/// Asks again while there is too much of it.
async fn patiently(call: impl AsyncFn() -> Code) -> Code {
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
    loop {
        ticks.tick().await;
        let code = call().await;
        if code != Code::ResourceExhausted {
            return code;
        }
    }
}
