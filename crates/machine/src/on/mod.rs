//! One file for each input, or for a few that belong together.

pub mod start;

mod activity_answer;
mod activity_start;
mod child_closed;
mod child_started;
mod external_cancel_delivered;
mod external_signal_delivered;
pub(crate) mod wake;

use model::Reject;

use crate::{Draft, Facts, Input, Run, Step};

impl Run {
    /// Decides what follows from `input`, without touching the state.
    ///
    /// # Errors
    /// The refusal as the asker shall see it; nothing has changed then.
    pub fn handle(&self, input: Input, facts: &Facts) -> Result<Step, Reject> {
        let draft = Draft::new(self.clone(), facts.clone());
        match input {
            Input::StartActivity {
                scheduled_event_id,
                identity,
                request_id,
                worker_version,
            } => activity_start::handle(draft, scheduled_event_id, identity, request_id, worker_version),
            Input::AnswerActivity {
                activity,
                identity,
                answer,
            } => activity_answer::handle(draft, activity, identity, answer),
            Input::ChildStarted {
                initiated_event_id,
                outcome,
            } => child_started::handle(draft, initiated_event_id, outcome),
            Input::ChildClosed {
                initiated_event_id,
                child,
            } => child_closed::handle(draft, initiated_event_id, *child),
            Input::ExternalSignalDelivered {
                initiated_event_id,
                outcome,
            } => external_signal_delivered::handle(draft, initiated_event_id, outcome),
            Input::ExternalCancelDelivered {
                initiated_event_id,
                outcome,
            } => external_cancel_delivered::handle(draft, initiated_event_id, outcome),
            Input::Wake => wake::handle(draft),
            Input::Signal(_)
            | Input::RequestCancel { .. }
            | Input::Terminate { .. }
            | Input::AttachStart { .. }
            | Input::StartWorkflowTask { .. }
            | Input::CompleteWorkflowTask { .. }
            | Input::FailWorkflowTask { .. }
            | Input::ClosePolicyApplied { .. }
            | Input::ParentNotified
            | Input::ResetSticky
            | Input::StickyWorkerGone { .. }
            | Input::Recover => Err(Reject::unimplemented("this input")),
        }
    }
}
