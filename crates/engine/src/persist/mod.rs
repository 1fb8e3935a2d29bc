//! Between a run's state and its rows: what a step writes is the difference of two states, and a state is read back from
//! its rows. Nothing here decides anything.

mod attributes;
mod difference;
#[cfg(test)]
mod golden;
mod load;

use std::sync::Arc;

use bytes::Bytes;
use machine::{Job, JobDue, MessageKey, Task};
use model::{EntityKind, NamespaceId, QueueKey, QueueKind, RunId, ShardId, Time, WorkflowKey};
use prost::Message;
use proto::temporal::api::history::v1::HistoryEvent;
use store::{Change, Key, Store, StoreError, record};

pub(crate) use attributes::memo;
pub(crate) use difference::rows;
pub(crate) use load::load;

use crate::call::priority_key;

/// The value of `Key::RunKey`: where a run id belongs.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RunKeyRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) namespace_id: Vec<u8>,
    #[prost(string, tag = "2")]
    pub(crate) workflow_id: String,
}

/// The workflow that a run is of, by its rows.
pub(crate) fn workflow_of(run_id: RunId, rows: &[(Vec<u8>, Bytes)]) -> Option<WorkflowKey> {
    let key = Key::RunKey(run_id).encode();
    let (_, value) = rows.iter().find(|(bytes, _)| *bytes == key)?;
    let record: RunKeyRecord = record::decode(value.clone()).ok()?;
    Some(WorkflowKey::new(NamespaceId::from_slice(&record.namespace_id)?, &record.workflow_id))
}

/// The value of a request id's row. Rows of before it was written count as the oldest.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RequestRecord {
    /// How many came before it.
    #[prost(uint64, tag = "1")]
    pub(crate) place: u64,
    /// The earlier run of the chain that has taken it; empty where this one has.
    #[prost(string, tag = "2")]
    pub(crate) run_id: String,
}

/// The value of a task's row: which attempt it is for, so that a stale row is known as one.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TaskRecord {
    #[prost(int32, tag = "1")]
    pub(crate) attempt: i32,
}

/// The put of a row.
pub(crate) fn put(key: &Key<'_>, value: Bytes) -> Change {
    Change::Put { key: key.encode(), value }
}

/// The deletion of a row.
pub(crate) fn delete(key: &Key<'_>) -> Change {
    Change::Delete { key: key.encode() }
}

/// The value of `Key::Clock`.
#[derive(Clone, PartialEq, prost::Message)]
struct ClockRecord {
    /// `Time`.
    #[prost(int64, tag = "1")]
    committed: i64,
}

/// The change by which a commit of this time is remembered.
pub(crate) fn clock_row(now: Time) -> Change {
    put(&Key::Clock, record::encode(&ClockRecord { committed: now.0 }))
}

/// The greatest time that a shard was committed at, as far as it was remembered.
///
/// # Errors
/// When the storage fails, or the row is damaged or of a newer format.
pub(crate) fn committed_time(store: &dyn Store, shard: ShardId) -> Result<Time, StoreError> {
    let row = store.get(shard, &Key::Clock.encode())?;
    let record: ClockRecord = row.map(record::decode).transpose()?.unwrap_or_default();
    Ok(Time(record.committed))
}

/// The value of `Key::Current`: the newest run of a workflow id.
#[derive(Clone, PartialEq, prost::Message)]
struct CurrentRecord {
    #[prost(string, tag = "1")]
    run_id: String,
}

/// The key under which the newest run of the workflow id stands.
pub(crate) fn current_key(workflow: &WorkflowKey) -> Key<'_> {
    Key::Current { namespace: workflow.namespace, kind: EntityKind::Run, id: &workflow.workflow_id }
}

/// The change that makes this the newest run of the workflow id; `None` for no run any more.
pub(crate) fn current_row(workflow: &WorkflowKey, run_id: Option<RunId>) -> Change {
    let key = current_key(workflow);
    match run_id {
        Some(run_id) => put(&key, record::encode(&CurrentRecord { run_id: run_id.to_string() })),
        None => delete(&key),
    }
}

/// The run that such a row names.
///
/// # Errors
/// `Unusable` when the row is damaged or of a newer format.
pub(crate) fn current_run(row: Bytes) -> Result<RunId, StoreError> {
    let record: CurrentRecord = record::decode(row)?;
    record
        .run_id
        .parse()
        .map_err(|_| StoreError::Unusable(format!("the stored run id \"{}\" is damaged", record.run_id)))
}

/// What a step changes of a job's rows: its state, which goes when nothing is due any more, and its wake-up.
pub(crate) fn job_rows(job: &Job, was_awake_at: Option<Time>, due: JobDue, changes: &mut Vec<Change>) {
    let key = Key::Job(job.id);
    changes.push(match due == JobDue::default() {
        true => delete(&key),
        false => put(&key, record::encode(&job.record)),
    });
    if was_awake_at != due.wake {
        let row = |time| Key::Wake(time, job.id.into());
        changes.extend(was_awake_at.map(|time| delete(&row(time))));
        changes.extend(due.wake.map(|time| put(&row(time), Bytes::new())));
    }
}

/// A batch of events as it stands in the history: an encoded `History`, so that joined batches are one too.
pub fn history_batch<'a>(events: impl Iterator<Item = &'a HistoryEvent>) -> Bytes {
    /// The tag of `History.events`.
    const EVENT_TAG: u8 = 0x0a;
    /// Bytes of most batches.
    const USUAL: usize = 512;
    let mut batch = Vec::with_capacity(USUAL);
    for event in events {
        batch.push(EVENT_TAG);
        // Only a lack of room could fail, and a vector grows.
        let _ = event.encode_length_delimited(&mut batch);
    }
    // It stays with its run for long, so it takes no more room than it needs.
    Bytes::copy_from_slice(&batch)
}

/// A task's place in its queue, as key and value of its row need it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskPlace {
    pub(crate) queue: QueueKey,
    pub(crate) priority: i32,
    pub(crate) since: i64,
    pub(crate) run_id: RunId,
    pub(crate) event_id: i64,
    pub(crate) attempt: i32,
}

impl TaskPlace {
    pub(crate) fn of(task: &Task, namespace: NamespaceId, run_id: RunId) -> Self {
        let (kind, name, event_id, attempt, since, priority) = match task {
            Task::Workflow { task_queue, scheduled_event_id, attempt, since, priority, sticky: _ } => {
                (QueueKind::Workflow, task_queue, *scheduled_event_id, *attempt, *since, priority)
            }
            Task::Activity { task_queue, scheduled_event_id, attempt, since, priority } => {
                (QueueKind::Activity, task_queue, *scheduled_event_id, *attempt, *since, priority)
            }
        };
        let queue = QueueKey { namespace, kind, name: Arc::from(name.as_str()) };
        Self { queue, priority: priority_key(priority.as_ref()), since: since.0, run_id, event_id, attempt }
    }

    pub(crate) fn key(&self) -> Key<'_> {
        Key::Task {
            queue: &self.queue,
            priority: self.priority,
            pass: 0,
            since: model::Time(self.since),
            entity: self.run_id.into(),
            item: self.event_id,
        }
    }
}

/// The two numbers that name a message in its outbox row.
pub(crate) fn message_code(key: MessageKey) -> (u8, i64) {
    match key {
        MessageKey::StartChild(id) => (1, id),
        MessageKey::Signal(id) => (2, id),
        MessageKey::Cancel(id) => (3, id),
        MessageKey::ClosePolicy(id) => (4, id),
        MessageKey::ParentNotice => (5, 0),
    }
}

/// The message that an outbox row names; `None` for a kind that this version doesn't write.
pub(crate) fn message_key(kind: u8, id: i64) -> Option<MessageKey> {
    match kind {
        1 => Some(MessageKey::StartChild(id)),
        2 => Some(MessageKey::Signal(id)),
        3 => Some(MessageKey::Cancel(id)),
        4 => Some(MessageKey::ClosePolicy(id)),
        5 => Some(MessageKey::ParentNotice),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::history::v1::History;

    use super::*;

    #[test]
    fn a_batch_is_a_history() {
        let events: Vec<_> = (1..4).map(|event_id| HistoryEvent { event_id, ..HistoryEvent::default() }).collect();
        let batch = history_batch(events.iter());
        assert_eq!(History::decode(batch).unwrap(), History { events });
    }
}
