//! The same on the control plane: two service accounts, each of one namespace, and every id of the one put in every
//! place of the other's calls. The account is asked without its port, whose rates are no matter of this.

use std::sync::Arc;

use auth::{Caller, Credentials, Policy};
use bytes::Bytes;
use control::RequestContext;
use model::{Plane, Reject};
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MethodDescriptor, Value};
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        CreateApiKeyRequest, CreateApiKeyResponse, CreateNamespaceResponse, CreateServiceAccountRequest,
        CreateServiceAccountResponse, GetApiKeyRequest, GetNamespaceRequest, GetServiceAccountRequest,
    },
    identity::v1::{
        ApiKeySpec, NamespaceAccess, NamespaceScopedAccess, OwnerType, ServiceAccountSpec, namespace_access::Permission,
    },
    namespace::v1::CodecServerSpec,
};

use crate::{
    raw,
    substitution::{places, put},
    world::{Account, create_namespace},
};

const SERVICE: &str = "temporal.api.cloud.cloudservice.v1.CloudService";
/// What stands in what the neighbour made and nowhere else.
const SECRET: &str = "secret-of-shop";

/// Where an id may be told from one that isn't there: operations and principals are the account's, and who
/// administrates a namespace may let any of them in.
const KNOWN_IN_THE_ACCOUNT: [(&str, &str); 1] = [("SetServiceAccountNamespaceAccess", "service_account_id")];

/// A service account that is the administrator of one namespace.
struct Tenant {
    caller: Caller,
    namespace: String,
    service_account_id: String,
    key_id: String,
    operation_id: String,
}

fn ask<A: Message + Default>(account: &Account, caller: &Caller, method: &str, request: &impl Message) -> A {
    A::decode(answer(account, caller, method, &request.encode_to_vec()).unwrap()).unwrap()
}

fn answer(account: &Account, caller: &Caller, method: &str, request: &[u8]) -> Result<Bytes, Reject> {
    let request_context = RequestContext { at: account.now_and_seed(), address: "192.0.2.7".to_owned() };
    account.control.call(caller, &request_context, method, request)
}

fn caller(account: &Account, key: &str) -> Caller {
    let policy = Policy::secured(Arc::new(account.control.clone()));
    let header = format!("Bearer {key}");
    let credentials = Credentials { plane: Plane::Control, authorization: Some(&header), ..Default::default() };
    policy.identify(&credentials, account.now_and_seed().now).unwrap()
}

impl Tenant {
    fn new(account: &Account, owner: &Caller, name: &str) -> Self {
        let secret = format!("secret-of-{name}");
        let mut request = create_namespace(name, None);
        request.spec.as_mut().unwrap().codec_server =
            Some(CodecServerSpec { endpoint: format!("https://{secret}.test"), ..Default::default() });
        let made: CreateNamespaceResponse = ask(account, owner, "CreateNamespace", &request);
        let access = NamespaceScopedAccess {
            namespace: made.namespace.clone(),
            access: Some(NamespaceAccess { permission: Permission::Admin.into(), ..Default::default() }),
        };
        let spec = ServiceAccountSpec {
            name: name.to_owned(),
            description: secret.clone(),
            namespace_scoped_access: Some(access),
            ..Default::default()
        };
        let request = CreateServiceAccountRequest { spec: Some(spec), ..Default::default() };
        let robot: CreateServiceAccountResponse = ask(account, owner, "CreateServiceAccount", &request);
        let expires = account.now_and_seed().now + std::time::Duration::from_secs(30 * 86_400);
        let spec = ApiKeySpec {
            owner_id: robot.service_account_id.clone(),
            owner_type: OwnerType::ServiceAccount.into(),
            display_name: name.to_owned(),
            description: secret,
            expiry_time: Some(expires.to_proto()),
            ..Default::default()
        };
        let request = CreateApiKeyRequest { spec: Some(spec), ..Default::default() };
        let key: CreateApiKeyResponse = ask(account, owner, "CreateApiKey", &request);
        while let Some(job) = account.control.next_job() {
            account.control.finish(&account.now_and_seed(), &job.operation_id, Ok(())).unwrap();
        }
        Self {
            caller: caller(account, &key.token),
            namespace: made.namespace,
            service_account_id: robot.service_account_id,
            key_id: key.key_id,
            operation_id: made.async_operation.unwrap().id,
        }
    }

    /// All that there is to be changed, as the owner sees it.
    fn all(&self, account: &Account, owner: &Caller) -> [Bytes; 3] {
        let namespace = GetNamespaceRequest { namespace: self.namespace.clone() };
        let robot = GetServiceAccountRequest { service_account_id: self.service_account_id.clone() };
        let key = GetApiKeyRequest { key_id: self.key_id.clone() };
        [
            ("GetNamespace", namespace.encode_to_vec()),
            ("GetServiceAccount", robot.encode_to_vec()),
            ("GetApiKey", key.encode_to_vec()),
        ]
        .map(|(method, request)| answer(account, owner, method, &request).unwrap())
    }

    /// A call about what is the tenant's own.
    fn base(&self, method: &MethodDescriptor) -> DynamicMessage {
        let text = |text: &str| Value::String(text.to_owned());
        let own = [
            ("namespace", text(&self.namespace)),
            ("service_account_id", text(&self.service_account_id)),
            ("key_id", text(&self.key_id)),
            ("resource_version", text("1")),
        ];
        raw::request(method, &own)
    }

    fn ids(&self) -> [String; 4] {
        [&self.namespace, &self.service_account_id, &self.key_id, &self.operation_id].map(Clone::clone)
    }
}

/// Ids of the same form that are nobody's.
fn nobodys() -> [String; 4] {
    let id = "0123456789abcdef0123456789abcdef";
    ["nobody.a2dd6", id, id, "01a20485-6c98-7b69-b75a-b25c51883b9d"].map(str::to_owned)
}

#[tokio::test]
async fn no_id_of_a_neighbour_opens_anything_of_the_neighbour() {
    let account = Account::new();
    let owner = caller(&account, &account.owner_key);
    let (own, theirs) = (Tenant::new(&account, &owner, "bank"), Tenant::new(&account, &owner, "shop"));
    let before = theirs.all(&account, &owner);
    let mut calls = 0;
    for method in raw::pool().get_service_by_name(SERVICE).unwrap().methods() {
        for place in places(&method.input(), &[]) {
            if !matches!(place.last().map(FieldDescriptor::kind), Some(Kind::String)) {
                continue;
            }
            for (theirs, nobodys) in theirs.ids().into_iter().zip(nobodys()) {
                let told = [theirs, nobodys].map(|id| {
                    let mut request = own.base(&method);
                    put(&mut request, &place, Value::String(id.clone()));
                    format_answer(answer(&account, &own.caller, method.name(), &request.encode_to_vec()), &id)
                });
                calls += 2;
                let names: Vec<_> = place.iter().map(FieldDescriptor::name).collect();
                let call = format!("{} with another's {}", method.name(), names.join("."));
                assert!(!told[0].contains(SECRET), "{call} tells a secret: {}", told[0]);
                if !KNOWN_IN_THE_ACCOUNT.contains(&(method.name(), names[0])) && names[0] != "async_operation_id" {
                    assert_eq!(told[0], told[1], "{call}");
                }
            }
        }
    }
    assert!(calls > 2_000, "{calls} calls");
    assert_eq!(theirs.all(&account, &owner), before);
}

/// What an answer says without the id that was put in; of a success only that it was one, and what it tells of others.
fn format_answer(answer: Result<Bytes, Reject>, id: &str) -> String {
    match answer {
        Ok(bytes) if bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) => SECRET.to_owned(),
        Ok(_) => "fine".to_owned(),
        Err(reject) => format!("{:?}: {}", reject.kind, reject.message).replace(id, "…"),
    }
}
