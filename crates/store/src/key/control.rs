//! The rows of an account: what the control plane keeps. They stand in a shard of their own.

use super::{
    codec::{Decoder, Encoder},
    tag,
};
use crate::StoreError;

/// A row of the account. Every value but that of `AuditHead` and `Audit`, which say so, is a record of `control`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ControlKey {
    /// The account itself. There is at most one in a store.
    Account,
    /// By `<name>.<account>`.
    Namespace(String),
    /// By user id.
    User(String),
    /// By service account id.
    ServiceAccount(String),
    /// By key id, which is the token's `jti`.
    ApiKey(String),
    /// An asynchronous operation, by its id.
    Operation(String),
    /// The public half of a key that API keys are signed with, by its `kid`.
    SigningKey(String),
    /// A one-time login code, by the hex of its hash.
    Login(String),
    /// A browser that has logged in, by the hex of the hash of what it keeps.
    Session(String),
    /// How many audit records there are, and the hash of the last one. Value: record.
    AuditHead,
    /// By position in the log, from 1. Value: record, linked to the one before by its hash.
    Audit(i64),
}

impl ControlKey {
    /// What every row of the account begins with, in the order of the variants: the audit log comes last.
    pub fn prefix() -> Vec<u8> {
        vec![tag::CONTROL]
    }

    /// What every audit record begins with.
    pub fn audit_prefix() -> Vec<u8> {
        vec![tag::CONTROL, row::AUDIT]
    }

    pub(super) fn encode(&self) -> Encoder {
        let of = |row| Encoder::new(tag::CONTROL).byte(row);
        match self {
            ControlKey::Account => of(row::ACCOUNT),
            ControlKey::Namespace(id) => of(row::NAMESPACE).text(id),
            ControlKey::User(id) => of(row::USER).text(id),
            ControlKey::ServiceAccount(id) => of(row::SERVICE_ACCOUNT).text(id),
            ControlKey::ApiKey(id) => of(row::API_KEY).text(id),
            ControlKey::Operation(id) => of(row::OPERATION).text(id),
            ControlKey::SigningKey(id) => of(row::SIGNING_KEY).text(id),
            ControlKey::Login(hash) => of(row::LOGIN).text(hash),
            ControlKey::Session(hash) => of(row::SESSION).text(hash),
            ControlKey::AuditHead => of(row::AUDIT_HEAD),
            ControlKey::Audit(position) => of(row::AUDIT).i64(*position),
        }
    }

    /// The key behind its tag byte.
    pub(super) fn decode(fields: &mut Decoder<'_>) -> Result<Self, StoreError> {
        Ok(match fields.byte()? {
            row::ACCOUNT => ControlKey::Account,
            row::NAMESPACE => ControlKey::Namespace(fields.text()?),
            row::USER => ControlKey::User(fields.text()?),
            row::SERVICE_ACCOUNT => ControlKey::ServiceAccount(fields.text()?),
            row::API_KEY => ControlKey::ApiKey(fields.text()?),
            row::OPERATION => ControlKey::Operation(fields.text()?),
            row::SIGNING_KEY => ControlKey::SigningKey(fields.text()?),
            row::LOGIN => ControlKey::Login(fields.text()?),
            row::SESSION => ControlKey::Session(fields.text()?),
            row::AUDIT_HEAD => ControlKey::AuditHead,
            row::AUDIT => ControlKey::Audit(fields.i64()?),
            _ => return Err(fields.damaged()),
        })
    }
}

/// The second tag of the account's rows. They are the file format: never reuse one.
mod row {
    pub(super) const ACCOUNT: u8 = 0x01;
    pub(super) const NAMESPACE: u8 = 0x02;
    pub(super) const USER: u8 = 0x03;
    pub(super) const SERVICE_ACCOUNT: u8 = 0x04;
    pub(super) const API_KEY: u8 = 0x05;
    pub(super) const OPERATION: u8 = 0x06;
    pub(super) const SIGNING_KEY: u8 = 0x07;
    pub(super) const LOGIN: u8 = 0x08;
    pub(super) const SESSION: u8 = 0x09;
    pub(super) const AUDIT_HEAD: u8 = 0x0e;
    pub(super) const AUDIT: u8 = 0x0f;
}
