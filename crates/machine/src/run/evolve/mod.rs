//! `Run::evolve`: the only code that writes a run's state. It serves live steps, replay and reset alike.
//!
//! An event that arrives while a worker decides takes effect when it is buffered, and its arm runs a second time, now
//! with the event's id, when it is appended. So every arm is idempotent, and names what it ends by event id: a timer
//! that was started again under the same timer id is another timer. What counts is counted on appending alone.

mod activity;
mod child;
mod external;
mod quiet;
mod timer;
mod workflow;
mod workflow_task;

use prost::Message;
use proto::temporal::api::history::v1::{HistoryEvent, history_event::Attributes as A};

use crate::{Change, Quiet, Run};

impl Run {
    /// Applies one change.
    pub fn evolve(&mut self, change: &Change) {
        match change {
            Change::Event(event) => {
                self.core.next_event_id = event.event_id + 1;
                self.core.history_size += i64::try_from(event.encoded_len()).unwrap_or(i64::MAX);
                workflow::count(self, event);
                self.evolve_event(event);
            }
            Change::Quiet(Quiet::Buffered(event)) => {
                self.buffered.push_back(event.clone());
                self.evolve_event(event);
            }
            Change::Quiet(quiet) => self.evolve_quiet(quiet),
        }
    }

    /// The effect of one event, whether it is appended or buffered.
    fn evolve_event(&mut self, event: &HistoryEvent) {
        let Some(attributes) = &event.attributes else { return };
        match attributes {
            A::WorkflowExecutionStartedEventAttributes(a) => workflow::started(self, event, a),
            A::WorkflowExecutionCompletedEventAttributes(a) => workflow::completed(self, event, a),
            A::WorkflowExecutionFailedEventAttributes(a) => workflow::failed(self, event, a),
            A::WorkflowExecutionTimedOutEventAttributes(a) => workflow::timed_out(self, event, a),
            A::WorkflowExecutionCanceledEventAttributes(a) => workflow::canceled(self, event, a),
            A::WorkflowExecutionTerminatedEventAttributes(a) => workflow::terminated(self, event, a),
            A::WorkflowExecutionContinuedAsNewEventAttributes(a) => workflow::continued_as_new(self, event, a),
            A::WorkflowExecutionCancelRequestedEventAttributes(a) => workflow::cancel_requested(self, event, a),
            A::WorkflowExecutionSignaledEventAttributes(a) => workflow::signaled(self, event, a),
            A::WorkflowExecutionOptionsUpdatedEventAttributes(a) => workflow::options_updated(self, event, a),
            A::UpsertWorkflowSearchAttributesEventAttributes(a) => workflow::search_attributes_upserted(self, event, a),
            A::WorkflowPropertiesModifiedEventAttributes(a) => workflow::properties_modified(self, event, a),
            A::WorkflowTaskScheduledEventAttributes(a) => workflow_task::scheduled(self, event, a),
            A::WorkflowTaskStartedEventAttributes(a) => workflow_task::started(self, event, a),
            A::WorkflowTaskCompletedEventAttributes(a) => workflow_task::completed(self, event, a),
            A::WorkflowTaskTimedOutEventAttributes(a) => workflow_task::timed_out(self, event, a),
            A::WorkflowTaskFailedEventAttributes(a) => workflow_task::failed(self, event, a),
            A::ActivityTaskScheduledEventAttributes(a) => activity::scheduled(self, event, a),
            A::ActivityTaskStartedEventAttributes(a) => activity::started(self, event, a),
            A::ActivityTaskCompletedEventAttributes(a) => activity::completed(self, event, a),
            A::ActivityTaskFailedEventAttributes(a) => activity::failed(self, event, a),
            A::ActivityTaskTimedOutEventAttributes(a) => activity::timed_out(self, event, a),
            A::ActivityTaskCancelRequestedEventAttributes(a) => activity::cancel_requested(self, event, a),
            A::ActivityTaskCanceledEventAttributes(a) => activity::canceled(self, event, a),
            A::TimerStartedEventAttributes(a) => timer::started(self, event, a),
            A::TimerFiredEventAttributes(a) => timer::fired(self, event, a),
            A::TimerCanceledEventAttributes(a) => timer::canceled(self, event, a),
            A::StartChildWorkflowExecutionInitiatedEventAttributes(a) => child::initiated(self, event, a),
            A::StartChildWorkflowExecutionFailedEventAttributes(a) => child::start_failed(self, event, a),
            A::ChildWorkflowExecutionStartedEventAttributes(a) => child::started(self, event, a),
            A::ChildWorkflowExecutionCompletedEventAttributes(a) => child::closed(self, a.initiated_event_id),
            A::ChildWorkflowExecutionFailedEventAttributes(a) => child::closed(self, a.initiated_event_id),
            A::ChildWorkflowExecutionCanceledEventAttributes(a) => child::closed(self, a.initiated_event_id),
            A::ChildWorkflowExecutionTimedOutEventAttributes(a) => child::closed(self, a.initiated_event_id),
            A::ChildWorkflowExecutionTerminatedEventAttributes(a) => child::closed(self, a.initiated_event_id),
            A::SignalExternalWorkflowExecutionInitiatedEventAttributes(a) => external::signal_initiated(self, event, a),
            A::SignalExternalWorkflowExecutionFailedEventAttributes(a) => {
                external::signal_settled(self, a.initiated_event_id);
            }
            A::ExternalWorkflowExecutionSignaledEventAttributes(a) => {
                external::signal_settled(self, a.initiated_event_id);
            }
            A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(a) => {
                external::cancel_initiated(self, event, a);
            }
            A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(a) => {
                external::cancel_settled(self, a.initiated_event_id);
            }
            A::ExternalWorkflowExecutionCancelRequestedEventAttributes(a) => {
                external::cancel_settled(self, a.initiated_event_id);
            }
            // A marker is a note of the worker to itself.
            A::MarkerRecordedEventAttributes(_)
            // Nothing writes the events of features that are not served yet.
            | A::WorkflowExecutionUpdateAcceptedEventAttributes(_)
            | A::WorkflowExecutionUpdateRejectedEventAttributes(_)
            | A::WorkflowExecutionUpdateCompletedEventAttributes(_)
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
}
