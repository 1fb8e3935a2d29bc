//! The timers that have come due.

use proto::temporal::api::history::v1::{TimerFiredEventAttributes, history_event::Attributes as A};

use crate::Draft;

/// Fires the timers whose time has come at `draft.facts.now`, earliest first, and schedules a workflow task.
pub(crate) fn fire(draft: &mut Draft) {
    let now = draft.facts.now.0;
    let mut ripe: Vec<_> = draft.run().timers.values().filter(|timer| timer.fire_time <= now).cloned().collect();
    if ripe.is_empty() {
        return;
    }
    ripe.sort_by_key(|timer| (timer.fire_time, timer.started_event_id));
    for timer in ripe {
        draft.record(A::TimerFiredEventAttributes(TimerFiredEventAttributes {
            timer_id: timer.timer_id.clone(),
            started_event_id: timer.started_event_id,
        }));
    }
    draft.schedule_workflow_task();
}
