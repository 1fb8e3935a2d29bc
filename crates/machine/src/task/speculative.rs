//! The workflow task that only brings updates to a worker: it leaves no trace unless something comes of it.
//!
//! It is in memory alone. Whatever makes the run's state on disk change makes it an ordinary one first, so that the
//! event ids which its worker was given stay true. Where all its updates were rejected it is forgotten.

use std::time::Duration;

use model::Time;
use prost::Name;
use proto::temporal::api::{
    history::v1::HistoryEvent, update::v1::Rejection,
    workflowservice::v1::RespondWorkflowTaskCompletedRequest as Request,
};

use crate::{Draft, Run, StartedWorkflowTask, StateChange, Sticky, WorkflowTask, run::nanos};

/// How long it waits on the common queue, or for a worker that has set no time, before it becomes an ordinary one: nothing on disk would bring it back if the
/// queue lost it. Source: the reference server.
const PATIENCE: Duration = Duration::from_secs(5);

/// The events between a completed task's start and the next event, where nothing has happened since: its start and its
/// completion.
const EVENTS_OF_A_TASK: i64 = 2;

impl WorkflowTask {
    /// Whether that it was scheduled stands in the history.
    pub(crate) fn has_event(&self) -> bool {
        self.attempt == 1 && !self.speculative
    }
}

impl Draft {
    /// Makes sure that a worker will hear of the updates: schedules a workflow task, in memory only, unless one waits or
    /// is running.
    pub(crate) fn schedule_speculative(&mut self) {
        let now = self.context.now;
        let core = &self.run().core;
        if !self.run().is_open() || core.workflow_task.is_some() {
            return;
        }
        let patience = core.sticky.as_ref().and_then(Sticky::patience).unwrap_or(PATIENCE);
        let (scheduled_event_id, sticky) = (core.next_event_id, core.sticky.is_some());
        let timeout = self.start_to_close_timeout(1);
        self.change(StateChange::SpeculativeTaskSet(Some(WorkflowTask {
            scheduled_event_id,
            scheduled_time: now.0,
            original_scheduled_time: now.0,
            attempt: 1,
            sticky,
            start_to_close_timeout: nanos(timeout),
            schedule_to_start_deadline: (now + patience).0,
            visible_time: 0,
            speculative: true,
        })));
    }

    /// Makes a speculative task an ordinary one, because the state on disk is about to change.
    pub(crate) fn settle_speculative(&mut self) {
        let Some(task) = self.run().core.workflow_task.filter(|task| task.speculative) else {
            return;
        };
        let attributes = self.run().scheduled_attributes(&task);
        self.append_event(HistoryEvent {
            event_time: Some(Time(task.scheduled_time).to_proto()),
            attributes: Some(attributes),
            ..HistoryEvent::default()
        });
        if let Some(started) = self.run().started_task.clone() {
            // As on the reference, such a start doesn't say who made it.
            let started = StartedWorkflowTask { identity: String::new(), worker_version: None, ..(*started).clone() };
            self.change(StateChange::WorkflowTaskStarted(started.into()));
        }
    }

    /// Forgets a speculative task that no worker has taken: the run is about to close.
    pub(crate) fn drop_waiting_speculative(&mut self) {
        if self.run().is_speculative() && !self.run().is_deciding() {
            self.change(StateChange::SpeculativeTaskSet(None));
        }
    }
}

/// Whether nothing came of a speculative task, so that it leaves no trace: its worker has only rejected updates, and
/// has seen few events that it would get again.
pub(crate) fn leaves_no_trace(run: &Run, task: &WorkflowTask, request: &Request, most_events: i64) -> bool {
    let capable = request
        .capabilities
        .as_ref()
        .is_some_and(|capabilities| capabilities.discard_speculative_workflow_task_with_events);
    let shown_again = if capable { most_events } else { 0 };
    let core = &run.core;
    task.speculative
        && request.commands.is_empty()
        && !request.force_create_new_workflow_task
        && core.next_event_id <= core.previous_started_event_id + EVENTS_OF_A_TASK + shown_again
        && request.messages.iter().all(|message| {
            message.body.as_ref().is_some_and(|body| body.type_url.rsplit('/').next() == Some(&*Rejection::full_name()))
        })
}
