//! What the events of child workflows change.

use std::sync::Arc;

use proto::temporal::api::history::v1::{
    ChildWorkflowExecutionStartedEventAttributes, HistoryEvent, StartChildWorkflowExecutionFailedEventAttributes,
    StartChildWorkflowExecutionInitiatedEventAttributes,
};

use crate::{Child, Run};

/// The child is pending. The id of the request that starts it follows from the run and the event, so a replay yields
/// the same.
pub(super) fn initiated(
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &StartChildWorkflowExecutionInitiatedEventAttributes,
) {
    let child = Child {
        initiated_event_id: event.event_id,
        namespace: attributes.namespace.clone(),
        namespace_id: attributes.namespace_id.clone(),
        workflow_id: attributes.workflow_id.clone(),
        workflow_type: attributes.workflow_type.clone(),
        parent_close_policy: attributes.parent_close_policy,
        create_request_id: format!("{}:{}:{}", run.key.run_id, event.event_id, event.version),
        initiated: Some(attributes.clone()),
        user_metadata: event.user_metadata.clone(),
        ..Default::default()
    };
    run.children.insert(event.event_id, Arc::new(child));
}

/// There is no child.
pub(super) fn start_failed(
    run: &mut Run,
    _event: &HistoryEvent,
    attributes: &StartChildWorkflowExecutionFailedEventAttributes,
) {
    run.children.remove(&attributes.initiated_event_id);
}

/// The run id says that the child has started; the event's own id is zero as long as it is buffered.
pub(super) fn started(run: &mut Run, event: &HistoryEvent, attributes: &ChildWorkflowExecutionStartedEventAttributes) {
    let Some(child) = run.children.get_mut(&attributes.initiated_event_id) else {
        return;
    };
    let child = Arc::make_mut(child);
    child.started_event_id = event.event_id;
    child.run_id = attributes.workflow_execution.as_ref().map_or_else(String::new, |child| child.run_id.clone());
    child.initiated = None;
}

/// However it closed.
pub(super) fn closed(run: &mut Run, initiated_event_id: i64) {
    run.children.remove(&initiated_event_id);
}

/// The child turned out to have started after its parent closed: the parent's close policy is due.
pub(super) fn started_late(run: &mut Run, initiated_event_id: i64, run_id: &str) {
    if let Some(child) = run.children.get_mut(&initiated_event_id).map(Arc::make_mut) {
        run_id.clone_into(&mut child.run_id);
        child.close_policy_pending = true;
    }
}

/// The parent has closed, and nothing is left to be done about the child.
pub(super) fn settled(run: &mut Run, initiated_event_id: i64) {
    if let Some(child) = run.children.get_mut(&initiated_event_id).map(Arc::make_mut) {
        child.close_policy_pending = false;
        child.settled = true;
    }
}
