//! A history that has grown too large ends its run: no worker could read it any more.

use model::Reject;

use crate::{Draft, Reply, Run, Step, StepContext, task::SERVER};

/// The step itself, or, where it would make the history of an open run too large, the termination of the run. What was
/// asked for is dropped then, and the caller refused.
pub(super) fn enforce(run: &Run, step: Step, context: &StepContext) -> Result<Step, Reject> {
    if !step.next.is_open() {
        return Ok(step);
    }
    let (core, limits) = (&step.next.core, &context.limits);
    let reason = if core.history_size > limits.history_size_error {
        "Workflow history size exceeds limit."
    } else if core.next_event_id - 1 > limits.history_count_error {
        "Workflow history count exceeds limit."
    } else {
        return Ok(step);
    };
    let mut draft = Draft::new(run.clone(), context.clone());
    draft.terminate_run(reason.to_owned(), None, SERVER.to_owned(), Vec::new());
    draft.finish(Reply::Refused(Reject::invalid(reason)))
}
