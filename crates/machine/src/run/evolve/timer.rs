//! What the events of timers change.

use proto::temporal::api::history::v1::{
    HistoryEvent, TimerCanceledEventAttributes, TimerFiredEventAttributes, TimerStartedEventAttributes,
};

use crate::Run;

pub(super) fn started(run: &mut Run, event: &HistoryEvent, attributes: &TimerStartedEventAttributes) {
    let _ = (run, event, attributes);
}

pub(super) fn fired(run: &mut Run, event: &HistoryEvent, attributes: &TimerFiredEventAttributes) {
    let _ = (run, event, attributes);
}

pub(super) fn canceled(run: &mut Run, event: &HistoryEvent, attributes: &TimerCanceledEventAttributes) {
    let _ = (run, event, attributes);
}
