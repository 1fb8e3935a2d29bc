//! What the events of Workflow Updates change.

use std::sync::Arc;

use proto::temporal::api::history::v1::{
    HistoryEvent, WorkflowExecutionUpdateAcceptedEventAttributes, WorkflowExecutionUpdateCompletedEventAttributes,
};

use crate::{PendingUpdate, Run, Update};

/// A worker works on it from now on.
pub(super) fn accepted(
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &WorkflowExecutionUpdateAcceptedEventAttributes,
) {
    let update_id = attributes.protocol_instance_id.as_str();
    run.pending_updates.retain(|update| update.id() != update_id);
    run.updates.insert(update_id.into(), Arc::new(Update { accepted_event_id: event.event_id, completed_event_id: 0 }));
}

/// The outcome stands in the event; the state only says which.
pub(super) fn completed(
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &WorkflowExecutionUpdateCompletedEventAttributes,
) {
    let update_id = attributes.meta.as_ref().map_or("", |meta| meta.update_id.as_str());
    if let Some(update) = run.updates.get_mut(update_id).map(Arc::make_mut) {
        update.completed_event_id = event.event_id;
        run.core.completed_updates += 1;
    }
}

/// It waits for a worker's word; where the worker has just closed the run, in vain.
pub(super) fn admitted(run: &mut Run, update: &Arc<PendingUpdate>) {
    if run.is_open() {
        run.pending_updates.push_back(update.clone());
    } else {
        run.aborted_updates.push_back(update.id().into());
    }
}

/// The updates that were admitted go to a worker.
pub(super) fn sent(run: &mut Run) {
    for update in run.pending_updates.iter_mut().filter(|update| !update.sent) {
        Arc::make_mut(update).sent = true;
    }
}

/// A worker has rejected it, which leaves no trace.
pub(super) fn forgotten(run: &mut Run, update_id: &str) {
    run.pending_updates.retain(|update| update.id() != update_id);
    run.aborted_updates.retain(|aborted| **aborted != *update_id);
}

/// The started task didn't reach its worker: it waits again, and so do the updates that it brought.
pub(super) fn returned(run: &mut Run) {
    run.started_task = None;
    for update in run.pending_updates.iter_mut().filter(|update| update.sent) {
        Arc::make_mut(update).sent = false;
    }
}
