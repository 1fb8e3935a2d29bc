//! Fields of the API that are deprecated, but that older SDKs still fill in and read back.
#![expect(deprecated, reason = "this module is the one place that touches deprecated fields")]

use proto::temporal::api::{
    command::v1::{
        ContinueAsNewWorkflowExecutionCommandAttributes, RequestCancelExternalWorkflowExecutionCommandAttributes,
        SignalExternalWorkflowExecutionCommandAttributes, StartChildWorkflowExecutionCommandAttributes,
    },
    history::v1::{
        ActivityTaskScheduledEventAttributes, ExternalWorkflowExecutionSignaledEventAttributes,
        RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
        SignalExternalWorkflowExecutionFailedEventAttributes, SignalExternalWorkflowExecutionInitiatedEventAttributes,
        StartChildWorkflowExecutionFailedEventAttributes, StartChildWorkflowExecutionInitiatedEventAttributes,
        WorkflowExecutionContinuedAsNewEventAttributes,
    },
};

/// A text of the workflow's own that comes back with what becomes of its command.
pub(crate) trait Control {
    fn control(&self) -> String;
    fn with_control(self, control: String) -> Self;
}

macro_rules! control {
    ($($message:ty),+ $(,)?) => {
        $(impl Control for $message {
            fn control(&self) -> String {
                self.control.clone()
            }

            fn with_control(mut self, control: String) -> Self {
                self.control = control;
                self
            }
        })+
    };
}

control!(
    ExternalWorkflowExecutionSignaledEventAttributes,
    RequestCancelExternalWorkflowExecutionCommandAttributes,
    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    SignalExternalWorkflowExecutionCommandAttributes,
    SignalExternalWorkflowExecutionFailedEventAttributes,
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
    StartChildWorkflowExecutionCommandAttributes,
    StartChildWorkflowExecutionFailedEventAttributes,
    StartChildWorkflowExecutionInitiatedEventAttributes,
);

/// Whether a worker wants a new run to go to workers of its own build.
pub(crate) trait InheritBuildId {
    fn inherits_build_id(&self) -> bool;
    fn with_inherited_build_id(self, inherits: bool) -> Self;
}

macro_rules! inherit_build_id {
    ($($message:ty),+ $(,)?) => {
        $(impl InheritBuildId for $message {
            fn inherits_build_id(&self) -> bool {
                self.inherit_build_id
            }

            fn with_inherited_build_id(mut self, inherits: bool) -> Self {
                self.inherit_build_id = inherits;
                self
            }
        })+
    };
}

inherit_build_id!(
    ContinueAsNewWorkflowExecutionCommandAttributes,
    StartChildWorkflowExecutionCommandAttributes,
    StartChildWorkflowExecutionInitiatedEventAttributes,
    WorkflowExecutionContinuedAsNewEventAttributes,
);

/// The namespace that a command reaches into; empty for the run's own.
pub(crate) trait NamespaceName {
    fn namespace_name(&self) -> &str;
}

macro_rules! namespace_name {
    ($($message:ty),+ $(,)?) => {
        $(impl NamespaceName for $message {
            fn namespace_name(&self) -> &str {
                &self.namespace
            }
        })+
    };
}

namespace_name!(
    RequestCancelExternalWorkflowExecutionCommandAttributes,
    SignalExternalWorkflowExecutionCommandAttributes,
    StartChildWorkflowExecutionCommandAttributes,
);

/// Says in an activity's first event that it shall run on workers of the workflow's own build.
pub(crate) fn use_workflow_build_id(event: &mut ActivityTaskScheduledEventAttributes, uses: bool) {
    event.use_workflow_build_id = uses;
}
