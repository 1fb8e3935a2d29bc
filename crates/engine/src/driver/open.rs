//! The start of an engine: its lanes acquire every shard and read it in, on the caller's thread.

use std::sync::PoisonError;

use model::ShardId;
use store::StoreError;

use super::inner::Inner;
use crate::{Action, Event, LaneId};

/// Returns when every lane has done all that it can do at once.
///
/// # Errors
/// When the storage fails.
pub(super) fn open_shards(inner: &Inner) -> Result<(), StoreError> {
    loop {
        let mut events = Vec::new();
        let mut wanted = Vec::new();
        for handle in inner.handles() {
            let mut core = handle.lock();
            for action in core.lane.take_actions() {
                match action {
                    Action::Acquire { shard } => wanted.push((handle.id, shard)),
                    Action::Read { read_id, request } => {
                        let result = Ok(request.perform(&*inner.store)?);
                        events.push((handle.id, Event::Read { read_id, result }));
                    }
                    Action::Commit { shard, epoch, batch } => core.commits.push((shard, epoch, batch)),
                    Action::Deliver { to, parcel } => events.push((to, Event::Delivered { from: handle.id, parcel })),
                    Action::Namespaces(table) => {
                        *inner.namespaces.write().unwrap_or_else(PoisonError::into_inner) = table;
                    }
                    Action::Answer { .. } => {}
                }
            }
        }
        events.extend(acquire(inner, &wanted)?);
        if events.is_empty() {
            return Ok(());
        }
        for (lane, event) in events {
            inner.handle(lane).lock().tell(event);
        }
    }
}

/// Acquires shards together.
fn acquire(inner: &Inner, wanted: &[(LaneId, ShardId)]) -> Result<Vec<(LaneId, Event)>, StoreError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let shards: Vec<ShardId> = wanted.iter().map(|(_, shard)| *shard).collect();
    let epochs = inner.store.acquire_all(&shards)?;
    let acquired =
        |((lane, shard), epoch): (&(LaneId, ShardId), _)| (*lane, Event::Acquired { shard: *shard, result: Ok(epoch) });
    Ok(wanted.iter().zip(epochs).map(acquired).collect())
}
