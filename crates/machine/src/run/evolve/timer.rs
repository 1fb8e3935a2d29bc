//! What the events of timers change.

use std::sync::Arc;

use model::from_proto_duration;
use proto::temporal::api::history::v1::{
    HistoryEvent, TimerCanceledEventAttributes, TimerFiredEventAttributes, TimerStartedEventAttributes,
};

use crate::{Run, Timer, run::event_time};

/// The timer is pending; it fires that long after the event's time.
pub(super) fn started(run: &mut Run, event: &HistoryEvent, attributes: &TimerStartedEventAttributes) {
    let wait = from_proto_duration(attributes.start_to_fire_timeout.as_ref());
    let timer = Timer {
        timer_id: attributes.timer_id.clone(),
        started_event_id: event.event_id,
        fire_time: (event_time(event) + wait).0,
    };
    run.timers.insert(attributes.timer_id.as_str().into(), Arc::new(timer));
}

/// The timer is over.
pub(super) fn fired(run: &mut Run, _event: &HistoryEvent, attributes: &TimerFiredEventAttributes) {
    remove(run, &attributes.timer_id, attributes.started_event_id);
}

/// The timer is over.
pub(super) fn canceled(run: &mut Run, _event: &HistoryEvent, attributes: &TimerCanceledEventAttributes) {
    remove(run, &attributes.timer_id, attributes.started_event_id);
}

/// A later timer of the same id stays.
fn remove(run: &mut Run, id: &str, started_event_id: i64) {
    if run.timers.get(id).is_some_and(|timer| timer.started_event_id == started_event_id) {
        run.timers.remove(id);
    }
}
