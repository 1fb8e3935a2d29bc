//! Time has passed: everything that is due is done, in one step.
//!
//! What is due together goes in this order: the workflow task (its first wait, its worker's time, its wait for the worker
//! with the cache, its retry), timers, activities (`activity::timeout` has the order among their timeouts; the end of a
//! retry's wait comes after all of those), and at last the end of the run.

use model::{Reject, Time};
use proto::temporal::api::{
    enums::v1::TimeoutType,
    history::v1::{WorkflowTaskTimedOutEventAttributes, history_event::Attributes as A},
};

use crate::{Draft, Reply, Run, StateChange, Step, WorkflowTask, activity, timer};

/// What a closed run waits for, its deletion, isn't for the machine to do.
pub(super) fn handle(mut draft: Draft) -> Result<Step, Reject> {
    if draft.run().is_open() {
        workflow_task(&mut draft);
        timer::fire(&mut draft);
        activity::wake::fire(&mut draft);
        // The end comes last, so that what was due before it is in the history.
        if is_due(&draft, expiration(draft.run())) {
            draft.time_out_run()?;
        }
    }
    draft.finish(Reply::Done)
}

/// When the run, or the whole chain of runs, has taken too long.
pub(crate) fn expiration(run: &Run) -> Option<Time> {
    let own = Time(run.core.run_expiration).non_zero();
    let chain = Time(run.core.execution_expiration).non_zero();
    own.into_iter().chain(chain).min()
}

/// When a task that waits on its worker's own queue gives up on that worker, who is not `deciding` yet.
pub(crate) fn sticky_deadline(run: &Run, deciding: bool) -> Option<Time> {
    let task = run.core.workflow_task.as_ref().filter(|_| !deciding)?;
    Time(task.schedule_to_start_deadline).non_zero()
}

/// When a task that is held back may be dispatched.
pub(crate) fn visible(run: &Run) -> Option<Time> {
    Time(run.core.workflow_task.as_ref()?.visible_time).non_zero()
}

fn is_due(draft: &Draft, deadline: Option<Time>) -> bool {
    deadline.is_some_and(|deadline| deadline <= draft.context.now)
}

fn workflow_task(draft: &mut Draft) {
    if is_due(draft, Time(draft.run().core.first_task_due).non_zero()) {
        draft.schedule_workflow_task();
    }
    if is_due(draft, worker_deadline(draft)) {
        let attempt = draft.time_out_workflow_task();
        draft.schedule_attempt(attempt, None);
    }
    if is_due(draft, sticky_deadline(draft.run(), draft.run().is_deciding())) {
        give_up_sticky(draft);
    }
    if is_due(draft, visible(draft.run()))
        && let Some(task) = draft.run().core.workflow_task
    {
        draft.change(StateChange::WorkflowTaskSet(Some(WorkflowTask { visible_time: 0, ..task })));
    }
}

/// When the time of the worker that decides is up. A run that ends at the same time ends without further ado.
fn worker_deadline(draft: &Draft) -> Option<Time> {
    let deadline = draft.run().started_task.as_ref()?.deadline;
    let end = expiration(draft.run()).filter(|end| *end <= draft.context.now);
    end.is_none_or(|end| deadline < end).then_some(deadline)
}

/// The worker with the cache didn't come for its task: any other may.
fn give_up_sticky(draft: &mut Draft) {
    let Some(task) = draft.run().core.workflow_task else {
        return;
    };
    draft.append(A::WorkflowTaskTimedOutEventAttributes(WorkflowTaskTimedOutEventAttributes {
        scheduled_event_id: task.scheduled_event_id,
        started_event_id: 0,
        timeout_type: TimeoutType::ScheduleToStart.into(),
    }));
    draft.schedule_workflow_task();
}
