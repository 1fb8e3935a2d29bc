//! What a history shows of a program's steps.

use std::collections::BTreeSet;

use proto::temporal::api::history::v1::{HistoryEvent, history_event::Attributes as Event};

/// What of a program's steps a history shows.
pub(super) struct Seen<'a> {
    events: &'a [HistoryEvent],
    signals: usize,
    updates: usize,
    /// The step at hand was begun, but is not done.
    begun: bool,
}

impl<'a> Seen<'a> {
    pub(super) fn new(events: &'a [HistoryEvent]) -> Self {
        let count =
            |is: fn(&Event) -> bool| events.iter().filter_map(|it| it.attributes.as_ref()).filter(|it| is(it)).count();
        Self {
            events,
            signals: count(|it| matches!(it, Event::WorkflowExecutionSignaledEventAttributes(_))),
            updates: count(|it| matches!(it, Event::WorkflowExecutionUpdateCompletedEventAttributes(_))),
            begun: false,
        }
    }

    /// Whether the step that was asked about last was begun.
    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    /// The event id that the first command of this completion gets: behind the task's start comes its completion.
    pub(super) fn next_event_id(&self) -> i64 {
        self.events.last().map_or(0, |event| event.event_id) + 2
    }

    pub(super) fn is_asked_to_cancel(&self) -> bool {
        self.attributes().any(|it| matches!(it, Event::WorkflowExecutionCancelRequestedEventAttributes(_)))
    }

    /// Whether the child of this step was asked to cancel itself.
    pub(super) fn has_cancelled(&self, position: usize) -> bool {
        let suffix = format!("-{position}");
        self.attributes().any(|event| match event {
            Event::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(it) => {
                it.workflow_execution.as_ref().is_some_and(|child| child.workflow_id.ends_with(&suffix))
            }
            _ => false,
        })
    }

    /// Whether a Workflow Task has failed. Later attempts at one leave no event.
    pub(super) fn failed_task(&self) -> bool {
        self.attributes().any(|it| matches!(it, Event::WorkflowTaskFailedEventAttributes(_)))
    }

    fn attributes(&self) -> impl Iterator<Item = &'a Event> + use<'a> {
        self.events.iter().filter_map(|event| event.attributes.as_ref())
    }

    pub(super) fn signal(&mut self) -> bool {
        take_one(&mut self.signals)
    }

    pub(super) fn update(&mut self) -> bool {
        take_one(&mut self.updates)
    }

    pub(super) fn activity(&mut self, position: usize) -> bool {
        let name = position.to_string();
        let scheduled = self.events.iter().find_map(|event| match &event.attributes {
            Some(Event::ActivityTaskScheduledEventAttributes(it)) if it.activity_id == name => Some(event.event_id),
            _ => None,
        });
        self.begun = scheduled.is_some();
        self.attributes().filter_map(ended_activity).any(|ended| Some(ended) == scheduled)
    }

    pub(super) fn timer(&mut self, position: usize) -> bool {
        let name = position.to_string();
        self.begun = self
            .attributes()
            .any(|event| matches!(event, Event::TimerStartedEventAttributes(it) if it.timer_id == name));
        self.attributes().any(|event| match event {
            Event::TimerFiredEventAttributes(it) => it.timer_id == name,
            Event::TimerCanceledEventAttributes(it) => it.timer_id == name,
            _ => false,
        })
    }

    pub(super) fn child(&mut self, position: usize) -> bool {
        let suffix = format!("-{position}");
        let initiated = self.events.iter().find_map(|event| match &event.attributes {
            Some(Event::StartChildWorkflowExecutionInitiatedEventAttributes(it))
                if it.workflow_id.ends_with(&suffix) =>
            {
                Some(event.event_id)
            }
            _ => None,
        });
        self.begun = initiated.is_some();
        self.attributes().filter_map(ended_child).any(|ended| Some(ended) == initiated)
    }
}

fn take_one(count: &mut usize) -> bool {
    let any = *count > 0;
    *count = count.saturating_sub(1);
    any
}

/// The scheduled event of the activity that ends with this event.
pub(crate) fn ended_activity(event: &Event) -> Option<i64> {
    match event {
        Event::ActivityTaskCompletedEventAttributes(it) => Some(it.scheduled_event_id),
        Event::ActivityTaskTimedOutEventAttributes(it) => Some(it.scheduled_event_id),
        Event::ActivityTaskFailedEventAttributes(it) => Some(it.scheduled_event_id),
        Event::ActivityTaskCanceledEventAttributes(it) => Some(it.scheduled_event_id),
        _ => None,
    }
}

/// The initiated event of the child that ends, or does not start, with this event.
pub(crate) fn ended_child(event: &Event) -> Option<i64> {
    match event {
        Event::ChildWorkflowExecutionCompletedEventAttributes(it) => Some(it.initiated_event_id),
        Event::ChildWorkflowExecutionTerminatedEventAttributes(it) => Some(it.initiated_event_id),
        Event::ChildWorkflowExecutionCanceledEventAttributes(it) => Some(it.initiated_event_id),
        Event::ChildWorkflowExecutionFailedEventAttributes(it) => Some(it.initiated_event_id),
        Event::ChildWorkflowExecutionTimedOutEventAttributes(it) => Some(it.initiated_event_id),
        Event::StartChildWorkflowExecutionFailedEventAttributes(it) => Some(it.initiated_event_id),
        _ => None,
    }
}

/// The ids of the updates that a worker has accepted and not completed yet, in their order.
pub(crate) fn updates_under_way(events: &[HistoryEvent]) -> Vec<String> {
    let attributes = || events.iter().filter_map(|event| event.attributes.as_ref());
    let completed: BTreeSet<&str> = attributes()
        .filter_map(|event| match event {
            Event::WorkflowExecutionUpdateCompletedEventAttributes(it) => it.meta.as_ref(),
            _ => None,
        })
        .map(|meta| meta.update_id.as_str())
        .collect();
    let accepted = attributes().filter_map(|event| match event {
        Event::WorkflowExecutionUpdateAcceptedEventAttributes(it) => Some(it.protocol_instance_id.clone()),
        _ => None,
    });
    accepted.filter(|id| !completed.contains(id.as_str())).collect()
}
