//! Keys from their bytes.

use model::{JobId, NamespaceId, QueueKey, QueueKind, RunId, Time};
use uuid::Uuid;

use super::{ControlKey, OwnedKey, codec::Decoder, kind, row, tag};
use crate::StoreError;

pub(super) fn key(bytes: &[u8]) -> Result<OwnedKey, StoreError> {
    let mut fields = Decoder::new(bytes);
    let key = match fields.byte()? {
        tag::CLUSTER => OwnedKey::Cluster,
        tag::CLOCK => OwnedKey::Clock,
        tag::NAMESPACE => OwnedKey::Namespace(namespace(&mut fields)?),
        tag::CURRENT => {
            OwnedKey::Current { namespace: namespace(&mut fields)?, kind: fields.entity_kind()?, id: fields.text()? }
        }
        tag::RUN => run_row(&mut fields)?,
        tag::JOB => OwnedKey::Job(JobId(Uuid::from_bytes(fields.raw()?))),
        tag::WAKE => OwnedKey::Wake(Time(fields.i64()?), fields.entity()?),
        tag::TASK => OwnedKey::Task {
            queue: queue(&mut fields)?,
            priority: fields.i32()?,
            pass: fields.i64()?,
            since: Time(fields.i64()?),
            entity: fields.entity()?,
            item: fields.i64()?,
        },
        tag::OUTBOX => OwnedKey::Outbox(fields.entity()?, fields.byte()?, fields.i64()?),
        tag::CONTROL => OwnedKey::Control(ControlKey::decode(&mut fields)?),
        _ => return Err(fields.damaged()),
    };
    fields.end(key)
}

fn run_row(fields: &mut Decoder<'_>) -> Result<OwnedKey, StoreError> {
    let run_id = run_id(fields)?;
    Ok(match fields.byte()? {
        row::CORE => OwnedKey::Run(run_id),
        row::KEY => OwnedKey::RunKey(run_id),
        row::ATTRIBUTES => OwnedKey::Attributes(run_id),
        row::ACTIVITY => OwnedKey::Activity(run_id, fields.i64()?),
        row::TIMER => OwnedKey::Timer(run_id, fields.text()?),
        row::CHILD => OwnedKey::Child(run_id, fields.i64()?),
        row::EXTERNAL_SIGNAL => OwnedKey::ExternalSignal(run_id, fields.i64()?),
        row::EXTERNAL_CANCEL => OwnedKey::ExternalCancel(run_id, fields.i64()?),
        row::BUFFERED => OwnedKey::Buffered(run_id, fields.i64()?),
        row::REQUEST => OwnedKey::Request(run_id, fields.text()?),
        row::UPDATE => OwnedKey::Update(run_id, fields.text()?),
        row::HISTORY => OwnedKey::History(run_id, fields.i64()?),
        _ => return Err(fields.damaged()),
    })
}

fn queue(fields: &mut Decoder<'_>) -> Result<QueueKey, StoreError> {
    let namespace = namespace(fields)?;
    let kind = match fields.byte()? {
        kind::WORKFLOW => QueueKind::Workflow,
        kind::ACTIVITY => QueueKind::Activity,
        _ => return Err(fields.damaged()),
    };
    Ok(QueueKey { namespace, kind, name: fields.text()?.into() })
}

fn namespace(fields: &mut Decoder<'_>) -> Result<NamespaceId, StoreError> {
    Ok(NamespaceId(Uuid::from_bytes(fields.raw()?)))
}

fn run_id(fields: &mut Decoder<'_>) -> Result<RunId, StoreError> {
    Ok(RunId(Uuid::from_bytes(fields.raw()?)))
}
