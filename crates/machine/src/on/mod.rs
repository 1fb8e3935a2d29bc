//! One file for each input, or for a few that belong together.

pub mod start;

mod activity_undelivered;
mod admit_update;
mod answer_activity;
mod attach_start;
mod child_closed;
mod child_started;
mod close_policy_applied;
mod complete_workflow_task;
mod external_cancel_delivered;
mod external_signal_delivered;
mod fail_workflow_task;
mod history_limit;
mod parent_notified;
mod recover;
mod request_cancel;
mod reset_sticky;
mod signal;
mod start_activity;
mod start_workflow_task;
mod sticky_worker_gone;
mod terminate;
pub(crate) mod wake;
mod workflow_task_undelivered;

use model::Reject;
use proto::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope};

pub(crate) use admit_update::check_total;

use crate::{Draft, External, Input, Run, Step, StepContext, assert, task::Reporter};

impl Run {
    /// Decides what follows from `input`, without touching the state.
    ///
    /// # Errors
    /// The refusal as the caller gets it; nothing has changed then.
    pub fn handle(&self, input: Input, context: &StepContext) -> Result<Step, Reject> {
        assert::state(self);
        let step = decide(Draft::new(self.clone(), context.clone()), input)?;
        let step = history_limit::enforce(self, step, context)?;
        assert::step(self, &step);
        Ok(step)
    }
}

fn decide(draft: Draft, input: Input) -> Result<Step, Reject> {
    match input {
        Input::Signal(signal) => signal::handle(draft, signal),
        Input::RequestCancel { reason, identity, request_id, external, links } => {
            request_cancel::handle(draft, reason, identity, request_id, external, links)
        }
        Input::AdmitUpdate(request) => admit_update::handle(draft, *request),
        Input::Terminate { reason, details, identity, links } => {
            terminate::handle(draft, reason, details, identity, links)
        }
        Input::AttachStart { request_id, links } => attach_start::handle(draft, request_id, links),
        Input::StartWorkflowTask { identity, request_id, worker_version } => {
            start_workflow_task::handle(draft, identity, request_id, worker_version)
        }
        Input::CompleteWorkflowTask { task, request } => complete_workflow_task::handle(draft, &task, *request),
        Input::FailWorkflowTask { task, request } => fail_workflow_task::handle(draft, &task, *request),
        Input::StartActivity { scheduled_event_id, identity, request_id, worker_version } => {
            start_activity::handle(draft, scheduled_event_id, identity, request_id, worker_version)
        }
        Input::WorkflowTaskUndelivered { task } => workflow_task_undelivered::handle(draft, &task),
        Input::ActivityUndelivered { scheduled_event_id, attempt, started_time } => {
            activity_undelivered::handle(draft, scheduled_event_id, attempt, started_time)
        }
        Input::AnswerActivity { activity, identity, worker_version, answer } => {
            answer_activity::handle(draft, activity, Reporter { identity, worker_version }, answer)
        }
        Input::ChildStarted { initiated_event_id, outcome } => {
            child_started::handle(draft, initiated_event_id, outcome)
        }
        Input::ChildClosed { initiated_event_id, child } => child_closed::handle(draft, initiated_event_id, *child),
        Input::ExternalSignalDelivered { initiated_event_id, outcome } => {
            external_signal_delivered::handle(draft, initiated_event_id, outcome)
        }
        Input::ExternalCancelDelivered { initiated_event_id, outcome } => {
            external_cancel_delivered::handle(draft, initiated_event_id, outcome)
        }
        Input::ClosePolicyApplied { initiated_event_id } => close_policy_applied::handle(draft, initiated_event_id),
        Input::ParentNotified => parent_notified::handle(draft),
        Input::ResetSticky => reset_sticky::handle(draft),
        Input::StickyWorkerGone { task_queue } => sticky_worker_gone::handle(draft, &task_queue),
        Input::Wake => wake::handle(draft),
        Input::Recover => recover::handle(draft),
    }
}

/// The answer to a caller that wants something of a run that is over.
pub(crate) fn completed() -> Reject {
    Reject::not_found("workflow execution already completed")
}

/// The answer to a caller that brings an event while the worker is about to close the run: it would make the worker try again
/// and again.
fn closing() -> Reject {
    let text = "workflow operation can not be applied because workflow is closing";
    Reject::exhausted(ResourceExhaustedCause::BusyWorkflow, ResourceExhaustedScope::Namespace, text)
}

/// Whether the workflow that sends may address this run.
///
/// # Errors
/// `NotFound` where a workflow sends to its own id, whichever run that reaches, and where a sender that may only address
/// its own children isn't this run's parent.
fn check_sender(run: &Run, sender: &External) -> Result<(), Reject> {
    let own = &run.key.workflow;
    if *sender.workflow_id == *own.workflow_id && sender.namespace_id == own.namespace.to_string() {
        return Err(Reject::not_found("workflow execution not found"));
    }
    let parent = run.started().parent_workflow_execution.as_ref();
    let is_parent =
        parent.is_some_and(|parent| parent.workflow_id == sender.workflow_id && parent.run_id == sender.run_id);
    if sender.child_workflow_only && !is_parent {
        return Err(Reject::not_found("workflow parent does not match"));
    }
    Ok(())
}
