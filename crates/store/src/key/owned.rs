//! A decoded key, which owns its texts.

use model::{EntityId, EntityKind, JobId, NamespaceId, QueueKey, RunId, Time};

use super::{ControlKey, Key};

/// The twin of `Key`; see there for what each one means.
#[derive(Clone, Debug, PartialEq)]
pub enum OwnedKey {
    Cluster,
    Clock,
    Namespace(NamespaceId),
    Current { namespace: NamespaceId, kind: EntityKind, id: String },
    Run(RunId),
    RunKey(RunId),
    Attributes(RunId),
    Activity(RunId, i64),
    Timer(RunId, String),
    Child(RunId, i64),
    ExternalSignal(RunId, i64),
    ExternalCancel(RunId, i64),
    Buffered(RunId, i64),
    Request(RunId, String),
    Update(RunId, String),
    History(RunId, i64),
    Job(JobId),
    Wake(Time, EntityId),
    Task { queue: QueueKey, priority: i32, pass: i64, since: Time, entity: EntityId, item: i64 },
    Outbox(EntityId, u8, i64),
    Control(ControlKey),
}

impl OwnedKey {
    /// The same key with its texts borrowed, to encode it again.
    pub fn borrow(&self) -> Key<'_> {
        match self {
            OwnedKey::Cluster => Key::Cluster,
            OwnedKey::Clock => Key::Clock,
            OwnedKey::Namespace(id) => Key::Namespace(*id),
            OwnedKey::Current { namespace, kind, id } => Key::Current { namespace: *namespace, kind: *kind, id },
            OwnedKey::Run(run_id) => Key::Run(*run_id),
            OwnedKey::RunKey(run_id) => Key::RunKey(*run_id),
            OwnedKey::Attributes(run_id) => Key::Attributes(*run_id),
            OwnedKey::Activity(run_id, event_id) => Key::Activity(*run_id, *event_id),
            OwnedKey::Timer(run_id, timer_id) => Key::Timer(*run_id, timer_id),
            OwnedKey::Child(run_id, event_id) => Key::Child(*run_id, *event_id),
            OwnedKey::ExternalSignal(run_id, event_id) => Key::ExternalSignal(*run_id, *event_id),
            OwnedKey::ExternalCancel(run_id, event_id) => Key::ExternalCancel(*run_id, *event_id),
            OwnedKey::Buffered(run_id, position) => Key::Buffered(*run_id, *position),
            OwnedKey::Request(run_id, request_id) => Key::Request(*run_id, request_id),
            OwnedKey::Update(run_id, update_id) => Key::Update(*run_id, update_id),
            OwnedKey::History(run_id, event_id) => Key::History(*run_id, *event_id),
            OwnedKey::Job(id) => Key::Job(*id),
            OwnedKey::Wake(time, entity) => Key::Wake(*time, *entity),
            OwnedKey::Task { queue, priority, pass, since, entity, item } => {
                Key::Task { queue, priority: *priority, pass: *pass, since: *since, entity: *entity, item: *item }
            }
            OwnedKey::Outbox(entity, kind, number) => Key::Outbox(*entity, *kind, *number),
            OwnedKey::Control(key) => Key::Control(key),
        }
    }
}
