//! `Run::evolve`: the only code that writes a run's state. It serves live steps, replay and reset alike.
//!
//! An event that arrives while a worker decides takes effect when it is buffered, and its arm runs a second time, now
//! with the event's id, when it is appended. So every arm is idempotent, and names what it ends by event id: a timer
//! that was started again under the same timer id is another timer. What counts is counted on appending alone.

mod activity;
mod build;
mod child;
mod external;
mod state_change;
mod timer;
mod update;
mod workflow;
mod workflow_task;

use prost::Message;
use proto::temporal::api::history::v1::{HistoryEvent, history_event::Attributes as A};

pub(crate) use build::inherited_reset_points;

use crate::{Change, Run, assert};

impl Run {
    /// Applies one change.
    pub fn evolve(&mut self, change: &Change) {
        assert::change(self, change);
        match change {
            Change::Event(event) => {
                self.core.next_event_id = event.event_id + 1;
                self.core.history_size += i64::try_from(event.encoded_len()).unwrap_or(i64::MAX);
                workflow::count(self, event);
                evolve_event(self, event);
            }
            Change::State(change) => self.evolve_state(change),
        }
    }
}

/// The effect of one event, whether it is appended or buffered.
fn evolve_event(run: &mut Run, event: &HistoryEvent) {
    let Some(attributes) = &event.attributes else { return };
    match attributes {
        A::WorkflowExecutionStartedEventAttributes(a) => workflow::started(run, event, a),
        A::WorkflowExecutionCompletedEventAttributes(a) => workflow::completed(run, event, a),
        A::WorkflowExecutionFailedEventAttributes(a) => workflow::failed(run, event, a),
        A::WorkflowExecutionTimedOutEventAttributes(a) => workflow::timed_out(run, event, a),
        A::WorkflowExecutionCanceledEventAttributes(a) => workflow::canceled(run, event, a),
        A::WorkflowExecutionTerminatedEventAttributes(a) => workflow::terminated(run, event, a),
        A::WorkflowExecutionContinuedAsNewEventAttributes(a) => workflow::continued_as_new(run, event, a),
        A::WorkflowExecutionCancelRequestedEventAttributes(a) => workflow::cancel_requested(run, event, a),
        A::WorkflowExecutionSignaledEventAttributes(a) => workflow::signaled(run, event, a),
        A::WorkflowExecutionOptionsUpdatedEventAttributes(a) => workflow::options_updated(run, event, a),
        A::UpsertWorkflowSearchAttributesEventAttributes(a) => workflow::search_attributes_upserted(run, event, a),
        A::WorkflowPropertiesModifiedEventAttributes(a) => workflow::properties_modified(run, event, a),
        A::WorkflowTaskScheduledEventAttributes(a) => workflow_task::scheduled(run, event, a),
        A::WorkflowTaskStartedEventAttributes(a) => workflow_task::started(run, event, a),
        A::WorkflowTaskCompletedEventAttributes(a) => workflow_task::completed(run, event, a),
        A::WorkflowTaskTimedOutEventAttributes(a) => workflow_task::timed_out(run, event, a),
        A::WorkflowTaskFailedEventAttributes(a) => workflow_task::failed(run, event, a),
        A::ActivityTaskScheduledEventAttributes(a) => activity::scheduled(run, event, a),
        A::ActivityTaskStartedEventAttributes(a) => activity::started(run, event, a),
        A::ActivityTaskCompletedEventAttributes(a) => activity::completed(run, event, a),
        A::ActivityTaskFailedEventAttributes(a) => activity::failed(run, event, a),
        A::ActivityTaskTimedOutEventAttributes(a) => activity::timed_out(run, event, a),
        A::ActivityTaskCancelRequestedEventAttributes(a) => activity::cancel_requested(run, event, a),
        A::ActivityTaskCanceledEventAttributes(a) => activity::canceled(run, event, a),
        A::TimerStartedEventAttributes(a) => timer::started(run, event, a),
        A::TimerFiredEventAttributes(a) => timer::fired(run, event, a),
        A::TimerCanceledEventAttributes(a) => timer::canceled(run, event, a),
        A::StartChildWorkflowExecutionInitiatedEventAttributes(a) => child::initiated(run, event, a),
        A::StartChildWorkflowExecutionFailedEventAttributes(a) => child::start_failed(run, event, a),
        A::ChildWorkflowExecutionStartedEventAttributes(a) => child::started(run, event, a),
        A::ChildWorkflowExecutionCompletedEventAttributes(a) => child::closed(run, a.initiated_event_id),
        A::ChildWorkflowExecutionFailedEventAttributes(a) => child::closed(run, a.initiated_event_id),
        A::ChildWorkflowExecutionCanceledEventAttributes(a) => child::closed(run, a.initiated_event_id),
        A::ChildWorkflowExecutionTimedOutEventAttributes(a) => child::closed(run, a.initiated_event_id),
        A::ChildWorkflowExecutionTerminatedEventAttributes(a) => child::closed(run, a.initiated_event_id),
        A::SignalExternalWorkflowExecutionInitiatedEventAttributes(a) => external::signal_initiated(run, event, a),
        A::SignalExternalWorkflowExecutionFailedEventAttributes(a) => external::signal_settled(run, a.initiated_event_id),
        A::ExternalWorkflowExecutionSignaledEventAttributes(a) => external::signal_settled(run, a.initiated_event_id),
        A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(a) => external::cancel_initiated(run, event, a),
        A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(a) => external::cancel_settled(run, a.initiated_event_id),
        A::ExternalWorkflowExecutionCancelRequestedEventAttributes(a) => external::cancel_settled(run, a.initiated_event_id),
        A::WorkflowExecutionUpdateAcceptedEventAttributes(a) => update::accepted(run, event, a),
        A::WorkflowExecutionUpdateCompletedEventAttributes(a) => update::completed(run, event, a),
        // A marker is a note of the worker to itself.
        A::MarkerRecordedEventAttributes(_)
        // Nothing writes the events of features that are not served yet.
        | A::WorkflowExecutionUpdateRejectedEventAttributes(_)
        | A::WorkflowExecutionUpdateAdmittedEventAttributes(_)
        | A::WorkflowPropertiesModifiedExternallyEventAttributes(_)
        | A::ActivityPropertiesModifiedExternallyEventAttributes(_)
        | A::NexusOperationScheduledEventAttributes(_)
        | A::NexusOperationStartedEventAttributes(_)
        | A::NexusOperationCompletedEventAttributes(_)
        | A::NexusOperationFailedEventAttributes(_)
        | A::NexusOperationCanceledEventAttributes(_)
        | A::NexusOperationTimedOutEventAttributes(_)
        | A::NexusOperationCancelRequestedEventAttributes(_)
        | A::NexusOperationCancelRequestCompletedEventAttributes(_)
        | A::NexusOperationCancelRequestFailedEventAttributes(_)
        | A::WorkflowExecutionPausedEventAttributes(_)
        | A::WorkflowExecutionUnpausedEventAttributes(_)
        | A::WorkflowExecutionTimeSkippingTransitionedEventAttributes(_) => {}
    }
}
