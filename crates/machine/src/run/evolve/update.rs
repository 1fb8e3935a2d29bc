//! What the events of Workflow Updates change.

use std::sync::Arc;

use proto::temporal::api::history::v1::{
    HistoryEvent, WorkflowExecutionUpdateAcceptedEventAttributes, WorkflowExecutionUpdateCompletedEventAttributes,
};

use crate::{Quiet, Run, Update};

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

/// What happens to updates that no worker has accepted, and to a task that comes back with them; it is in memory alone.
pub(super) fn quiet(run: &mut Run, change: &Quiet) {
    if let Quiet::UpdateAdmitted(update) = change {
        run.pending_updates.push_back(update.clone());
    } else if let Quiet::UpdatesSent = change {
        for update in run.pending_updates.iter_mut().filter(|update| !update.sent) {
            Arc::make_mut(update).sent = true;
        }
    } else if let Quiet::UpdateRejected { update_id, .. } = change {
        run.pending_updates.retain(|update| update.id() != update_id);
    } else if let Quiet::UpdatesAborted = change {
        run.pending_updates.retain(|update| !update.sent);
    } else if let Quiet::WorkflowTaskReturned = change {
        run.started_task = None;
        for update in run.pending_updates.iter_mut().filter(|update| update.sent) {
            Arc::make_mut(update).sent = false;
        }
    }
}
