//! An attempt of an activity was started for a worker and could not be written to its connection. The worker has never seen
//! it, so it is as if it had not been started.

use model::Reject;

use crate::{Draft, Reply, StateChange, Step, activity};

/// The activity waits again, in the same attempt.
///
/// # Errors
/// `NotFound` when this start is not the current one (any more).
pub(super) fn handle(
    mut draft: Draft,
    scheduled_event_id: i64,
    attempt: i32,
    started_time: i64,
) -> Result<Step, Reject> {
    let is_current = draft.run().activities.get(&scheduled_event_id).is_some_and(|running| {
        running.is_running() && running.attempt == attempt && running.started_time == started_time
    });
    if !draft.run().is_open() || !is_current {
        return Err(activity::not_found());
    }
    draft.change(StateChange::ActivityReturned { scheduled_event_id });
    draft.finish(Reply::Done)
}
