//! Time has passed: everything that is ripe is done, in one step.

pub(crate) mod activities;
pub(crate) mod timers;

use model::Reject;

use crate::{Draft, Reply, Step};

pub(super) fn handle(mut draft: Draft) -> Result<Step, Reject> {
    if draft.run().is_open() {
        timers::fire(&mut draft);
        activities::fire(&mut draft);
    }
    draft.finish(Reply::Done)
}
