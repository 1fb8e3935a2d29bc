//! Whoever asks knows that the worker's cache is no good: the next workflow task goes to any worker.

use model::Reject;

use super::completed;
use crate::{Draft, Quiet, Reply, Step};

pub(super) fn handle(mut draft: Draft) -> Result<Step, Reject> {
    if !draft.run().is_open() {
        return Err(completed());
    }
    if draft.run().core.sticky.is_some() {
        draft.quiet(Quiet::StickySet(None));
    }
    draft.finish(Reply::Done)
}
