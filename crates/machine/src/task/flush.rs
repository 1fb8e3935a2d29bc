//! Events that arrived while a worker decided are appended: in which order, and how they find each other.

use std::{collections::BTreeMap, sync::Arc};

use proto::temporal::api::history::v1::HistoryEvent;

use crate::{
    Draft, StateChange,
    run::{Role, role, started_event_id},
};

impl Draft {
    /// Appends the buffered events, unless a worker still decides. Says whether there were any.
    pub(crate) fn flush_buffered(&mut self) -> bool {
        if self.run().buffered.is_empty() || self.run().is_deciding() {
            return false;
        }
        let buffered = self.run().buffered.clone();
        self.change(StateChange::BufferTaken);
        // What ends an activity or a child comes last, so that it never stands before its start.
        let (ends, others): (Vec<_>, Vec<_>) = buffered.into_iter().partition(|event| is_end(event));
        let mut started = BTreeMap::new();
        for event in others.into_iter().chain(ends) {
            let mut event = Arc::unwrap_or_clone(event);
            match phase(&event) {
                Phase::Begins { announced } => {
                    started.insert(announced, self.append_event(event));
                }
                Phase::Ends { announced } => {
                    wire(&mut event, started.get(&announced));
                    self.append_event(event);
                }
                Phase::Neither => {
                    self.append_event(event);
                }
            }
        }
        true
    }
}

/// What an event says of an activity or a child. `announced` is the event that it was scheduled or initiated with.
enum Phase {
    Begins { announced: i64 },
    Ends { announced: i64 },
    Neither,
}

fn phase(event: &HistoryEvent) -> Phase {
    match role(event) {
        Role::ActivityStarted { scheduled_event_id: announced }
        | Role::ChildStarted { initiated_event_id: announced } => Phase::Begins { announced },
        Role::ActivityEnded { scheduled_event_id: announced } | Role::ChildEnded { initiated_event_id: announced } => {
            Phase::Ends { announced }
        }
        Role::RunStarted(_)
        | Role::RunClosed(_)
        | Role::Signaled
        | Role::WorkflowTaskScheduled
        | Role::WorkflowTaskStarted
        | Role::ActivityScheduled
        | Role::TimerStarted
        | Role::TimerFired(_)
        | Role::ChildInitiated
        | Role::Other => Phase::Neither,
    }
}

fn is_end(event: &HistoryEvent) -> bool {
    match phase(event) {
        Phase::Ends { .. } => true,
        Phase::Begins { .. } | Phase::Neither => false,
    }
}

/// Tells an end the id of its start, which had none when the end was buffered.
fn wire(event: &mut HistoryEvent, start: Option<&i64>) {
    let place = event.attributes.as_mut().and_then(started_event_id);
    if let (Some(place), Some(start)) = (place, start) {
        *place = *start;
    }
}
