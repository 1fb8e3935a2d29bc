//! `Engine`: a `Node` with a clock, a store and callers.
//!
//! A call locks the node for the microseconds of its steps and then awaits its answer; one thread writes commits, merging
//! all that wait; reads have threads of their own.

use std::sync::Arc;

use bytes::Bytes;
use model::{Limits, Reject, Time, TokenKey};
use store::{
    Store, StoreError,
    visibility::{Query, QueryPage, Value},
};

use crate::{Answer, HistoryRange, NamespaceTable, Request};

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many shards the data has. Fixed when the store is first used: the stored number wins later.
    pub shards: u32,
    pub limits: Arc<Limits>,
}

/// A running engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    limits: Arc<Limits>,
}

impl Engine {
    /// Takes all shards of the store and is ready for calls.
    ///
    /// # Errors
    /// When the storage fails or is in a newer format.
    pub fn open(store: Arc<dyn Store>, config: Config) -> Result<Self, StoreError> {
        todo!()
    }

    /// Asks the engine; the answer comes when all it tells of is durable. Dropping the future takes a poll or a wait back.
    ///
    /// # Errors
    /// The refusal as the caller shall see it.
    pub async fn call(&self, request: Request) -> Result<Answer, Reject> {
        todo!()
    }

    /// The events of a range as encoded `History` messages: decoded one after the other they are its events in order.
    /// The first may begin before `range.from`, and the last may end after `range.before`: batches come whole.
    /// At most `max_events` events beyond which it stops at the end of a batch.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub async fn read_history(&self, range: &HistoryRange, max_events: usize) -> Result<Vec<Bytes>, Reject> {
        todo!()
    }

    /// A page of a list.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub async fn list(&self, query: Query) -> Result<QueryPage, Reject> {
        todo!()
    }

    /// Counts by group.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub async fn count(&self, query: Query) -> Result<Vec<(Vec<Value>, i64)>, Reject> {
        todo!()
    }

    /// The namespaces as of the last durable change.
    pub fn namespaces(&self) -> Arc<NamespaceTable> {
        todo!()
    }

    pub fn limits(&self) -> &Arc<Limits> {
        &self.inner.limits
    }

    /// The wall clock that the engine goes by.
    pub fn now(&self) -> Time {
        todo!()
    }

    /// What task tokens are sealed with; kept in the store.
    pub fn token_key(&self) -> &TokenKey {
        todo!()
    }

    /// The id that this cluster got when its store was made.
    pub fn cluster_id(&self) -> &str {
        todo!()
    }

    /// Lets waiting polls return empty, refuses new calls as unavailable, and returns when all commits are durable.
    pub async fn shutdown(&self) {
        todo!()
    }
}
