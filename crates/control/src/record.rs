//! The stored form of everything in an account. Specs are the API's own messages in their newest form: the deprecated
//! twins of their fields are empty here and filled when they are shown.

use std::collections::BTreeMap;

use model::Time;
use proto::temporal::api::cloud::{
    account::v1::AccountSpec,
    identity::v1::{ApiKeySpec, ServiceAccountSpec, UserSpec},
    namespace::v1::NamespaceSpec,
    operation::v1::async_operation,
    resource::v1::ResourceState,
};

/// What every resource has beside its spec.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Meta {
    /// Another text after each change of the spec; never one that was used before.
    #[prost(string, tag = "1")]
    pub(crate) version: String,
    #[prost(enumeration = "ResourceState", tag = "2")]
    pub(crate) state: i32,
    /// The operation that runs on it; empty: none.
    #[prost(string, tag = "3")]
    pub(crate) operation_id: String,
    #[prost(int64, tag = "4")]
    pub(crate) created_time: i64,
    /// Zero: never.
    #[prost(int64, tag = "5")]
    pub(crate) modified_time: i64,
}

impl Meta {
    pub(crate) fn created(&self) -> Option<prost_types::Timestamp> {
        Time(self.created_time).non_zero().map(Time::to_proto)
    }

    pub(crate) fn modified(&self) -> Option<prost_types::Timestamp> {
        Time(self.modified_time).non_zero().map(Time::to_proto)
    }
}

/// The value of `ControlKey::Account`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AccountRecord {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(message, required, tag = "2")]
    pub(crate) meta: Meta,
    #[prost(message, required, tag = "3")]
    pub(crate) spec: AccountSpec,
}

/// The value of `ControlKey::Namespace`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NamespaceRecord {
    /// `<name>.<account>`.
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(message, required, tag = "2")]
    pub(crate) meta: Meta,
    #[prost(message, required, tag = "3")]
    pub(crate) spec: NamespaceSpec,
    #[prost(btree_map = "string, string", tag = "4")]
    pub(crate) tags: BTreeMap<String, String>,
}

/// The value of `ControlKey::User`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct UserRecord {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(message, required, tag = "2")]
    pub(crate) meta: Meta,
    #[prost(message, required, tag = "3")]
    pub(crate) spec: UserSpec,
    /// When the open invitation was sent; zero: there is none.
    #[prost(int64, tag = "4")]
    pub(crate) invited_time: i64,
    #[prost(int64, tag = "5")]
    pub(crate) invitation_expires: i64,
}

/// The value of `ControlKey::ServiceAccount`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ServiceAccountRecord {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(message, required, tag = "2")]
    pub(crate) meta: Meta,
    #[prost(message, required, tag = "3")]
    pub(crate) spec: ServiceAccountSpec,
}

/// The value of `ControlKey::ApiKey`. The token itself is not kept.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ApiKeyRecord {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(message, required, tag = "2")]
    pub(crate) meta: Meta,
    #[prost(message, required, tag = "3")]
    pub(crate) spec: ApiKeySpec,
    /// SHA-256 of the token.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) token_hash: Vec<u8>,
}

/// The value of `ControlKey::Operation`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct OperationRecord {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    /// The method that started it, such as `CreateNamespace`.
    #[prost(string, tag = "2")]
    pub(crate) method: String,
    /// The request, encoded.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) input: Vec<u8>,
    #[prost(enumeration = "async_operation::State", tag = "4")]
    pub(crate) state: i32,
    #[prost(string, tag = "5")]
    pub(crate) failure_reason: String,
    #[prost(int64, tag = "6")]
    pub(crate) started_time: i64,
    /// Zero: not yet.
    #[prost(int64, tag = "7")]
    pub(crate) finished_time: i64,
    #[prost(message, required, tag = "8")]
    pub(crate) principal: PrincipalRecord,
    /// The id of what it is about, by which the answer to its request is told again.
    #[prost(string, tag = "9")]
    pub(crate) subject: String,
    /// What the engine has to do for it; absent: nothing.
    #[prost(message, optional, tag = "10")]
    pub(crate) work: Option<WorkRecord>,
}

/// What an operation asks of the engine, for the namespace that is its subject.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WorkRecord {
    #[prost(enumeration = "WorkKind", tag = "1")]
    pub(crate) kind: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
pub(crate) enum WorkKind {
    Unknown = 0,
    Register = 1,
    Update = 2,
    Delete = 4,
}

/// Who did something, as it was called then.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PrincipalRecord {
    /// `user` or `serviceaccount`.
    #[prost(string, tag = "1")]
    pub(crate) kind: String,
    #[prost(string, tag = "2")]
    pub(crate) id: String,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    #[prost(string, tag = "4")]
    pub(crate) api_key_id: String,
}

/// The value of `ControlKey::SigningKey`: the public half.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SigningKeyRecord {
    #[prost(string, tag = "1")]
    pub(crate) kid: String,
    /// The uncompressed point.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) point: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(crate) added_time: i64,
}

/// The value of `ControlKey::Login`: a login code that was not used yet.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct LoginRecord {
    /// Hexadecimal SHA-256 of the code.
    #[prost(string, tag = "1")]
    pub(crate) hash: String,
    #[prost(string, tag = "2")]
    pub(crate) user_id: String,
    #[prost(int64, tag = "3")]
    pub(crate) expires_time: i64,
}

/// The value of `ControlKey::Session`: a browser that has logged in.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SessionRecord {
    /// Hexadecimal SHA-256 of what the browser keeps.
    #[prost(string, tag = "1")]
    pub(crate) hash: String,
    #[prost(string, tag = "2")]
    pub(crate) user_id: String,
    #[prost(int64, tag = "3")]
    pub(crate) expires_time: i64,
}

/// The value of `ControlKey::AuditHead`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AuditHeadRecord {
    /// How many records there are, which is the position of the last one.
    #[prost(int64, tag = "1")]
    pub(crate) count: i64,
    /// The hash of the last one; empty when there is none.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) hash: Vec<u8>,
    /// When the last one was made: times never go back along the log.
    #[prost(int64, tag = "3")]
    pub(crate) time: i64,
}

/// The value of `ControlKey::Audit`: an entry and its link in the chain.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AuditRecord {
    /// The encoded entry, byte for byte what the hash was taken over.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) entry: Vec<u8>,
    /// The hash of the record before; empty for the first.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) previous: Vec<u8>,
    /// SHA-256 over the position, the previous hash and the entry.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) hash: Vec<u8>,
}

/// One entry of the audit log.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AuditEntry {
    #[prost(int64, tag = "1")]
    pub(crate) time: i64,
    /// The event's name, such as `CreateNamespaceAPI`.
    #[prost(string, tag = "2")]
    pub(crate) operation: String,
    #[prost(string, tag = "3")]
    pub(crate) method: String,
    #[prost(bool, tag = "4")]
    pub(crate) ok: bool,
    #[prost(string, tag = "5")]
    pub(crate) id: String,
    #[prost(message, required, tag = "6")]
    pub(crate) principal: PrincipalRecord,
    /// Where the call came from.
    #[prost(string, tag = "7")]
    pub(crate) address: String,
    #[prost(string, tag = "8")]
    pub(crate) operation_id: String,
    /// What it was about: the id of a namespace, user, service account or key; empty where unknown.
    #[prost(string, tag = "9")]
    pub(crate) subject: String,
    /// Why it was refused; empty when it was not.
    #[prost(string, tag = "10")]
    pub(crate) message: String,
}
