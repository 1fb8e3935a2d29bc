//! The timers that have come due.

use proto::temporal::api::history::v1::{TimerFiredEventAttributes, history_event::Attributes as A};

use crate::Draft;

/// Fires the timers whose time has come at `draft.context.now`, earliest first, and schedules a workflow task.
pub(crate) fn fire(draft: &mut Draft) {
    let now = draft.context.now.0;
    let mut due: Vec<_> = draft.run().timers.values().filter(|timer| timer.fire_time <= now).cloned().collect();
    if due.is_empty() {
        return;
    }
    due.sort_by_key(|timer| (timer.fire_time, timer.started_event_id));
    for timer in due {
        draft.record(A::TimerFiredEventAttributes(TimerFiredEventAttributes {
            timer_id: timer.timer_id.clone(),
            started_event_id: timer.started_event_id,
        }));
    }
    draft.schedule_workflow_task();
}
