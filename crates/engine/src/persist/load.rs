//! Reading a run back from its rows.

use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, Vector};
use machine::{Attributes, Core, Requests, Run};
use model::{NamespaceId, RunId, RunKey, WorkflowKey};
use prost::Message;
use proto::temporal::api::history::v1::{History, HistoryEvent, history_event};
use store::{Key, StoreError, key::OwnedKey, record::decode};

use super::{RequestRecord, RunKeyRecord, attributes};

/// The run whose rows these are. `first_history` is the first batch of its history.
///
/// # Errors
/// `Unusable` when a row is damaged, missing or of a newer format.
pub(crate) fn load(run_id: RunId, rows: Vec<(Vec<u8>, Bytes)>, first_history: Bytes) -> Result<Run, StoreError> {
    let missing = |what: &str| StoreError::Unusable(format!("run {run_id} has no stored {what}"));
    let mut key = None;
    let mut core = None;
    let mut run = Run {
        key: Arc::new(RunKey { workflow: WorkflowKey::new(NamespaceId::default(), ""), run_id }),
        origin: Arc::new(origin(run_id, first_history)?),
        core: Core::default(),
        attributes: Arc::new(Attributes::default()),
        activities: OrdMap::new(),
        timers: OrdMap::new(),
        children: OrdMap::new(),
        external_signals: OrdMap::new(),
        external_cancels: OrdMap::new(),
        buffered: Vector::new(),
        requests: Requests::default(),
        updates: OrdMap::new(),
        pending_updates: Vector::new(),
        aborted_updates: Vector::new(),
        started_task: None,
    };
    let mut requests = Vec::new();
    for (bytes, value) in rows {
        match Key::decode(&bytes)? {
            OwnedKey::Run(_) => core = Some(decode::<Core>(value)?),
            OwnedKey::RunKey(_) => key = Some(decode::<RunKeyRecord>(value)?),
            OwnedKey::Attributes(_) => run.attributes = attributes::decode(value, &run.origin)?,
            OwnedKey::Activity(_, id) => drop(run.activities.insert(id, Arc::new(decode(value)?))),
            OwnedKey::Timer(_, id) => drop(run.timers.insert(Arc::from(id.as_str()), Arc::new(decode(value)?))),
            OwnedKey::Child(_, id) => drop(run.children.insert(id, Arc::new(decode(value)?))),
            OwnedKey::ExternalSignal(_, id) => drop(run.external_signals.insert(id, Arc::new(decode(value)?))),
            OwnedKey::ExternalCancel(_, id) => drop(run.external_cancels.insert(id, Arc::new(decode(value)?))),
            OwnedKey::Buffered(..) => run.buffered.push_back(Arc::new(event(run_id, value)?)),
            OwnedKey::Request(_, id) => {
                let RequestRecord { place, run_id } = decode(value)?;
                requests.push((place, id, run_id));
            }
            OwnedKey::Update(_, id) => drop(run.updates.insert(Arc::from(id.as_str()), Arc::new(decode(value)?))),
            OwnedKey::Cluster
            | OwnedKey::Clock
            | OwnedKey::Namespace(_)
            | OwnedKey::Current { .. }
            | OwnedKey::History(..)
            | OwnedKey::Job(_)
            | OwnedKey::Wake(..)
            | OwnedKey::Task { .. }
            | OwnedKey::Outbox(..)
            | OwnedKey::Control(_) => return Err(missing("row under this key")),
        }
    }
    requests.sort_by_key(|(place, ..)| *place);
    for (_, id, run_id) in requests {
        match run_id.as_str() {
            "" => run.requests.insert(&id),
            run_id => run.requests.insert_earlier(&id, Arc::from(run_id)),
        }
    }
    run.core = core.ok_or_else(|| missing("core"))?;
    let key = key.ok_or_else(|| missing("key"))?;
    let namespace = NamespaceId::from_slice(&key.namespace_id).ok_or_else(|| missing("namespace id"))?;
    run.key = Arc::new(RunKey { workflow: WorkflowKey::new(namespace, &key.workflow_id), run_id });
    Ok(run)
}

fn event(run_id: RunId, bytes: Bytes) -> Result<HistoryEvent, StoreError> {
    HistoryEvent::decode(bytes)
        .map_err(|error| StoreError::Unusable(format!("a buffered event of run {run_id} is damaged: {error}")))
}

/// The first event of the history, which must be the start.
///
/// # Errors
/// `Unusable` when it is not, or when the batch is damaged.
pub(super) fn origin(run_id: RunId, first_history: Bytes) -> Result<HistoryEvent, StoreError> {
    let damaged = |why: &str| StoreError::Unusable(format!("the history of run {run_id} {why}"));
    let history = History::decode(first_history).map_err(|error| damaged(&format!("is damaged: {error}")))?;
    let first = history.events.into_iter().next().ok_or_else(|| damaged("is empty"))?;
    match first.attributes {
        Some(history_event::Attributes::WorkflowExecutionStartedEventAttributes(_)) => Ok(first),
        _ => Err(damaged("does not begin with the start of the run")),
    }
}
