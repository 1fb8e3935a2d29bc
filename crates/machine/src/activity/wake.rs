//! Activities in time: their timeouts, and the end of a retry's wait.

use model::Time;

use crate::{Activity, Draft, StateChange, activity::timeout};

/// When something of this activity is due next; `fire` does it then.
pub(crate) fn deadline(activity: &Activity) -> Option<Time> {
    let retry = Time(activity.visible_time).non_zero();
    timeout::running(activity).map(|(time, _)| time).chain(retry).min()
}

/// Does what is due at `draft.context.now`, and schedules a workflow task if an event came of it.
pub(crate) fn fire(draft: &mut Draft) {
    let ended = timeout::expire(draft);
    ready(draft);
    if ended {
        draft.schedule_workflow_task();
    }
}

/// Puts the activities whose retry has waited long enough on their queues.
fn ready(draft: &mut Draft) {
    let now = draft.context.now;
    let waited: Vec<_> = (draft.run().activities.values())
        .filter(|activity| activity.visible_time != 0 && activity.visible_time <= now.0)
        .map(|activity| activity.scheduled_event_id)
        .collect();
    for scheduled_event_id in waited {
        draft.change(StateChange::ActivityReady { scheduled_event_id, time: now });
    }
}
