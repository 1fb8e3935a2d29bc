//! Every key and value in a shard, as one enum.
//!
//! A key is a tag byte and its fields in an encoding that sorts as the fields do. Keys of one run are led by its run id,
//! a UUIDv7, so that what is written together stands together and inserts are nearly in order.

use model::{NamespaceId, QueueKey, QueueKind, RunId, Time};

/// A key in a shard. The comment of each variant says what its value is; records are the prost messages of `machine`
/// and `engine`, each in the envelope of `record`.
#[derive(Clone, Debug, PartialEq)]
pub enum Key<'a> {
    /// Cluster-wide settings in shard 0: cluster id, shard count, token secret. Value: record.
    Cluster,
    /// Shard 0. Value: record of a namespace.
    Namespace(NamespaceId),
    /// The newest run of a workflow id. Value: record `Current`.
    Current { namespace: NamespaceId, workflow_id: &'a str },
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
    /// A request id that was applied. Value: empty.
    Request(RunId, &'a str),
    /// By the id of the batch's first event. Value: an encoded `History`; joined in order they are the whole history.
    History(RunId, i64),
    /// The one wake-up of a run. Value: empty.
    Wake(Time, RunId),
    /// A task that waits for a worker, in the order of dispatch. Value: record.
    Task { queue: &'a QueueKey, priority: i32, pass: i64, since: Time, run_id: RunId, event_id: i64 },
    /// A message that a run still has to deliver, by kind and initiated event id. Value: empty.
    Outbox(RunId, u8, i64),
}

/// The tag bytes. They are the file format: never reuse one.
mod tag {
    pub(super) const CLUSTER: u8 = 0x01;
    pub(super) const NAMESPACE: u8 = 0x02;
    pub(super) const CURRENT: u8 = 0x10;
    pub(super) const RUN: u8 = 0x20;
    pub(super) const HISTORY: u8 = 0x30;
    pub(super) const WAKE: u8 = 0x40;
    pub(super) const TASK: u8 = 0x50;
    pub(super) const OUTBOX: u8 = 0x60;
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
}
