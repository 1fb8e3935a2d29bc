//! A waiting workflow task is handed to a worker. That leaves no trace on disk: after a crash it waits again.

use std::sync::Arc;

use model::{Reject, Time, to_proto_duration};
use proto::temporal::api::{
    common::v1::WorkerVersionStamp,
    enums::v1::{SuggestContinueAsNewReason, TaskQueueKind},
    history::v1::{
        HistoryEvent, WorkflowTaskScheduledEventAttributes, WorkflowTaskStartedEventAttributes,
        history_event::Attributes as A,
    },
    taskqueue::v1::TaskQueue,
};

use crate::{
    Draft, Run, StartedWorkflowTask, StateChange, WorkflowTask, WorkflowTaskAnswer,
    run::{event_type, span},
};

/// The part of the updates that a run takes in its life from which on it should continue as new. Source: the reference
/// server.
const UPDATES_SUGGEST: f64 = 0.9;

/// The worker that reported a task's outcome. The start of a task that had no event until then is written as if this worker had
/// polled it. Source: the reference server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reporter {
    /// Empty where the server itself ended the task.
    pub(crate) identity: String,
    pub(crate) worker_version: Option<WorkerVersionStamp>,
}

impl Run {
    /// The events of the current workflow task that are not in the history: of a transient attempt that it was
    /// scheduled, of a started one that it was started. Their ids are those that they will get if nothing changes.
    pub fn tail(&self) -> Vec<HistoryEvent> {
        self.tail_started_by(self.started_task.as_ref().map_or("", |started| &started.identity))
    }

    /// The tail as a reader of the history sees it: of a transient attempt it doesn't say who runs it.
    pub fn tail_without_worker(&self) -> Vec<HistoryEvent> {
        if self.start_stands_for_event() { self.tail() } else { self.tail_started_by("") }
    }

    fn tail_started_by(&self, identity: &str) -> Vec<HistoryEvent> {
        let Some(task) = self.core.workflow_task.as_ref().filter(|_| self.is_open()) else {
            return Vec::new();
        };
        if !task.has_event() && task.scheduled_event_id != self.core.next_event_id {
            // Events have come since it was scheduled: when it starts it will be another task.
            return Vec::new();
        }
        let mut tail = Vec::new();
        if !task.has_event() {
            tail.push(event(task.scheduled_event_id, Time(task.scheduled_time), self.scheduled_attributes(task)));
        }
        if let Some(started) = &self.started_task {
            // Whose start stands for no event yet doesn't say which build has it.
            let version = started.worker_version.clone().filter(|_| task.has_event());
            let attributes = started_attributes(task, started, identity.to_owned(), version);
            tail.push(event(started.started_event_id, started.started_time, attributes));
        }
        tail
    }

    /// Whether the running task's start will be in the history whatever becomes of the task, so that it counts as if it
    /// were there.
    pub fn start_stands_for_event(&self) -> bool {
        self.started_task.is_some() && self.core.workflow_task.is_some_and(|task| task.has_event())
    }

    /// What the event of a transient attempt will say.
    pub(super) fn scheduled_attributes(&self, task: &WorkflowTask) -> A {
        let normal = TaskQueue {
            name: self.core.task_queue.clone(),
            kind: TaskQueueKind::Normal.into(),
            ..TaskQueue::default()
        };
        A::WorkflowTaskScheduledEventAttributes(WorkflowTaskScheduledEventAttributes {
            task_queue: Some(if task.sticky { self.next_task_queue() } else { normal }),
            start_to_close_timeout: Some(to_proto_duration(span(task.start_to_close_timeout))),
            attempt: task.attempt,
        })
    }

    /// The running workflow task as its worker gets it.
    pub fn task_answer(&self) -> Option<WorkflowTaskAnswer> {
        let task = self.core.workflow_task.as_ref()?;
        let started = self.started_task.as_ref()?;
        Some(WorkflowTaskAnswer {
            scheduled_event_id: task.scheduled_event_id,
            started_event_id: started.started_event_id,
            attempt: task.attempt,
            previous_started_event_id: self.core.previous_started_event_id,
            scheduled_time: task.scheduled_time,
            started_time: started.started_time.0,
            stored_before_event_id: self.core.next_event_id,
            tail: self.tail(),
            messages: self.update_messages(started.started_event_id),
            sticky: task.sticky,
        })
    }

    /// Why the workflow should continue as new before it goes on.
    fn suggest_reasons(&self, limits: &model::Limits) -> Vec<SuggestContinueAsNewReason> {
        let large = self.core.history_size >= limits.history_size_suggest_continue_as_new;
        let long = self.core.next_event_id >= limits.history_count_suggest_continue_as_new;
        let most = limits.updates_per_execution as f64 * UPDATES_SUGGEST;
        let many = most > 0.0 && (self.pending_updates.len() + self.updates.len()) as f64 >= most.ceil();
        [
            (large, SuggestContinueAsNewReason::HistorySizeTooLarge),
            (long, SuggestContinueAsNewReason::TooManyHistoryEvents),
            (many, SuggestContinueAsNewReason::TooManyUpdates),
        ]
        .into_iter()
        .filter_map(|(applies, reason)| applies.then_some(reason))
        .collect()
    }
}

impl Draft {
    /// Starts the waiting workflow task.
    ///
    /// # Errors
    /// `NotFound` when none waits.
    pub(crate) fn start_workflow_task(
        &mut self,
        identity: String,
        request_id: String,
        worker_version: Option<WorkerVersionStamp>,
    ) -> Result<WorkflowTaskAnswer, Reject> {
        let suggest_reasons = self.run().suggest_reasons(&self.context.limits);
        let history_size = self.run().core.history_size;
        let task = self.startable_task()?;
        let started_event_id =
            if task.has_event() { self.run().core.next_event_id } else { task.scheduled_event_id + 1 };
        self.change(StateChange::WorkflowTaskStarted(Arc::new(StartedWorkflowTask {
            started_event_id,
            started_time: self.context.now,
            identity,
            request_id,
            suggest_continue_as_new: !suggest_reasons.is_empty(),
            suggest_reasons,
            history_size,
            deadline: self.context.now + Self::task_timeout(&task),
            worker_version,
        })));
        let answer = self.run().task_answer().ok_or_else(not_found)?;
        if self.run().pending_updates.iter().any(|update| !update.sent) {
            self.change(StateChange::UpdatesSent);
        }
        Ok(answer)
    }

    /// The waiting task, made ready to be started.
    fn startable_task(&mut self) -> Result<WorkflowTask, Reject> {
        let Some(task) = self.run().core.workflow_task else {
            return Err(not_found());
        };
        if self.run().is_deciding() {
            return Err(Reject::not_found("Workflow task already started."));
        }
        if !task.sticky && !task.speculative && self.run().core.sticky.is_some() {
            // The worker with the cache didn't come: another one decides now. (Of a speculative task its end will tell.)
            self.change(StateChange::StickySet(None));
        }
        if task.attempt > 1 && task.scheduled_event_id != self.run().core.next_event_id {
            // Events have come since: no longer the same decision again.
            self.append(A::WorkflowTaskScheduledEventAttributes(WorkflowTaskScheduledEventAttributes {
                task_queue: Some(TaskQueue {
                    name: self.run().core.task_queue.clone(),
                    kind: TaskQueueKind::Normal.into(),
                    ..TaskQueue::default()
                }),
                start_to_close_timeout: Some(to_proto_duration(Self::task_timeout(&task))),
                attempt: 1,
            }));
        }
        self.run().core.workflow_task.ok_or_else(not_found)
    }

    /// Writes the start of the running task, whose outcome comes from `reporter`. Returns the ids of its two events.
    pub(crate) fn append_task_start(
        &mut self,
        task: &WorkflowTask,
        started: &StartedWorkflowTask,
        reporter: Reporter,
    ) -> (i64, i64) {
        if task.has_event() {
            let version = started.worker_version.clone();
            let attributes = started_attributes(task, started, started.identity.clone(), version);
            let started_event_id = self.append_event(event(0, started.started_time, attributes));
            return (task.scheduled_event_id, started_event_id);
        }
        let attributes = self.run().scheduled_attributes(task);
        let scheduled_event_id = self.append_event(event(0, Time(task.scheduled_time), attributes));
        let task = WorkflowTask { scheduled_event_id, ..*task };
        let attributes = started_attributes(&task, started, reporter.identity, reporter.worker_version);
        (scheduled_event_id, self.append_event(event(0, started.started_time, attributes)))
    }
}

/// The answer to a poll or a worker whose task is not there (any more).
pub(crate) fn not_found() -> Reject {
    Reject::not_found("Workflow task not found.")
}

fn event(event_id: i64, time: Time, attributes: A) -> HistoryEvent {
    let mut event = HistoryEvent { event_id, event_time: Some(time.to_proto()), ..HistoryEvent::default() };
    event.set_event_type(event_type(&attributes));
    event.attributes = Some(attributes);
    event
}

fn started_attributes(
    task: &WorkflowTask,
    started: &StartedWorkflowTask,
    identity: String,
    worker_version: Option<WorkerVersionStamp>,
) -> A {
    A::WorkflowTaskStartedEventAttributes(WorkflowTaskStartedEventAttributes {
        scheduled_event_id: task.scheduled_event_id,
        identity,
        worker_version,
        request_id: started.request_id.clone(),
        suggest_continue_as_new: started.suggest_continue_as_new,
        suggest_continue_as_new_reasons: started.suggest_reasons.iter().map(|reason| (*reason).into()).collect(),
        history_size_bytes: started.history_size,
        ..WorkflowTaskStartedEventAttributes::default()
    })
}
