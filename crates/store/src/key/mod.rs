//! Every key and value in a shard, as one enum.
//!
//! A key is a tag byte and its fields in an encoding that sorts as the fields do. Keys of one run are led by its run id,
//! a UUIDv7, so that what is written together stands together and inserts are nearly in order.

mod codec;
mod control;
mod decode;
#[cfg(test)]
mod golden;
mod owned;
#[cfg(test)]
mod tests;

use std::ops::Range;

use model::{EntityId, EntityKind, JobId, NamespaceId, QueueKey, QueueKind, RunId, Time};

use codec::Encoder;
pub use control::ControlKey;
pub use owned::OwnedKey;

/// A key in a shard. The comment of each variant says what its value is; records are the prost messages of `machine`
/// and `engine`, each in the envelope of `record`.
#[derive(Clone, Debug, PartialEq)]
pub enum Key<'a> {
    /// Cluster-wide settings in shard 0: cluster id, shard count, token secret. Value: record.
    Cluster,
    /// The greatest time that a commit of the shard was made at. Value: record `model::Time` as nanoseconds.
    Clock,
    /// Shard 0. Value: record of a namespace.
    Namespace(NamespaceId),
    /// The newest entity of an id, such as the newest run of a workflow id. Value: record of its uuid; how it stands is in
    /// its own rows.
    Current { namespace: NamespaceId, kind: EntityKind, id: &'a str },
    /// Value: record `Core`. The other rows of the run share its prefix.
    Run(RunId),
    /// Value: record of the run's key: namespace id and workflow id.
    RunKey(RunId),
    /// Value: record `Attributes`.
    Attributes(RunId),
    /// By scheduled event id. Value: record `Activity`.
    Activity(RunId, i64),
    /// Value: record `Timer`.
    Timer(RunId, &'a str),
    /// By initiated event id. Value: record `Child`.
    Child(RunId, i64),
    /// By initiated event id. Value: record `ExternalSignal`.
    ExternalSignal(RunId, i64),
    /// By initiated event id. Value: record `ExternalCancel`.
    ExternalCancel(RunId, i64),
    /// By position. Value: an encoded `HistoryEvent` without id.
    Buffered(RunId, i64),
    /// A request id that was applied. Value: how many were before it.
    Request(RunId, &'a str),
    /// By update id. Value: record `Update`.
    Update(RunId, &'a str),
    /// By the id of the batch's first event. Value: an encoded `History`; joined in order they are the whole history.
    History(RunId, i64),
    /// Value: record `JobRecord`, which is all of it. In the home shard.
    Job(JobId),
    /// The one wake-up of an entity. Value: empty.
    Wake(Time, EntityId),
    /// A task that waits for a worker, in the order of dispatch; of a run, `item` is the scheduled event id. Value: record.
    Task { queue: &'a QueueKey, priority: i32, pass: i64, since: Time, entity: EntityId, item: i64 },
    /// A message that an entity still has to deliver, by the message's kind and number; of a run, the number is the
    /// initiated event id. Value: empty.
    Outbox(EntityId, u8, i64),
    /// A row of the account; in a shard of its own.
    Control(&'a ControlKey),
}

impl Key<'_> {
    /// The bytes of the key. They sort as the keys' tags and then their fields do.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Key::Cluster => Encoder::new(tag::CLUSTER),
            Key::Clock => Encoder::new(tag::CLOCK),
            Key::Namespace(id) => Encoder::new(tag::NAMESPACE).raw(id.as_bytes()),
            Key::Current { namespace, kind, id } => {
                Encoder::new(tag::CURRENT).raw(namespace.as_bytes()).byte(kind.number()).text(id)
            }
            Key::Run(run_id) => run_row(*run_id, row::CORE),
            Key::RunKey(run_id) => run_row(*run_id, row::KEY),
            Key::Attributes(run_id) => run_row(*run_id, row::ATTRIBUTES),
            Key::Activity(run_id, event_id) => run_row(*run_id, row::ACTIVITY).i64(*event_id),
            Key::Timer(run_id, timer_id) => run_row(*run_id, row::TIMER).text(timer_id),
            Key::Child(run_id, event_id) => run_row(*run_id, row::CHILD).i64(*event_id),
            Key::ExternalSignal(run_id, event_id) => run_row(*run_id, row::EXTERNAL_SIGNAL).i64(*event_id),
            Key::ExternalCancel(run_id, event_id) => run_row(*run_id, row::EXTERNAL_CANCEL).i64(*event_id),
            Key::Buffered(run_id, position) => run_row(*run_id, row::BUFFERED).i64(*position),
            Key::Request(run_id, request_id) => run_row(*run_id, row::REQUEST).text(request_id),
            Key::Update(run_id, update_id) => run_row(*run_id, row::UPDATE).text(update_id),
            Key::History(run_id, event_id) => run_row(*run_id, row::HISTORY).i64(*event_id),
            Key::Job(id) => Encoder::new(tag::JOB).raw(id.as_bytes()),
            Key::Wake(time, entity) => Encoder::new(tag::WAKE).i64(time.0).entity(*entity),
            Key::Task { queue, priority, pass, since, entity, item } => {
                task_queue(queue).i32(*priority).i64(*pass).i64(since.0).entity(*entity).i64(*item)
            }
            Key::Outbox(entity, kind, number) => Encoder::new(tag::OUTBOX).entity(*entity).byte(*kind).i64(*number),
            Key::Control(key) => key.encode(),
        }
        .finish()
    }

    /// The key in `bytes`.
    ///
    /// # Errors
    /// `Unusable` when this version writes no such key.
    pub fn decode(bytes: &[u8]) -> Result<OwnedKey, crate::StoreError> {
        decode::key(bytes)
    }

    /// What every namespace's key begins with.
    pub fn namespace_prefix() -> Vec<u8> {
        vec![tag::NAMESPACE]
    }

    /// What every row of a run begins with: its state, the core first, and then its history. Wake-up, tasks and outbox
    /// stand elsewhere.
    pub fn run_prefix(run_id: RunId) -> Vec<u8> {
        Encoder::new(tag::RUN).raw(run_id.as_bytes()).finish()
    }

    /// The rows of a run's state.
    pub fn run_state(run_id: RunId) -> Range<Vec<u8>> {
        Key::run_prefix(run_id)..Key::history_prefix(run_id)
    }

    /// What every history batch of a run begins with.
    pub fn history_prefix(run_id: RunId) -> Vec<u8> {
        run_row(run_id, row::HISTORY).finish()
    }

    /// What every job's key begins with.
    pub fn job_prefix() -> Vec<u8> {
        vec![tag::JOB]
    }

    /// What every wake-up begins with.
    pub fn wake_prefix() -> Vec<u8> {
        vec![tag::WAKE]
    }

    /// Where the wake-ups of a time and of all later ones begin.
    pub fn wakes_from(time: Time) -> Vec<u8> {
        Encoder::new(tag::WAKE).i64(time.0).finish()
    }

    /// What every task of a queue begins with.
    pub fn task_queue_prefix(queue: &QueueKey) -> Vec<u8> {
        task_queue(queue).finish()
    }

    /// What every outbox row begins with.
    pub fn outbox_prefix() -> Vec<u8> {
        vec![tag::OUTBOX]
    }

    /// What every outbox row of an entity begins with.
    pub fn outbox_entity_prefix(entity: EntityId) -> Vec<u8> {
        Encoder::new(tag::OUTBOX).entity(entity).finish()
    }
}

/// The keys that begin with `prefix`, as the bounds of a scan.
pub fn within(prefix: &[u8]) -> Range<Vec<u8>> {
    prefix.to_vec()..prefix_end(prefix)
}

/// The first key behind this one.
pub fn behind(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// The first key after all that begin with `prefix`. No key begins with the byte 0xff, so this always exists; for a
/// prefix of 0xff bytes only, which no key has, it is that prefix.
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    match prefix.iter().rposition(|byte| *byte != u8::MAX) {
        Some(last) => {
            let mut end = prefix[..=last].to_vec();
            end[last] += 1;
            end
        }
        None => prefix.to_vec(),
    }
}

fn run_row(run_id: RunId, row: u8) -> Encoder {
    Encoder::new(tag::RUN).raw(run_id.as_bytes()).byte(row)
}

fn task_queue(queue: &QueueKey) -> Encoder {
    let kind = match queue.kind {
        QueueKind::Workflow => kind::WORKFLOW,
        QueueKind::Activity => kind::ACTIVITY,
    };
    Encoder::new(tag::TASK).raw(queue.namespace.as_bytes()).byte(kind).text(&queue.name)
}

/// The tag bytes. They are the file format: never reuse one. Those of older formats are in [`upgrade`](crate::upgrade).
pub(crate) mod tag {
    pub(super) const CLUSTER: u8 = 0x01;
    pub(super) const NAMESPACE: u8 = 0x02;
    pub(super) const CLOCK: u8 = 0x03;
    pub(crate) const CURRENT: u8 = 0x11;
    pub(super) const RUN: u8 = 0x20;
    pub(super) const JOB: u8 = 0x21;
    // 0x30 was the history, up to the second format.
    pub(crate) const WAKE: u8 = 0x41;
    pub(crate) const TASK: u8 = 0x51;
    pub(crate) const OUTBOX: u8 = 0x61;
    pub(super) const CONTROL: u8 = 0x70;
}

/// The second tag of a run's rows, after its run id.
mod row {
    pub(super) const CORE: u8 = 0x01;
    pub(super) const KEY: u8 = 0x02;
    pub(super) const ATTRIBUTES: u8 = 0x03;
    pub(super) const ACTIVITY: u8 = 0x04;
    pub(super) const TIMER: u8 = 0x05;
    pub(super) const CHILD: u8 = 0x06;
    pub(super) const EXTERNAL_SIGNAL: u8 = 0x07;
    pub(super) const EXTERNAL_CANCEL: u8 = 0x08;
    pub(super) const BUFFERED: u8 = 0x09;
    pub(super) const REQUEST: u8 = 0x0a;
    pub(super) const UPDATE: u8 = 0x0b;
    /// The last, so that what stands before it is the state.
    pub(super) const HISTORY: u8 = 0x7f;
}

/// How the kind of a task queue stands in a key.
mod kind {
    pub(super) const WORKFLOW: u8 = 0x01;
    pub(super) const ACTIVITY: u8 = 0x02;
}
