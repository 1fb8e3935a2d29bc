//! Activities in time: their timeouts, and the end of a retry's wait.

use model::Time;

use crate::{Activity, Draft, Quiet, activity::timeout};

/// When something of this activity is ripe next; `fire` does it then.
pub(crate) fn deadline(activity: &Activity) -> Option<Time> {
    let retry = Time(activity.visible_time).non_zero();
    timeout::running(activity).map(|(time, _)| time).chain(retry).min()
}

/// Does what is ripe at `draft.facts.now`, and schedules a workflow task if an event came of it.
///
/// The order is that of the deadlines, then of the activities, then of the timeouts' numbers in the API.
pub(crate) fn fire(draft: &mut Draft) {
    let now = draft.facts.now;
    let mut ripe: Vec<_> = (draft.run().activities.values())
        .flat_map(|activity| {
            let due = timeout::running(activity).filter(|(time, _)| *time <= now);
            due.map(|(time, kind)| (time, activity.scheduled_event_id, kind, activity.attempt))
                .collect::<Vec<_>>()
        })
        .collect();
    ripe.sort_by_key(|(time, scheduled_event_id, kind, _)| (*time, *scheduled_event_id, *kind as i32));
    let mut ended = false;
    for (_, scheduled_event_id, kind, attempt) in ripe {
        let pending = draft.run().activities.get(&scheduled_event_id).cloned();
        // An earlier timeout of this very step may have ended it, or its attempt.
        if let Some(activity) = pending.filter(|activity| activity.attempt == attempt) {
            ended |= timeout::expire(draft, &activity, kind);
        }
    }
    ready(draft, now);
    if ended {
        draft.schedule_workflow_task();
    }
}

/// Puts the activities whose retry has waited long enough on their queues.
fn ready(draft: &mut Draft, now: Time) {
    let waited: Vec<_> = (draft.run().activities.values())
        .filter(|activity| activity.visible_time != 0 && activity.visible_time <= now.0)
        .map(|activity| activity.scheduled_event_id)
        .collect();
    for scheduled_event_id in waited {
        draft.quiet(Quiet::ActivityReady {
            scheduled_event_id,
            time: now,
        });
    }
}
