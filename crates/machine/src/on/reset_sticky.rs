//! The caller knows that the worker's cache is no good: the next workflow task goes to any worker.

use model::Reject;

use super::completed;
use crate::{Draft, Reply, StateChange, Step};

/// The worker's queue is forgotten; a task that waits there waits on the common queue from now on.
///
/// # Errors
/// `NotFound` when the run is over.
pub(super) fn handle(mut draft: Draft) -> Result<Step, Reject> {
    if !draft.run().is_open() {
        return Err(completed());
    }
    if draft.run().core.sticky.is_some() {
        draft.change(StateChange::StickySet(None));
    }
    draft.finish(Reply::Done)
}
