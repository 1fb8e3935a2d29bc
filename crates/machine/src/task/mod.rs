//! The workflow task: how one comes to wait, is handed to a worker, and ends.
//!
//! | state     | by                                | becomes                                  |
//! |-----------|-----------------------------------|------------------------------------------|
//! | none      | an event that it has to see       | scheduled, attempt 1, with its event     |
//! | none      | an update                         | scheduled, attempt 1, speculative        |
//! | scheduled | a poll                            | started, in memory only                  |
//! | scheduled | sticky worker doesn't come        | timed out, then scheduled on the normal queue |
//! | started   | completed                         | none, or scheduled if events have come   |
//! | started   | failed or timed out, was sticky   | scheduled, attempt 1, on the normal queue |
//! | started   | failed or timed out               | scheduled, attempt + 1, transient        |
//!
//! An attempt after the first is transient: it has no events until it completes, so that a workflow that can't make
//! progress doesn't grow its history. If events arrive meanwhile it becomes a first attempt again. A speculative one has no
//! events either until something comes of it.

mod end;
mod flush;
mod speculative;
mod start;

use std::time::Duration;

use model::from_proto_duration;
use proto::temporal::api::{
    enums::v1::TaskQueueKind,
    history::v1::{WorkflowTaskScheduledEventAttributes, history_event::Attributes as A},
    taskqueue::v1::TaskQueue,
};

use crate::{
    Draft, Run, StateChange, WorkflowTask,
    run::{nanos, span},
};

pub(crate) use end::{Failed, SERVER};
pub(crate) use speculative::leaves_no_trace;
pub(crate) use start::{Reporter, not_found};

/// Attempts up to this one get the workflow's own timeout; later ones get more and more on top of it.
const PATIENT_ATTEMPTS: i32 = 3;

/// What the first attempt after those gets on top.
const RETRY_INITIAL: Duration = Duration::from_secs(5);

impl Run {
    /// Where the next workflow task goes.
    pub fn next_task_queue(&self) -> TaskQueue {
        let normal = self.core.task_queue.clone();
        match &self.core.sticky {
            Some(sticky) => {
                TaskQueue { name: sticky.task_queue.clone(), kind: TaskQueueKind::Sticky.into(), normal_name: normal }
            }
            None => TaskQueue { name: normal, kind: TaskQueueKind::Normal.into(), ..TaskQueue::default() },
        }
    }
}

impl Draft {
    /// Makes sure that a worker will see the new events: schedules a workflow task unless one waits or is running.
    pub fn schedule_workflow_task(&mut self) {
        self.schedule_attempt(1, None);
    }

    /// As `schedule_workflow_task`; `attempt` is what the last failure asks for, `original_scheduled_time` (nanoseconds)
    /// carries on a chain of heartbeats.
    pub(crate) fn schedule_attempt(&mut self, attempt: i32, original_scheduled_time: Option<i64>) {
        if !self.run().is_open() || self.run().core.workflow_task.is_some() {
            return;
        }
        // New events make it a first attempt, and have to stand before it.
        let attempt = if self.flush_buffered() { 1 } else { attempt };
        let timeout = self.start_to_close_timeout(attempt);
        if attempt == 1 {
            let task_queue = Some(self.run().next_task_queue());
            self.append(A::WorkflowTaskScheduledEventAttributes(WorkflowTaskScheduledEventAttributes {
                task_queue,
                start_to_close_timeout: Some(model::to_proto_duration(timeout)),
                attempt,
            }));
        } else {
            self.change(StateChange::WorkflowTaskSet(Some(WorkflowTask {
                scheduled_event_id: self.run().core.next_event_id,
                scheduled_time: self.context.now.0,
                original_scheduled_time: self.context.now.0,
                attempt,
                sticky: false,
                start_to_close_timeout: nanos(timeout),
                schedule_to_start_deadline: 0,
                visible_time: 0,
                speculative: false,
            })));
        }
        if let (Some(time), Some(task)) = (original_scheduled_time, self.run().core.workflow_task) {
            self.change(StateChange::WorkflowTaskSet(Some(WorkflowTask { original_scheduled_time: time, ..task })));
        }
    }

    /// The time that a worker has for this attempt.
    pub(super) fn start_to_close_timeout(&mut self, attempt: i32) -> Duration {
        let own = from_proto_duration(self.run().started().workflow_task_timeout.as_ref());
        let Ok(repeated @ 1..) = u32::try_from(attempt - PATIENT_ATTEMPTS) else {
            return own;
        };
        let wait = RETRY_INITIAL.saturating_mul(2_u32.saturating_pow(repeated - 1));
        let wait = wait.min(self.context.limits.workflow_task_retry_max);
        // A fifth of it is jitter, so that what failed together is not tried together.
        own.saturating_add(wait.mul_f64(0.8 + 0.2 * self.context.entropy.fraction()))
    }

    /// How long the running or waiting task may take, as its record says.
    pub(crate) fn task_timeout(task: &WorkflowTask) -> Duration {
        span(task.start_to_close_timeout)
    }
}
