//! What the engine has to do for an operation: given out once, done by somebody else, reported back.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::Reject;
use proto::temporal::api::{
    cloud::{
        namespace::v1::namespace_spec::SearchAttributeType, operation::v1::async_operation::State as Progress,
        resource::v1::ResourceState,
    },
    enums::v1::IndexedValueType,
};

use crate::{
    Control, NowAndSeed, audit, namespace,
    record::{NamespaceRecord, OperationRecord, WorkKind, WorkRecord},
    state::State,
    turn::Turn,
};

/// A part of an operation that the engine has to do. It may come again after a crash, so doing it twice must be the same
/// as doing it once.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub operation_id: String,
    /// `<name>.<account>`.
    pub namespace: String,
    pub work: Work,
}

/// What is to be done to a namespace.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    Register(Wanted),
    Update(Wanted),
    /// With everything in it.
    Delete,
}

/// How the engine shall keep a namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub retention: Duration,
    pub search_attributes: BTreeMap<String, IndexedValueType>,
}

impl Control {
    /// The oldest job that nobody has, if there is one. Whoever gets it calls [`Control::finish`] or
    /// [`Control::release`].
    pub fn next_job(&self) -> Option<Job> {
        let mut writer = self.lock();
        let before = self.snapshot();
        let mut waiting: Vec<&Arc<OperationRecord>> =
            before.running().filter(|row| row.work.is_some() && !writer.taken.contains(&row.id)).collect();
        waiting.sort_by_key(|row| (row.started_time, row.id.clone()));
        let row = waiting.into_iter().find(|row| job(&before, row).is_some())?;
        let job = job(&before, row)?;
        writer.taken.insert(row.id.clone());
        self.show_progress(&before, row, Progress::InProgress);
        Some(job)
    }

    /// Gives a job back that could not be done now; it will be given out again.
    pub fn release(&self, operation_id: &str) {
        let mut writer = self.lock();
        if !writer.taken.remove(operation_id) {
            return;
        }
        let before = self.snapshot();
        if let Some(row) = before.operations.get(operation_id) {
            self.show_progress(&before, row, Progress::Pending);
        }
    }

    /// Reports what came of a job; `Err` holds the reason for people to read.
    ///
    /// # Errors
    /// `NotFound` when no such operation runs, `Unavailable` when the storage fails: then report again.
    pub fn finish(&self, at: &NowAndSeed, operation_id: &str, result: Result<(), String>) -> Result<(), Reject> {
        let state = self.snapshot();
        let failed = result.clone().err();
        let entry = state.operations.get(operation_id).zip(failed).map(|(row, reason)| {
            let mut entry = audit::own_entry(&row.method, row.principal.clone(), at.now);
            entry.ok = false;
            entry.method.clone_from(&row.method);
            entry.operation_id.clone_from(&row.id);
            entry.subject.clone_from(&row.subject);
            entry.message = reason;
            entry
        });
        self.change(at, |turn| {
            finish(turn, operation_id, result)?;
            if let Some(entry) = entry {
                audit::append(turn, entry);
            }
            Ok(())
        })?;
        self.lock().taken.remove(operation_id);
        self.ring();
        Ok(())
    }

    /// Where a running operation stands is not stored: after a restart it waits again.
    fn show_progress(&self, before: &State, row: &OperationRecord, progress: Progress) {
        let mut state = before.clone();
        state.insert(OperationRecord { state: progress as i32, ..row.clone() });
        self.show(state);
    }
}

/// What an operation asks of the engine.
fn job(state: &State, row: &OperationRecord) -> Option<Job> {
    let work = row.work.as_ref()?;
    let namespace = state.namespaces.get(&row.subject)?;
    let work = match work.kind() {
        WorkKind::Register => Work::Register(wanted(namespace)),
        WorkKind::Update => Work::Update(wanted(namespace)),
        WorkKind::Delete => Work::Delete,
        WorkKind::Unknown => return None,
    };
    Some(Job { operation_id: row.id.clone(), namespace: row.subject.clone(), work })
}

fn wanted(row: &NamespaceRecord) -> Wanted {
    const DAY: u64 = 24 * 60 * 60;
    let typed = |(name, kind): (&String, &i32)| {
        let kind = SearchAttributeType::try_from(*kind).unwrap_or_default();
        (name.clone(), indexed_type(kind))
    };
    Wanted {
        retention: Duration::from_secs(u64::try_from(row.spec.retention_days).unwrap_or(1) * DAY),
        search_attributes: row.spec.search_attributes.iter().map(typed).collect(),
    }
}

fn indexed_type(kind: SearchAttributeType) -> IndexedValueType {
    match kind {
        SearchAttributeType::Unspecified => IndexedValueType::Unspecified,
        SearchAttributeType::Text => IndexedValueType::Text,
        SearchAttributeType::Keyword => IndexedValueType::Keyword,
        SearchAttributeType::Int => IndexedValueType::Int,
        SearchAttributeType::Double => IndexedValueType::Double,
        SearchAttributeType::Bool => IndexedValueType::Bool,
        SearchAttributeType::Datetime => IndexedValueType::Datetime,
        SearchAttributeType::KeywordList => IndexedValueType::KeywordList,
    }
}

fn finish(turn: &mut Turn<'_>, operation_id: &str, result: Result<(), String>) -> Result<(), Reject> {
    let mut row: OperationRecord = turn.take("async operation", operation_id)?;
    let work = match row.work.clone() {
        Some(work) if row.finished_time == 0 => work,
        Some(_) | None => return Err(Reject::not_found(format!("async operation \"{operation_id}\" does not run"))),
    };
    row.finished_time = turn.now.0;
    match &result {
        Ok(()) => row.state = Progress::Fulfilled as i32,
        Err(reason) => {
            row.state = Progress::Failed as i32;
            row.failure_reason.clone_from(reason);
        }
    }
    let namespace = row.subject.clone();
    turn.put(row);
    settle(turn, &namespace, &work, result.is_ok())
}

/// What the end of a job means for its namespace.
fn settle(turn: &mut Turn<'_>, namespace: &str, work: &WorkRecord, done: bool) -> Result<(), Reject> {
    let mut row: NamespaceRecord = turn.take("namespace", namespace)?;
    row.meta.operation_id.clear();
    let state = match (work.kind(), done) {
        (WorkKind::Delete, true) => {
            namespace::forget(turn, namespace);
            return Ok(());
        }
        (WorkKind::Delete, false) => ResourceState::DeleteFailed,
        (WorkKind::Register, true) | (WorkKind::Update, true) => ResourceState::Active,
        (WorkKind::Register, false) => ResourceState::ActivationFailed,
        (WorkKind::Update, false) => ResourceState::UpdateFailed,
        (WorkKind::Unknown, _) => return Err(Reject::internal("an operation asks for unknown work")),
    };
    row.meta.state = state as i32;
    turn.put_namespace(row);
    Ok(())
}
