//! What the events of workflow tasks change.
//!
//! A failed or timed-out task is gone here; that another attempt waits is a change of its own, because its time and
//! its kind (with events or transient) depend on what else the step does.

use model::{Time, from_proto_duration};
use proto::temporal::api::{
    enums::v1::{TaskQueueKind, WorkflowTaskFailedCause},
    history::v1::{
        HistoryEvent, WorkflowTaskCompletedEventAttributes, WorkflowTaskFailedEventAttributes,
        WorkflowTaskScheduledEventAttributes, WorkflowTaskStartedEventAttributes, WorkflowTaskTimedOutEventAttributes,
    },
};

use super::build;
use crate::{
    Run, Sticky, WorkflowTask,
    run::{event_time, nanos},
};

/// A task waits, on the sticky queue if the event says so. A delayed first task is delayed no more.
pub(super) fn scheduled(run: &mut Run, event: &HistoryEvent, attributes: &WorkflowTaskScheduledEventAttributes) {
    let time = event_time(event);
    let sticky = attributes.task_queue.as_ref().is_some_and(|queue| queue.kind() == TaskQueueKind::Sticky);
    run.core.workflow_task = Some(WorkflowTask {
        scheduled_event_id: event.event_id,
        scheduled_time: time.0,
        original_scheduled_time: time.0,
        attempt: attributes.attempt,
        sticky,
        start_to_close_timeout: nanos(from_proto_duration(attributes.start_to_close_timeout.as_ref())),
        schedule_to_start_deadline: if sticky { sticky_deadline(run, time) } else { 0 },
        visible_time: 0,
        speculative: false,
    });
    run.core.first_task_due = 0;
}

/// When a task that waits on the sticky queue since `time` gives up on its worker; zero where the worker has set no time.
fn sticky_deadline(run: &Run, time: Time) -> i64 {
    run.core.sticky.as_ref().and_then(Sticky::patience).map_or(0, |patience| (time + patience).0)
}

/// The start is in the history together with its outcome, which says what follows.
pub(super) fn started(_run: &mut Run, _event: &HistoryEvent, _attributes: &WorkflowTaskStartedEventAttributes) {}

/// The task is over and the worker healthy; what its build was is kept as a point to reset to.
pub(super) fn completed(run: &mut Run, event: &HistoryEvent, attributes: &WorkflowTaskCompletedEventAttributes) {
    end_task(run);
    run.core.previous_started_event_id = attributes.started_event_id;
    run.core.failed_workflow_tasks = 0;
    run.core.reported_problem.clear();
    build::add_reset_point(run, event, attributes);
    build::add_build_id(run, attributes.worker_version.as_ref());
    build::set_deployment(run, &attributes.worker_deployment_name);
}

/// The worker that failed may be the one with the cache: the next attempt goes to any worker.
pub(super) fn failed(run: &mut Run, _event: &HistoryEvent, attributes: &WorkflowTaskFailedEventAttributes) {
    end_task(run);
    run.core.sticky = None;
    run.core.close_attempted = attributes.cause() == WorkflowTaskFailedCause::UnhandledCommand;
}

/// Whether it ran or waited for its sticky worker: the next attempt goes to any worker.
pub(super) fn timed_out(run: &mut Run, _event: &HistoryEvent, _attributes: &WorkflowTaskTimedOutEventAttributes) {
    end_task(run);
    run.core.sticky = None;
}

fn end_task(run: &mut Run) {
    run.core.workflow_task = None;
    run.started_task = None;
    run.core.close_attempted = false;
}
