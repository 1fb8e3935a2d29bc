//! What the events of activities change.

use proto::temporal::api::history::v1::{
    ActivityTaskCancelRequestedEventAttributes, ActivityTaskCanceledEventAttributes,
    ActivityTaskCompletedEventAttributes, ActivityTaskFailedEventAttributes, ActivityTaskScheduledEventAttributes,
    ActivityTaskStartedEventAttributes, ActivityTaskTimedOutEventAttributes, HistoryEvent,
};

use crate::Run;

pub(super) fn scheduled(run: &mut Run, event: &HistoryEvent, attributes: &ActivityTaskScheduledEventAttributes) {
    let _ = (run, event, attributes);
}

pub(super) fn started(run: &mut Run, event: &HistoryEvent, attributes: &ActivityTaskStartedEventAttributes) {
    let _ = (run, event, attributes);
}

pub(super) fn completed(run: &mut Run, event: &HistoryEvent, attributes: &ActivityTaskCompletedEventAttributes) {
    let _ = (run, event, attributes);
}

pub(super) fn failed(run: &mut Run, event: &HistoryEvent, attributes: &ActivityTaskFailedEventAttributes) {
    let _ = (run, event, attributes);
}

pub(super) fn timed_out(run: &mut Run, event: &HistoryEvent, attributes: &ActivityTaskTimedOutEventAttributes) {
    let _ = (run, event, attributes);
}

pub(super) fn cancel_requested(
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &ActivityTaskCancelRequestedEventAttributes,
) {
    let _ = (run, event, attributes);
}

pub(super) fn canceled(run: &mut Run, event: &HistoryEvent, attributes: &ActivityTaskCanceledEventAttributes) {
    let _ = (run, event, attributes);
}

/// `Quiet::ActivityStarted`, `ActivityHeartbeat`, `ActivityRetried`, `ActivityReady`; other changes are not its own.
pub(super) fn quiet(run: &mut Run, change: &crate::Quiet) {
    let _ = (run, change);
}
