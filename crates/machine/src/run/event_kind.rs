//! What each kind of event is: its type, and what it says as far as several places have to know it.
//!
//! A new kind of event needs a row in the table below, and a new role an answer from each of those places. What an event
//! does to the state is not here but in `evolve`.

use proto::temporal::api::{
    enums::v1::EventType,
    history::v1::{
        HistoryEvent, TimerFiredEventAttributes, WorkflowExecutionCanceledEventAttributes,
        WorkflowExecutionCompletedEventAttributes, WorkflowExecutionFailedEventAttributes,
        WorkflowExecutionStartedEventAttributes, WorkflowExecutionTimedOutEventAttributes,
        history_event::Attributes as A,
    },
};

/// What an event says, as far as several places have to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role<'a> {
    /// The run begins.
    RunStarted(&'a WorkflowExecutionStartedEventAttributes),
    /// The run ends.
    RunClosed(Closed<'a>),
    /// A signal has come.
    Signaled,
    /// A workflow task waits for a worker.
    WorkflowTaskScheduled,
    /// A worker has the workflow task.
    WorkflowTaskStarted,
    /// An activity waits for a worker.
    ActivityScheduled,
    /// A worker has taken the activity.
    ActivityStarted { scheduled_event_id: i64 },
    /// The activity has come to its end, whichever.
    ActivityEnded { scheduled_event_id: i64 },
    /// A timer runs.
    TimerStarted,
    /// The timer's time has come.
    TimerFired(&'a TimerFiredEventAttributes),
    /// A child is to be started.
    ChildInitiated,
    /// The child runs.
    ChildStarted { initiated_event_id: i64 },
    /// The child has come to its end, whichever.
    ChildEnded { initiated_event_id: i64 },
    /// What only `evolve` has to know.
    Other,
}

/// How a run has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Closed<'a> {
    Completed(&'a WorkflowExecutionCompletedEventAttributes),
    Failed(&'a WorkflowExecutionFailedEventAttributes),
    TimedOut(&'a WorkflowExecutionTimedOutEventAttributes),
    Canceled(&'a WorkflowExecutionCanceledEventAttributes),
    Terminated,
    ContinuedAsNew,
}

/// What the event says; one without attributes says nothing.
pub(crate) fn role(event: &HistoryEvent) -> Role<'_> {
    event.attributes.as_ref().map_or(Role::Other, role_of)
}

macro_rules! event_kinds {
    (
        ends { $($end:ident($end_attributes:pat) => $end_type:ident, $end_role:expr;)+ }
        others { $($other:ident($other_attributes:pat) => $other_type:ident, $other_role:expr;)+ }
    ) => {
        /// The type of an event with these attributes.
        pub(crate) fn event_type(attributes: &A) -> EventType {
            match attributes {
                $(A::$end(_) => EventType::$end_type,)+
                $(A::$other(_) => EventType::$other_type,)+
            }
        }

        fn role_of(attributes: &A) -> Role<'_> {
            use Role::{
                ActivityEnded, ActivityScheduled, ActivityStarted, ChildEnded, ChildInitiated, ChildStarted, Other,
                RunClosed, RunStarted, Signaled, TimerFired, TimerStarted, WorkflowTaskScheduled, WorkflowTaskStarted,
            };
            match attributes {
                $(A::$end($end_attributes) => $end_role,)+
                $(A::$other($other_attributes) => $other_role,)+
            }
        }

        /// Of an event that ends an activity or a child: where the id of the event stands with which that had started.
        pub(crate) fn started_event_id(attributes: &mut A) -> Option<&mut i64> {
            match attributes {
                $(A::$end(end) => Some(&mut end.started_event_id),)+
                $(A::$other(_) => None,)+
            }
        }
    };
}

event_kinds! {
    // What ends an activity or a child, and names its start.
    ends {
        ActivityTaskCompletedEventAttributes(a) => ActivityTaskCompleted, ActivityEnded { scheduled_event_id: a.scheduled_event_id };
        ActivityTaskFailedEventAttributes(a) => ActivityTaskFailed, ActivityEnded { scheduled_event_id: a.scheduled_event_id };
        ActivityTaskTimedOutEventAttributes(a) => ActivityTaskTimedOut, ActivityEnded { scheduled_event_id: a.scheduled_event_id };
        ActivityTaskCanceledEventAttributes(a) => ActivityTaskCanceled, ActivityEnded { scheduled_event_id: a.scheduled_event_id };
        ChildWorkflowExecutionCompletedEventAttributes(a) => ChildWorkflowExecutionCompleted, ChildEnded { initiated_event_id: a.initiated_event_id };
        ChildWorkflowExecutionFailedEventAttributes(a) => ChildWorkflowExecutionFailed, ChildEnded { initiated_event_id: a.initiated_event_id };
        ChildWorkflowExecutionCanceledEventAttributes(a) => ChildWorkflowExecutionCanceled, ChildEnded { initiated_event_id: a.initiated_event_id };
        ChildWorkflowExecutionTimedOutEventAttributes(a) => ChildWorkflowExecutionTimedOut, ChildEnded { initiated_event_id: a.initiated_event_id };
        ChildWorkflowExecutionTerminatedEventAttributes(a) => ChildWorkflowExecutionTerminated, ChildEnded { initiated_event_id: a.initiated_event_id };
    }
    others {
        WorkflowExecutionStartedEventAttributes(a) => WorkflowExecutionStarted, RunStarted(a);
        WorkflowExecutionCompletedEventAttributes(a) => WorkflowExecutionCompleted, RunClosed(Closed::Completed(a));
        WorkflowExecutionFailedEventAttributes(a) => WorkflowExecutionFailed, RunClosed(Closed::Failed(a));
        WorkflowExecutionTimedOutEventAttributes(a) => WorkflowExecutionTimedOut, RunClosed(Closed::TimedOut(a));
        WorkflowTaskScheduledEventAttributes(_) => WorkflowTaskScheduled, WorkflowTaskScheduled;
        WorkflowTaskStartedEventAttributes(_) => WorkflowTaskStarted, WorkflowTaskStarted;
        WorkflowTaskCompletedEventAttributes(_) => WorkflowTaskCompleted, Other;
        WorkflowTaskTimedOutEventAttributes(_) => WorkflowTaskTimedOut, Other;
        WorkflowTaskFailedEventAttributes(_) => WorkflowTaskFailed, Other;
        ActivityTaskScheduledEventAttributes(_) => ActivityTaskScheduled, ActivityScheduled;
        ActivityTaskStartedEventAttributes(a) => ActivityTaskStarted, ActivityStarted { scheduled_event_id: a.scheduled_event_id };
        TimerStartedEventAttributes(_) => TimerStarted, TimerStarted;
        TimerFiredEventAttributes(a) => TimerFired, TimerFired(a);
        ActivityTaskCancelRequestedEventAttributes(_) => ActivityTaskCancelRequested, Other;
        TimerCanceledEventAttributes(_) => TimerCanceled, Other;
        MarkerRecordedEventAttributes(_) => MarkerRecorded, Other;
        WorkflowExecutionSignaledEventAttributes(_) => WorkflowExecutionSignaled, Signaled;
        WorkflowExecutionTerminatedEventAttributes(_) => WorkflowExecutionTerminated, RunClosed(Closed::Terminated);
        WorkflowExecutionCancelRequestedEventAttributes(_) => WorkflowExecutionCancelRequested, Other;
        WorkflowExecutionCanceledEventAttributes(a) => WorkflowExecutionCanceled, RunClosed(Closed::Canceled(a));
        RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(_) => RequestCancelExternalWorkflowExecutionInitiated, Other;
        RequestCancelExternalWorkflowExecutionFailedEventAttributes(_) => RequestCancelExternalWorkflowExecutionFailed, Other;
        ExternalWorkflowExecutionCancelRequestedEventAttributes(_) => ExternalWorkflowExecutionCancelRequested, Other;
        WorkflowExecutionContinuedAsNewEventAttributes(_) => WorkflowExecutionContinuedAsNew, RunClosed(Closed::ContinuedAsNew);
        StartChildWorkflowExecutionInitiatedEventAttributes(_) => StartChildWorkflowExecutionInitiated, ChildInitiated;
        StartChildWorkflowExecutionFailedEventAttributes(_) => StartChildWorkflowExecutionFailed, Other;
        ChildWorkflowExecutionStartedEventAttributes(a) => ChildWorkflowExecutionStarted, ChildStarted { initiated_event_id: a.initiated_event_id };
        SignalExternalWorkflowExecutionInitiatedEventAttributes(_) => SignalExternalWorkflowExecutionInitiated, Other;
        SignalExternalWorkflowExecutionFailedEventAttributes(_) => SignalExternalWorkflowExecutionFailed, Other;
        ExternalWorkflowExecutionSignaledEventAttributes(_) => ExternalWorkflowExecutionSignaled, Other;
        UpsertWorkflowSearchAttributesEventAttributes(_) => UpsertWorkflowSearchAttributes, Other;
        WorkflowExecutionUpdateAcceptedEventAttributes(_) => WorkflowExecutionUpdateAccepted, Other;
        WorkflowExecutionUpdateRejectedEventAttributes(_) => WorkflowExecutionUpdateRejected, Other;
        WorkflowExecutionUpdateCompletedEventAttributes(_) => WorkflowExecutionUpdateCompleted, Other;
        WorkflowPropertiesModifiedExternallyEventAttributes(_) => WorkflowPropertiesModifiedExternally, Other;
        ActivityPropertiesModifiedExternallyEventAttributes(_) => ActivityPropertiesModifiedExternally, Other;
        WorkflowPropertiesModifiedEventAttributes(_) => WorkflowPropertiesModified, Other;
        WorkflowExecutionUpdateAdmittedEventAttributes(_) => WorkflowExecutionUpdateAdmitted, Other;
        NexusOperationScheduledEventAttributes(_) => NexusOperationScheduled, Other;
        NexusOperationStartedEventAttributes(_) => NexusOperationStarted, Other;
        NexusOperationCompletedEventAttributes(_) => NexusOperationCompleted, Other;
        NexusOperationFailedEventAttributes(_) => NexusOperationFailed, Other;
        NexusOperationCanceledEventAttributes(_) => NexusOperationCanceled, Other;
        NexusOperationTimedOutEventAttributes(_) => NexusOperationTimedOut, Other;
        NexusOperationCancelRequestedEventAttributes(_) => NexusOperationCancelRequested, Other;
        WorkflowExecutionOptionsUpdatedEventAttributes(_) => WorkflowExecutionOptionsUpdated, Other;
        NexusOperationCancelRequestCompletedEventAttributes(_) => NexusOperationCancelRequestCompleted, Other;
        NexusOperationCancelRequestFailedEventAttributes(_) => NexusOperationCancelRequestFailed, Other;
        WorkflowExecutionPausedEventAttributes(_) => WorkflowExecutionPaused, Other;
        WorkflowExecutionUnpausedEventAttributes(_) => WorkflowExecutionUnpaused, Other;
        WorkflowExecutionTimeSkippingTransitionedEventAttributes(_) => WorkflowExecutionTimeSkippingTransitioned, Other;
    }
}

/// Questions about one role of an event: each has one answer where the event has the role, and another one for all the rest.
macro_rules! questions {
    ($($(#[$doc:meta])+ $question:ident -> $answer_type:ty { $role:pat => $answer:expr, $otherwise:expr })+) => {
        $(
            $(#[$doc])+
            #[expect(unreachable_patterns, reason = "the role that is asked about stands among all of them, too")]
            pub(crate) fn $question(event: &HistoryEvent) -> $answer_type {
                match role(event) {
                    $role => $answer,
                    Role::RunStarted(_)
                    | Role::RunClosed(_)
                    | Role::Signaled
                    | Role::WorkflowTaskScheduled
                    | Role::WorkflowTaskStarted
                    | Role::ActivityScheduled
                    | Role::ActivityStarted { .. }
                    | Role::ActivityEnded { .. }
                    | Role::TimerStarted
                    | Role::TimerFired(_)
                    | Role::ChildInitiated
                    | Role::ChildStarted { .. }
                    | Role::ChildEnded { .. }
                    | Role::Other => $otherwise,
                }
            }
        )+
    };
}

questions! {
    /// What the run was started with, if the event is its start.
    run_started -> Option<&WorkflowExecutionStartedEventAttributes> { Role::RunStarted(started) => Some(started), None }

    /// How the run closed, if the event closes it.
    run_closed -> Option<Closed<'_>> { Role::RunClosed(closed) => Some(closed), None }

    /// Whether the event is a signal.
    is_signal -> bool { Role::Signaled => true, false }

    /// Whether the event is that a workflow task waits for a worker.
    is_workflow_task_scheduled -> bool { Role::WorkflowTaskScheduled => true, false }

    /// The scheduled event of the activity that the event ends, if it ends one.
    ended_activity -> Option<i64> { Role::ActivityEnded { scheduled_event_id } => Some(scheduled_event_id), None }

    /// The firing of a timer, if the event is one.
    timer_fired -> Option<&TimerFiredEventAttributes> { Role::TimerFired(fired) => Some(fired), None }
}
