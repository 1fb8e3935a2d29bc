//! Namespaces: their stored records, and the table of them that every call is resolved against.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{Namespace, NamespaceId};
use proto::temporal::api::enums::v1::{IndexedValueType, NamespaceState};

/// A namespace as it is stored.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NamespaceRecord {
    /// Sixteen bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    #[prost(string, tag = "2")]
    pub name: String,
    /// A `NamespaceState`.
    #[prost(enumeration = "NamespaceState", tag = "3")]
    pub state: i32,
    #[prost(string, tag = "4")]
    pub description: String,
    #[prost(string, tag = "5")]
    pub owner_email: String,
    /// What its owner notes; it means nothing here.
    #[prost(btree_map = "string, string", tag = "6")]
    pub data: BTreeMap<String, String>,
    /// How long closed runs are kept, in nanoseconds.
    #[prost(int64, tag = "7")]
    pub retention_ns: i64,
    /// Custom search attributes: name to `IndexedValueType`.
    #[prost(btree_map = "string, int32", tag = "8")]
    pub search_attributes: BTreeMap<String, i32>,
    /// Rises by one with each change.
    #[prost(int64, tag = "9")]
    pub version: i64,
    /// Nanoseconds since the Unix epoch.
    #[prost(int64, tag = "10")]
    pub create_time: i64,
    #[prost(enumeration = "proto::temporal::api::enums::v1::ArchivalState", tag = "11")]
    pub history_archival_state: i32,
    #[prost(string, tag = "12")]
    pub history_archival_uri: String,
    #[prost(enumeration = "proto::temporal::api::enums::v1::ArchivalState", tag = "13")]
    pub visibility_archival_state: i32,
    #[prost(string, tag = "14")]
    pub visibility_archival_uri: String,
    #[prost(bool, tag = "15")]
    pub is_global: bool,
    /// Builds of workers that get no workflow tasks, by their checksums.
    #[prost(btree_map = "string, message", tag = "16")]
    pub bad_binaries: BTreeMap<String, proto::temporal::api::namespace::v1::BadBinaryInfo>,
    /// Why and by whom a deleted namespace was called before; empty otherwise.
    #[prost(string, tag = "17")]
    pub name_before_delete: String,
}

impl NamespaceRecord {
    /// The id, or the nil one where the record is damaged.
    pub fn namespace_id(&self) -> NamespaceId {
        NamespaceId::from_slice(&self.id).unwrap_or_default()
    }

    /// What a call in this namespace has to know of it.
    pub fn snapshot(&self) -> Namespace {
        let typed =
            |(name, kind): (&String, &i32)| IndexedValueType::try_from(*kind).ok().map(|kind| (name.clone(), kind));
        Namespace {
            id: self.namespace_id(),
            name: self.name.as_str().into(),
            state: self.state(),
            retention: Duration::from_nanos(u64::try_from(self.retention_ns).unwrap_or(0)),
            search_attributes: Arc::new(self.search_attributes.iter().filter_map(typed).collect()),
        }
    }
}

/// All namespaces, as of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamespaceTable {
    records: BTreeMap<NamespaceId, (Arc<NamespaceRecord>, Arc<Namespace>)>,
    names: BTreeMap<String, NamespaceId>,
    pairs: Arc<[(String, NamespaceId)]>,
}

impl NamespaceTable {
    /// The record as it is stored, and what steps and doors need of it.
    pub fn by_name(&self, name: &str) -> Option<(&Arc<NamespaceRecord>, &Arc<Namespace>)> {
        self.names.get(name).and_then(|id| self.by_id(*id))
    }

    /// As `by_name`.
    pub fn by_id(&self, id: NamespaceId) -> Option<(&Arc<NamespaceRecord>, &Arc<Namespace>)> {
        self.records.get(&id).map(|(record, namespace)| (record, namespace))
    }

    /// In the order of their ids.
    pub fn records(&self) -> impl Iterator<Item = &Arc<NamespaceRecord>> {
        self.records.values().map(|(record, _)| record)
    }

    /// Name and id of each, for commands that name another namespace.
    pub(crate) fn pairs(&self) -> Arc<[(String, NamespaceId)]> {
        self.pairs.clone()
    }

    /// Adds a namespace, or replaces the record of the same id, also under another name.
    pub(crate) fn put(&mut self, record: NamespaceRecord) {
        let id = record.namespace_id();
        self.remove(id);
        self.names.insert(record.name.clone(), id);
        let snapshot = Arc::new(record.snapshot());
        self.records.insert(id, (Arc::new(record), snapshot));
        self.renew_pairs();
    }

    /// Removes a namespace, if it is there.
    pub(crate) fn remove(&mut self, id: NamespaceId) {
        if let Some((record, _)) = self.records.remove(&id) {
            self.names.remove(&record.name);
        }
        self.renew_pairs();
    }

    fn renew_pairs(&mut self) {
        self.pairs = self.names.iter().map(|(name, id)| (name.clone(), *id)).collect();
    }
}
