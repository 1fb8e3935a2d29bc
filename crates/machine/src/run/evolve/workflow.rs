//! What the events of the run as a whole change.

use std::sync::Arc;

use imbl::{OrdMap, Vector};
use model::{Time, from_proto_duration};
use proto::temporal::api::{
    enums::v1::WorkflowExecutionStatus,
    history::v1::{
        HistoryEvent, UpsertWorkflowSearchAttributesEventAttributes, WorkflowExecutionCancelRequestedEventAttributes,
        WorkflowExecutionCanceledEventAttributes, WorkflowExecutionCompletedEventAttributes,
        WorkflowExecutionContinuedAsNewEventAttributes, WorkflowExecutionFailedEventAttributes,
        WorkflowExecutionOptionsUpdatedEventAttributes, WorkflowExecutionSignaledEventAttributes,
        WorkflowExecutionStartedEventAttributes, WorkflowExecutionTerminatedEventAttributes,
        WorkflowExecutionTimedOutEventAttributes, WorkflowPropertiesModifiedEventAttributes,
    },
};

use crate::{
    Attributes, Child, Run,
    run::{Role, event_time, role},
};

/// What is counted per appended event. (A buffered event counts when it is appended.)
pub(super) fn count(run: &mut Run, event: &HistoryEvent) {
    let core = &mut run.core;
    match role(event) {
        Role::Signaled => core.signal_count += 1,
        Role::ActivityScheduled => core.activity_count += 1,
        Role::TimerStarted => core.timer_count += 1,
        Role::ChildInitiated => core.child_count += 1,
        // The start was a step of its own, which left nothing durable.
        Role::WorkflowTaskStarted => core.state_transitions += 1,
        Role::RunStarted(_)
        | Role::RunClosed(_)
        | Role::WorkflowTaskScheduled
        | Role::ActivityStarted { .. }
        | Role::ActivityEnded { .. }
        | Role::TimerFired(_)
        | Role::ChildStarted { .. }
        | Role::ChildEnded { .. }
        | Role::Other => {}
    }
}

/// The run begins. Its own timeout counts from the end of the first wait, and never outlasts that of the chain.
pub(super) fn started(run: &mut Run, event: &HistoryEvent, attributes: &WorkflowExecutionStartedEventAttributes) {
    let start = event_time(event);
    let wait = from_proto_duration(attributes.first_workflow_task_backoff.as_ref());
    let expiration = attributes.workflow_execution_expiration_time.as_ref().map_or(Time::ZERO, Time::from_proto);
    let run_timeout = from_proto_duration(attributes.workflow_run_timeout.as_ref());
    run.origin = Arc::new(event.clone());
    run.attributes =
        Arc::new(Attributes { memo: attributes.memo.clone(), search_attributes: attributes.search_attributes.clone() });
    let core = &mut run.core;
    core.set_status(WorkflowExecutionStatus::Running);
    core.start_time = start.0;
    core.execution_time = (start + wait).0;
    core.execution_expiration = expiration.0;
    core.run_expiration = if run_timeout.is_zero() {
        0
    } else {
        let own = start + wait + run_timeout;
        expiration.non_zero().map_or(own, |expiration| own.min(expiration)).0
    };
    core.reset_points.clone_from(&attributes.prev_auto_reset_points);
    core.first_task_due = if wait.is_zero() { 0 } else { (start + wait).0 };
    core.task_queue = attributes.task_queue.as_ref().map_or_else(String::new, |queue| queue.name.clone());
}

/// Followed by the next run of a cron schedule, if the event names one.
pub(super) fn completed(run: &mut Run, event: &HistoryEvent, attributes: &WorkflowExecutionCompletedEventAttributes) {
    close(run, event, WorkflowExecutionStatus::Completed, &attributes.new_execution_run_id);
}

/// Followed by a retry or the next run of a cron schedule, if the event names one.
pub(super) fn failed(run: &mut Run, event: &HistoryEvent, attributes: &WorkflowExecutionFailedEventAttributes) {
    close(run, event, WorkflowExecutionStatus::Failed, &attributes.new_execution_run_id);
}

/// Followed as after a failure.
pub(super) fn timed_out(run: &mut Run, event: &HistoryEvent, attributes: &WorkflowExecutionTimedOutEventAttributes) {
    close(run, event, WorkflowExecutionStatus::TimedOut, &attributes.new_execution_run_id);
}

/// The end of the chain.
pub(super) fn canceled(run: &mut Run, event: &HistoryEvent, _attributes: &WorkflowExecutionCanceledEventAttributes) {
    close(run, event, WorkflowExecutionStatus::Canceled, "");
}

/// The end of the chain.
pub(super) fn terminated(
    run: &mut Run,
    event: &HistoryEvent,
    _attributes: &WorkflowExecutionTerminatedEventAttributes,
) {
    close(run, event, WorkflowExecutionStatus::Terminated, "");
}

/// Always followed by the run that the event names.
pub(super) fn continued_as_new(
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &WorkflowExecutionContinuedAsNewEventAttributes,
) {
    close(run, event, WorkflowExecutionStatus::ContinuedAsNew, &attributes.new_execution_run_id);
}

/// Only noted: the workflow decides what comes of it.
pub(super) fn cancel_requested(
    run: &mut Run,
    _event: &HistoryEvent,
    _attributes: &WorkflowExecutionCancelRequestedEventAttributes,
) {
    run.core.cancel_requested = true;
}

/// The history is all that a signal changes. Only where it came with the start, their request is shown with the signal.
pub(super) fn signaled(run: &mut Run, event: &HistoryEvent, attributes: &WorkflowExecutionSignaledEventAttributes) {
    place_request(run, event, &attributes.request_id);
}

/// The run answers for one more start request.
pub(super) fn options_updated(
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &WorkflowExecutionOptionsUpdatedEventAttributes,
) {
    let core = &mut run.core;
    if !attributes.attached_request_id.is_empty() && !core.start_request_ids.contains(&attributes.attached_request_id) {
        core.start_request_ids.push(attributes.attached_request_id.clone());
        core.start_request_events.push(0);
    }
    place_request(run, event, &attributes.attached_request_id);
}

/// Notes with which event a request that the run answers for stands in the history; not while the event is buffered.
fn place_request(run: &mut Run, event: &HistoryEvent, request_id: &str) {
    if event.event_id == 0 {
        return;
    }
    let core = &mut run.core;
    let known = core.start_request_ids.iter().zip(&mut core.start_request_events);
    for (_, event_id) in known.filter(|(known, _)| *known == request_id) {
        *event_id = event.event_id;
    }
}

/// An attribute that is set to nothing is removed.
pub(super) fn search_attributes_upserted(
    run: &mut Run,
    _event: &HistoryEvent,
    attributes: &UpsertWorkflowSearchAttributesEventAttributes,
) {
    let Some(changed) = &attributes.search_attributes else {
        return;
    };
    let mut next = (*run.attributes).clone();
    let fields = &mut next.search_attributes.get_or_insert_default().indexed_fields;
    for (name, value) in &changed.indexed_fields {
        if crate::payload::is_nil(value) {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    run.attributes = Arc::new(next);
}

/// A memo field that is set to nothing is removed.
pub(super) fn properties_modified(
    run: &mut Run,
    _event: &HistoryEvent,
    attributes: &WorkflowPropertiesModifiedEventAttributes,
) {
    let Some(changed) = &attributes.upserted_memo else {
        return;
    };
    let mut next = (*run.attributes).clone();
    let fields = &mut next.memo.get_or_insert_default().fields;
    for (name, value) in &changed.fields {
        if crate::payload::is_nil(value) {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    run.attributes = Arc::new(next);
}

/// A worker has nothing to do any more, though what was pending is still described. What is left to do are the children,
/// by their policy, and the parent's notice, which the last run of a chain alone gives.
fn close(run: &mut Run, event: &HistoryEvent, status: WorkflowExecutionStatus, successor: &str) {
    run.timers = OrdMap::new();
    run.external_signals = OrdMap::new();
    run.external_cancels = OrdMap::new();
    run.buffered = Vector::new();
    let pending = std::mem::take(&mut run.pending_updates);
    if successor.is_empty() {
        run.aborted_updates = pending.iter().map(|update| update.id().into()).collect();
    }
    run.started_task = None;
    run.children = run.children.iter().map(|(id, child)| (*id, orphaned(child))).collect();
    let notify = successor.is_empty() && run.started().parent_workflow_execution.is_some();
    let core = &mut run.core;
    core.set_status(status);
    core.close_time = event_time(event).0;
    core.close_event_id = event.event_id;
    core.new_execution_run_id = successor.to_owned();
    core.sticky = None;
    core.first_task_due = 0;
    core.parent_notice_pending = notify;
    core.closing_event = notify.then(|| Box::new(event.clone()));
}

/// A child after its parent's end. One that has not started and may live on is still to be started; one that may not is
/// not, but the request to start it may be on its way, and the answer to that is waited for.
fn orphaned(child: &Arc<Child>) -> Arc<Child> {
    if child.run_id.is_empty() {
        return child.clone();
    }
    let ends = child.ends_with_parent();
    Arc::new(Child { close_policy_pending: ends, settled: !ends, ..(**child).clone() })
}
