//! What a tenant holds in the account, and the requests of the control plane that are made of it.

use prost_reflect::DynamicMessage;
use serde_json::{Value, json};

use crate::{
    Fault,
    catalog::{Catalog, Method},
    secured::{ACCOUNT, Owner, expiry, text},
};

/// A tenant in the eyes of the account.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// The namespace's full name, and without the account.
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) user_id: String,
    pub(super) email: String,
    /// A service account of the account with rights in the namespace, and its key.
    pub(super) robot_id: String,
    pub(super) key_id: String,
    /// A service account of the namespace.
    pub(super) scoped_id: String,
    /// The operation that made the user.
    pub(super) operation_id: String,
    /// The name of a new namespace.
    pub(super) wanted: String,
}

/// An id of the same form as another's, and nobody's.
fn turned(id: &str) -> String {
    let turn = |c: char| match c {
        '0'..='8' | 'a'..='e' | 'A'..='Y' | 'g'..='y' => char::from(c as u8 + 1),
        '9' => '0',
        'f' => 'a',
        'z' => 'g',
        'Z' => 'A',
        other => other,
    };
    id.chars().map(turn).collect()
}

impl Held {
    /// Makes what a tenant holds beside its namespace and its robot.
    pub(super) async fn make(owner: &Owner<'_>, name: &str, robot_id: &str, key_id: &str) -> Result<Held, Fault> {
        let namespace = format!("{name}.{ACCOUNT}");
        let email = format!("{name}@example.test");
        let rights = json!({(namespace.clone()): {"permission": "PERMISSION_ADMIN"}});
        let access = json!({"accountAccess": {"role": "ROLE_READ"}, "namespaceAccesses": rights});
        let user = owner.call("CreateUser", json!({"spec": {"email": email, "access": access}})).await?;
        let scoped = json!({"namespace": namespace, "access": {"permission": "PERMISSION_WRITE"}});
        let spec = json!({"name": format!("scoped-{name}"), "namespaceScopedAccess": scoped});
        let scoped = owner.call("CreateServiceAccount", json!({"spec": spec})).await?;
        Ok(Held {
            user_id: text(&user, "userId")?,
            operation_id: text(&user["asyncOperation"], "id")?,
            scoped_id: text(&scoped, "serviceAccountId")?,
            robot_id: robot_id.to_owned(),
            key_id: key_id.to_owned(),
            wanted: name.to_owned(),
            name: name.to_owned(),
            namespace,
            email,
        })
    }

    /// The same of nobody.
    pub(super) fn absent(&self, name: &str) -> Held {
        Held {
            namespace: format!("{name}.{ACCOUNT}"),
            name: name.to_owned(),
            email: format!("{name}@example.test"),
            wanted: name.to_owned(),
            user_id: turned(&self.user_id),
            robot_id: turned(&self.robot_id),
            key_id: turned(&self.key_id),
            scoped_id: turned(&self.scoped_id),
            operation_id: turned(&self.operation_id),
        }
    }

    /// Every value, as it can appear in an answer.
    pub(super) fn values(&self) -> Vec<String> {
        let values = [
            &self.namespace,
            &self.email,
            &self.user_id,
            &self.robot_id,
            &self.key_id,
            &self.scoped_id,
            &self.operation_id,
            &self.wanted,
            &self.name,
        ];
        values.into_iter().cloned().collect()
    }

    /// What others of the account must not be told. That there is somebody with an address or a name, they may.
    pub(super) fn secrets(&self) -> Vec<String> {
        [&self.namespace, &self.key_id, &self.scoped_id].into_iter().cloned().collect()
    }

    /// Everything that the owner sees of it.
    pub(super) async fn state(&self, owner: &Owner<'_>) -> Result<Value, Fault> {
        let asked = [
            ("GetNamespace", json!({"namespace": self.namespace})),
            ("GetUser", json!({"userId": self.user_id})),
            ("GetServiceAccount", json!({"serviceAccountId": self.robot_id})),
            ("GetServiceAccount", json!({"serviceAccountId": self.scoped_id})),
            ("GetApiKey", json!({"keyId": self.key_id})),
            ("GetApiKeys", json!({"ownerId": self.robot_id})),
            ("GetAsyncOperation", json!({"asyncOperationId": self.operation_id})),
            ("GetUserNamespaceAssignments", json!({"namespace": self.namespace})),
            ("GetServiceAccountNamespaceAssignments", json!({"namespace": self.namespace})),
        ];
        let mut state = Vec::new();
        for (rpc, request) in asked {
            state.push(owner.call(rpc, request).await?);
        }
        Ok(state.into())
    }

    /// The version of what a method would change; nobody's things have one that is as good as any.
    async fn version(&self, owner: &Owner<'_>, rpc: &str) -> Result<Value, Fault> {
        let (get, request, field) = match rpc {
            _ if rpc.contains("User") => ("GetUser", json!({"userId": self.user_id}), "user"),
            "SetServiceAccountNamespaceAccess" => {
                ("GetServiceAccount", json!({"serviceAccountId": self.robot_id}), "serviceAccount")
            }
            _ if rpc.contains("ServiceAccount") => {
                ("GetServiceAccount", json!({"serviceAccountId": self.scoped_id}), "serviceAccount")
            }
            _ if rpc.contains("ApiKey") => ("GetApiKey", json!({"keyId": self.key_id}), "apiKey"),
            _ => ("GetNamespace", json!({"namespace": self.namespace}), "namespace"),
        };
        match owner.call(get, request).await {
            Ok(mut reply) => Ok(reply[field].take()),
            Err(_) => Ok(json!({"resourceVersion": "0".repeat(32)})),
        }
    }

    /// The requests of a method in the tenant's name.
    pub(super) async fn requests(
        &self,
        owner: &Owner<'_>,
        catalog: &Catalog,
        rpc: &str,
        method: &Method,
    ) -> Result<Vec<DynamicMessage>, Fault> {
        let changes = ["Update", "Set", "Delete", "Rename"].iter().any(|verb| rpc.starts_with(verb));
        let found = if changes { self.version(owner, rpc).await? } else { Value::Null };
        let set = rpc.starts_with("SetServiceAccount") || rpc.contains("ApiKey");
        let named = json!({
            "namespace": self.namespace, "name": self.namespace, "userId": self.user_id, "email": self.email,
            "serviceAccountId": if set { &self.robot_id } else { &self.scoped_id }, "keyId": self.key_id,
            "ownerId": self.robot_id, "resourceVersion": found["resourceVersion"],
            "asyncOperationId": if rpc == "GetAsyncOperation" { json!(self.operation_id) } else { Value::Null },
            "access": {"permission": "PERMISSION_ADMIN"},
            "existingCustomSearchAttributeName": "Old", "newCustomSearchAttributeName": "New",
        });
        let mut request = json!({});
        for field in method.input.fields().filter(|field| !field.is_list() && !field.is_map()) {
            let value = &named[field.json_name()];
            let is_message = field.kind().as_message().is_some();
            if !value.is_null() && is_message == value.is_object() {
                request[field.json_name()] = value.clone();
            }
        }
        let specs = self.specs(rpc, &found);
        let mut requests = Vec::new();
        for spec in specs {
            if !spec.is_null() {
                request["spec"] = spec;
            }
            let body = catalog.encode(method, &request)?;
            requests.push(DynamicMessage::decode(method.input.clone(), body)?);
        }
        Ok(requests)
    }

    /// What is asked for, in each of the forms that a method knows; null where it asks for nothing.
    fn specs(&self, rpc: &str, found: &Value) -> Vec<Value> {
        let admin = json!({"permission": "PERMISSION_ADMIN"});
        let access = json!({
            "accountAccess": {"role": "ROLE_READ"}, "namespaceAccesses": {(self.namespace.clone()): admin},
        });
        let scoped = json!({"namespace": self.namespace, "access": admin});
        match rpc {
            "CreateNamespace" => vec![json!({
                "name": self.wanted, "regions": ["local"], "retentionDays": 1, "apiKeyAuth": {"enabled": true},
            })],
            "UpdateNamespace" => {
                // What an earlier request has put there is left behind, and something is always new.
                let days = if found["spec"]["retentionDays"].as_i64() == Some(7) { 8 } else { 7 };
                let mut spec = json!({
                    "name": self.name, "regions": ["local"], "apiKeyAuth": {"enabled": true}, "retentionDays": days,
                });
                if !found["spec"]["mtlsAuth"].is_null() {
                    let authority = &found["spec"]["mtlsAuth"]["acceptedClientCa"];
                    spec["mtlsAuth"] = json!({"enabled": true, "acceptedClientCa": authority});
                }
                vec![spec]
            }
            "CreateUser" | "UpdateUser" => vec![json!({"email": self.email, "access": access})],
            "CreateServiceAccount" | "UpdateServiceAccount" => vec![
                json!({
                    "name": format!("scoped-{}", self.wanted), "namespaceScopedAccess": scoped,
                    "description": self.wanted,
                }),
                json!({"name": format!("robot-{}", self.wanted), "access": access}),
            ],
            "CreateApiKey" | "UpdateApiKey" => vec![json!({
                "ownerId": self.robot_id, "ownerType": "OWNER_TYPE_SERVICE_ACCOUNT", "displayName": self.name,
                "expiryTime": expiry(),
            })],
            _ => vec![Value::Null],
        }
    }

    /// What the tenant holds for a place that its own request leaves empty, by the name of the field.
    pub(super) fn value(&self, place: &str) -> &str {
        let leaf = place.rsplit('.').next().unwrap_or(place);
        match leaf {
            _ if leaf.contains("user_id") => &self.user_id,
            _ if leaf.contains("service_account_id") => &self.scoped_id,
            "owner_id" => &self.robot_id,
            _ if leaf.contains("key_id") => &self.key_id,
            "async_operation_id" => &self.operation_id,
            "email" => &self.email,
            _ => &self.namespace,
        }
    }
}
