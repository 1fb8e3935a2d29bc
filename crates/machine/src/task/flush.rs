//! Events that arrived while a worker decided are appended: in which order, and how they find each other.

use std::{collections::BTreeMap, sync::Arc};

use proto::temporal::api::history::v1::{HistoryEvent, history_event::Attributes as A};

use crate::{Draft, Quiet};

impl Draft {
    /// Appends the buffered events, unless a worker still decides. Says whether there were any.
    pub(crate) fn flush_buffered(&mut self) -> bool {
        if self.run().buffered.is_empty() || self.run().is_deciding() {
            return false;
        }
        let buffered = self.run().buffered.clone();
        self.quiet(Quiet::BufferTaken);
        // What ends an activity or a child comes last, so that it never stands before its start.
        let (ends, others): (Vec<_>, Vec<_>) = buffered.into_iter().partition(|event| is_end(event));
        let mut started = BTreeMap::new();
        for event in others.into_iter().chain(ends) {
            let mut event = Arc::unwrap_or_clone(event);
            wire(&mut event, &started);
            let begins = begins(&event);
            let event_id = self.append_event(event);
            if let Some(key) = begins {
                started.insert(key, event_id);
            }
        }
        true
    }
}

/// Whether the event ends an activity, a child or a Nexus operation.
fn is_end(event: &HistoryEvent) -> bool {
    matches!(
        event.attributes,
        Some(
            A::ActivityTaskCompletedEventAttributes(_)
                | A::ActivityTaskFailedEventAttributes(_)
                | A::ActivityTaskTimedOutEventAttributes(_)
                | A::ActivityTaskCanceledEventAttributes(_)
                | A::ChildWorkflowExecutionCompletedEventAttributes(_)
                | A::ChildWorkflowExecutionFailedEventAttributes(_)
                | A::ChildWorkflowExecutionTimedOutEventAttributes(_)
                | A::ChildWorkflowExecutionCanceledEventAttributes(_)
                | A::ChildWorkflowExecutionTerminatedEventAttributes(_)
        )
    )
}

/// Of an event that begins something: the event that announced it.
fn begins(event: &HistoryEvent) -> Option<i64> {
    if let Some(A::ActivityTaskStartedEventAttributes(attributes)) = &event.attributes {
        Some(attributes.scheduled_event_id)
    } else if let Some(A::ChildWorkflowExecutionStartedEventAttributes(attributes)) = &event.attributes {
        Some(attributes.initiated_event_id)
    } else {
        None
    }
}

/// Tells an end the id of its start, which had none when the end was buffered.
fn wire(event: &mut HistoryEvent, started: &BTreeMap<i64, i64>) {
    let Some(attributes) = &mut event.attributes else {
        return;
    };
    let Some((announced, start)) = ends(attributes) else {
        return;
    };
    if let Some(event_id) = started.get(&announced) {
        *start = *event_id;
    }
}

/// Of an event that ends something: the event that announced it, and where the id of its start stands.
fn ends(attributes: &mut A) -> Option<(i64, &mut i64)> {
    if let A::ActivityTaskCompletedEventAttributes(a) = attributes {
        Some((a.scheduled_event_id, &mut a.started_event_id))
    } else if let A::ActivityTaskFailedEventAttributes(a) = attributes {
        Some((a.scheduled_event_id, &mut a.started_event_id))
    } else if let A::ActivityTaskTimedOutEventAttributes(a) = attributes {
        Some((a.scheduled_event_id, &mut a.started_event_id))
    } else if let A::ActivityTaskCanceledEventAttributes(a) = attributes {
        Some((a.scheduled_event_id, &mut a.started_event_id))
    } else if let A::ChildWorkflowExecutionCompletedEventAttributes(a) = attributes {
        Some((a.initiated_event_id, &mut a.started_event_id))
    } else if let A::ChildWorkflowExecutionFailedEventAttributes(a) = attributes {
        Some((a.initiated_event_id, &mut a.started_event_id))
    } else if let A::ChildWorkflowExecutionTimedOutEventAttributes(a) = attributes {
        Some((a.initiated_event_id, &mut a.started_event_id))
    } else if let A::ChildWorkflowExecutionCanceledEventAttributes(a) = attributes {
        Some((a.initiated_event_id, &mut a.started_event_id))
    } else if let A::ChildWorkflowExecutionTerminatedEventAttributes(a) = attributes {
        Some((a.initiated_event_id, &mut a.started_event_id))
    } else {
        None
    }
}
